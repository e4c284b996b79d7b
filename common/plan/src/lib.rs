//! fosse-plan.
