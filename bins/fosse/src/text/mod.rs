//! Configurations as texts: their layout, and those of other servers.

pub(crate) mod fmt;
pub(crate) mod migrate;
