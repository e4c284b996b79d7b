//! fosse-connect.

fn main() {}
