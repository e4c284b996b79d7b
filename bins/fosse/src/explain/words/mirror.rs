//! The words of `fosse explain` on copies of requests.

use fosse_settings::{Dispatch, DispatchPolicy};

/// Returns a line for the backend that gets copies of the requests.
pub(super) fn mirror(dispatch: &Dispatch, policy: &DispatchPolicy) -> String {
    let Some(mirror) = &policy.mirror else { return String::new() };
    let number = usize::try_from(mirror.backend).unwrap_or(usize::MAX);
    let name = dispatch.backends.get(number).map_or("", |backend| backend.name.as_str());
    format!("mirror    \"{name}\": a copy of {} % of requests, whose responses are thrown away\n", mirror.percent)
}

#[cfg(test)]
mod tests {
    use fosse_settings::{Backend, Mirror};

    use super::*;

    #[test]
    fn says_which_backend_gets_copies() {
        let backends = ["app", "shadow"].map(|name| Backend { name: name.to_owned(), ..Backend::default() }).into();
        let dispatch = Dispatch { backends, ..Dispatch::default() };
        let said = |mirror| mirror_of(&dispatch, mirror);
        let line = "mirror    \"shadow\": a copy of 30 % of requests, whose responses are thrown away\n";
        assert_eq!(said(Some(Mirror { backend: 1, percent: 30 })), line);
        assert_eq!(said(None), "");
    }

    fn mirror_of(dispatch: &Dispatch, of_policy: Option<Mirror>) -> String {
        mirror(dispatch, &DispatchPolicy { mirror: of_policy, ..DispatchPolicy::default() })
    }
}
