//! The reconciler: what an edge should be, what was seen of it, and the steps from the one to the
//! other: first as functions without an effect, then carried out.

pub(crate) mod carry_out;
pub(crate) mod delivery;
pub(crate) mod desired;
pub(crate) mod lifecycle;
#[cfg(test)]
mod model;
pub(crate) mod orders;
pub(crate) mod seen;
pub(crate) mod view;
