//! fosse-load.

fn main() {}
