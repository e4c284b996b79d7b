//! fosse-frames.

fn main() {}
