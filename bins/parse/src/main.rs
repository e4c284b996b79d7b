//! fosse-parse: turns client byte streams into request frames and response frames back into bytes.

fn main() {}
