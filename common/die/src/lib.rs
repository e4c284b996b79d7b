//! fosse-die.
