//! Trailers of a request.

use crate::fault::Fault;
use crate::head::{is_lower_token, value_fault};
use crate::limits::TRAILER_BYTES_MAX;

/// Checks trailers field by field.
#[derive(Debug, Default)]
pub(crate) struct Trailers {
    fault: Option<Fault>,
    bytes: usize,
}

impl Trailers {
    pub(crate) fn see(&mut self, name: &[u8], value: &[u8]) {
        self.bytes += name.len() + value.len();
        if self.fault.is_none() && self.bytes <= TRAILER_BYTES_MAX {
            self.fault = fault(name, value);
        }
    }

    /// Returns what is wrong with them.
    pub(crate) const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Returns what they expand to, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn fault(name: &[u8], value: &[u8]) -> Option<Fault> {
    if name.first() == Some(&b':') {
        return Some(Fault::PseudoInTrailers);
    }
    if !is_lower_token(name) {
        return Some(Fault::BadFieldName);
    }
    if let Some(fault) = value_fault(value) {
        return Some(fault);
    }
    (!fosse_http1::trailer_allowed(name)).then_some(Fault::ForbiddenTrailer)
}
