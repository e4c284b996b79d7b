//! Making processes: who makes one, of which file, with which descriptors and which user ID.

pub(crate) mod fork_server;
pub(crate) mod launcher;
pub(crate) mod namespaces;
pub(crate) mod programs;
pub(crate) mod spawn;
pub(crate) mod spawn_options;
pub(crate) mod uid_range;
pub(crate) mod zygote;
