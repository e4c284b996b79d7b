//! The words of `fosse explain` on requests that go to another server.

use fosse_settings::{Backend, DispatchPolicy, Retry, RetryMethods};

/// Returns a line for the terms on which a request goes to another server.
pub(super) fn retry(policy: &DispatchPolicy, backend: &Backend) -> String {
    let terms = policy.retry.as_ref().unwrap_or(&backend.retry);
    let after = after(terms);
    if after.is_empty() {
        return "retry     never\n".to_owned();
    }
    let within = terms.seconds_max.map(|most| format!(", within {} s", most.as_secs_f64())).unwrap_or_default();
    if !reaches_two(terms) {
        return format!("retry     after {after}{within}\n");
    }
    let methods = match terms.methods {
        RetryMethods::Safe => "GET, HEAD, OPTIONS and TRACE",
        RetryMethods::Idempotent => "all but POST, PATCH and the like",
        RetryMethods::Any => "of all methods, though what they do may be done twice",
    };
    let (most, percent, least) = (terms.attempts_max, backend.retry_budget_percent, backend.retry_budget_min);
    format!(
        "retry     after {after}{within}: {methods}; {most} servers at most; {percent} % of requests, or {least} in 10 s\n"
    )
}

/// Returns what another server may take a request after.
fn after(terms: &Retry) -> String {
    let failures = [("connect", terms.on.connect), ("reset", terms.on.reset), ("timeout", terms.on.timeout)];
    let heard = |name: &str| name == "connect" || terms.attempts_max > 1;
    let failures = failures.iter().filter(|(name, on)| *on && heard(name)).map(|(name, _)| (*name).to_owned());
    let statuses = terms.status.iter().filter(|_| terms.attempts_max > 1);
    let statuses = statuses.map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    failures.chain(statuses).collect::<Vec<_>>().join(" ")
}

/// Returns whether two servers may hear of one request.
const fn reaches_two(terms: &Retry) -> bool {
    terms.attempts_max > 1 && (terms.on.reset || terms.on.timeout || !terms.status.is_empty())
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use fosse_settings::RetryOn;

    use super::*;

    fn said(of_backend: Retry, of_policy: Option<Retry>) -> String {
        let backend =
            Backend { retry: of_backend, retry_budget_percent: 20, retry_budget_min: 10, ..Backend::default() };
        retry(&DispatchPolicy { retry: of_policy, ..DispatchPolicy::default() }, &backend)
    }

    #[test]
    fn says_after_what_a_request_goes_to_another_server() {
        let usual = "after connect reset: all but POST, PATCH and the like; 2 servers at most; 20 % of requests, or 10 in 10 s\n";
        assert_eq!(said(Retry::default(), None), format!("retry     {usual}"));
        assert_eq!(said(Retry::off(), Some(Retry::default())), format!("retry     {usual}"));
        assert_eq!(said(Retry::default(), Some(Retry::off())), "retry     after connect\n");
        let never = Retry { on: RetryOn::default(), ..Retry::default() };
        assert_eq!(said(never, None), "retry     never\n");
        let all = Retry {
            on: RetryOn { connect: true, reset: true, timeout: true },
            status: vec![(429, 429), (502, 504)],
            methods: RetryMethods::Any,
            attempts_max: 3,
            seconds_max: Some(Duration::from_millis(1500)),
        };
        let line = "retry     after connect reset timeout 429 502-504, within 1.5 s: of all methods, though what they do \
                    may be done twice; 3 servers at most; 20 % of requests, or 10 in 10 s\n";
        assert_eq!(said(all, None), line);
    }
}
