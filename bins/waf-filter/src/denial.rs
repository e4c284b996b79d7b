//! The decision against a request or a response, before it is a frame.

use fosse_wire::verdict::{Cause, Verdict};

use crate::spool::news::Loss;

/// A reason to deny, with the response that the client gets for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// Status of the response, 300 to 599.
    pub(crate) status: u16,
    pub(crate) cause: Cause,
    /// Number of the rule, 0 where none was involved.
    pub(crate) rule: u32,
    /// Text for logs.
    pub(crate) message: Vec<u8>,
    /// Target of a redirection; empty without one.
    pub(crate) location: Vec<u8>,
    /// Seconds for Retry-After, 0 for none.
    pub(crate) retry_after: u32,
}

impl Denial {
    /// A denial without a rule.
    pub(crate) fn new(status: u16, cause: Cause, message: &str) -> Self {
        Self { status, cause, rule: 0, message: message.into(), location: Vec::new(), retry_after: 0 }
    }

    /// A denial because the lane's memory is used up, which may be over in a second.
    pub(crate) fn out_of_memory(message: &str) -> Self {
        Self { retry_after: 1, ..Self::new(503, Cause::Memory, message) }
    }

    /// A denial because the spool has lost the body, or has no room for it, which may be over in a
    /// second.
    pub(crate) fn not_spooled(loss: Loss) -> Self {
        let cause = if loss == Loss::Full { Cause::SpoolFull } else { Cause::Spool };
        Self { retry_after: 1, ..Self::new(503, cause, loss.words()) }
    }

    /// Returns the frame body about request `request` of site `site`.
    pub(crate) fn verdict(&self, site: u32, request: u64) -> Verdict<'_> {
        Verdict {
            status: self.status,
            cause: self.cause,
            rule: self.rule,
            retry_after: self.retry_after,
            site,
            request,
            location: &self.location,
            message: &self.message,
        }
    }
}
