//! Requests that go to another server: terms that can hold.

use crate::backends::Backends;
use crate::model::{Backend, Retries, Retry, RetryOn, Site};
use crate::policy::Policy;
use crate::problem::Problems;
use crate::value::Seconds;

/// Notes the problems of a backend's terms.
pub(super) fn of_backend(backend: &Backend, problems: &mut Problems) {
    if let Some(Retries::On(terms)) = backend.retry.sound() {
        terms_of_one(terms, problems);
        time(terms, backend.first_byte_seconds.sound().copied(), problems);
    }
}

/// Notes the problems of the terms of a site and its routes.
pub(super) fn of_site(site: &Site, backends: &Backends<'_>, problems: &mut Problems) {
    let own = site.retry.value.as_ref();
    for terms in own.into_iter().chain(site.route.iter().filter_map(|route| route.retry.value.as_ref())) {
        if let Retries::On(terms) = terms {
            terms_of_one(terms, problems);
        }
    }
    for policy in Policy::of(site) {
        let (Some((Retries::On(terms), _)), Some(backend)) = (policy.retry(), policy.backend(backends)) else {
            continue;
        };
        // What a route takes over has been looked at.
        if policy.route.is_none_or(|route| route.retry.value.is_some()) {
            time(terms, policy.first_byte_seconds().or(backend.first_byte_seconds.sound().copied()), problems);
        }
    }
}

fn has(terms: &Retry, failure: RetryOn) -> bool {
    terms.on.iter().any(|on| on.sound() == Some(&failure))
}

/// Notes keys that mean nothing beside others.
fn terms_of_one(terms: &Retry, problems: &mut Problems) {
    let (Some(on), Some(statuses)) = (terms.on.sound(), terms.status.sound()) else { return };
    if on.iter().any(|on| on.sound().is_none()) {
        return;
    }
    let reaches_two = has(terms, RetryOn::Reset) || has(terms, RetryOn::Timeout) || !statuses.is_empty();
    let of_two = [
        ("methods", terms.methods.written().map(|_| &terms.methods.span)),
        ("attempts_max", terms.attempts_max.written().map(|_| &terms.attempts_max.span)),
    ];
    if !reaches_two {
        for (key, span) in of_two {
            if let Some(span) = span {
                let what = format!("{key} is for requests that a server has heard of, which stay there");
                problems.note_with_cure(span, what, "add \"reset\" or \"timeout\" to on, or a status");
            }
        }
    } else if terms.attempts_max.written() == Some(&1) && (terms.on.written().is_some() || !statuses.is_empty()) {
        let what = "with one attempt nothing goes to a further server";
        problems.note_with_cure(&terms.attempts_max.span, what, "write 2 or more");
    }
}

/// Notes a time that is over before the failure that it is for.
fn time(terms: &Retry, first_byte: Option<Seconds>, problems: &mut Problems) {
    let (Some(all), Some(first_byte)) = (terms.seconds_max.written().copied().flatten(), first_byte) else { return };
    if has(terms, RetryOn::Timeout) && all <= first_byte {
        let what = "seconds_max is over before the first byte of a response is late, so no time-out is retried";
        problems.note_with_cure(&terms.seconds_max.span, what, "write more than first_byte_seconds");
    }
}
