//! fosse-turn.
