//! fosse-status.

fn main() {}
