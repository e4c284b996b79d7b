//! fosse-static.

fn main() {}
