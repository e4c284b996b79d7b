//! fosse-config.

fn main() {}
