//! fosse.

fn main() {}
