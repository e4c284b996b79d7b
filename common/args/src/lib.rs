//! fosse-args.
