//! fosse-counters.
