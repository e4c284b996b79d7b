//! fosse-accept.

fn main() {}
