//! After a reload every key of fosse.toml is in force, or start says that it is not: a change of
//! any key changes a part of the plan, and each part of the plan takes effect on a running edge.

mod changes;
mod ordered;
mod parts;
