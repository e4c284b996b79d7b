//! Requests on their way to dispatch: every one is passed on whole, or replaced by a verdict.

pub(crate) mod buffered;
pub(crate) mod evaluate;
pub(crate) mod frames;
pub(crate) mod in_spool;
pub(crate) mod protocol;
pub(crate) mod release;
pub(crate) mod releasing;
pub(crate) mod spooled;
