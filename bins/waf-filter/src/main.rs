//! fosse-waf-filter.

fn main() {}
