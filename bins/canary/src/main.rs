//! fosse-canary: tries every forbidden action under each program's policy and prints what happened.

fn main() {}
