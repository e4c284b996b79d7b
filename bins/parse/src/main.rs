//! fosse-parse.

fn main() {}
