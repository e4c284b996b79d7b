//! fosse-log.

fn main() {}
