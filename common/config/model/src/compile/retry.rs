//! The terms on which requests go to another server.

use fosse_settings as blobs;

use crate::model::{Retries, RetryMethods, RetryOn};

/// Returns the terms as dispatch sees them.
pub(crate) fn retry(terms: &Retries) -> blobs::Retry {
    let Retries::On(terms) = terms else { return blobs::Retry::off() };
    let has = |failure| terms.on.iter().any(|on| on.value == failure);
    blobs::Retry {
        on: blobs::RetryOn {
            connect: has(RetryOn::Connect),
            reset: has(RetryOn::Reset),
            timeout: has(RetryOn::Timeout),
        },
        status: terms.status.iter().map(|status| (status.0.first, status.0.last)).collect(),
        methods: match terms.methods.value {
            RetryMethods::Safe => blobs::RetryMethods::Safe,
            RetryMethods::Idempotent => blobs::RetryMethods::Idempotent,
            RetryMethods::Any => blobs::RetryMethods::Any,
        },
        attempts_max: terms.attempts_max.value,
        seconds_max: terms.seconds_max.value.map(|time| time.duration()),
    }
}
