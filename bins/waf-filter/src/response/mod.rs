//! Responses on their way back to parse: every one that is inspected is passed on whole, or another
//! comes in its place.

pub(crate) mod buffered;
pub(crate) mod evaluate;
pub(crate) mod flow;
pub(crate) mod frames;
pub(crate) mod pending;
