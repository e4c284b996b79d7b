//! fosse-start.

fn main() {}
