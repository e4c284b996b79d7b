//! fosse-fdpass.
