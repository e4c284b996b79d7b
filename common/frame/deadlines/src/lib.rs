//! fosse-deadlines: when which wait ends, and by which limit.
//!
//! Whoever waits has a [`Timer`], which says what kind of limit runs and until when, or that none
//! does. [`Deadlines`] is a heap of those that have one, known by the numbers of their slots: it
//! says how long the event loop may sleep, and whose time is over.
//!
//! Most limits are started again and again and never end a wait. So the heap is told only of what
//! ends earlier than it knows of. A slot that comes to the top before its time is put back with the
//! time that its timer has by then: a connection that goes from request to request costs the heap
//! one look for each limit, not for each request. No slot is in the heap twice.
//!
//! ```
//! # use fosse_deadlines::{Deadlines, Timer};
//! #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! enum Limit {
//!     Head,
//!     Idle,
//! }
//!
//! let (mut deadlines, mut timer, slot) = (Deadlines::default(), Timer::default(), 7);
//! timer.start(&mut deadlines, slot, Limit::Head, 1_000);
//! timer.start(&mut deadlines, slot, Limit::Idle, 60_000);
//! assert_eq!(deadlines.wait_ms(0), Some(1_000));
//!
//! assert!(deadlines.due(1_000, |_| timer.at_ms()).is_empty());
//! assert_eq!(deadlines.wait_ms(1_000), Some(59_000));
//!
//! assert_eq!(deadlines.due(60_000, |_| timer.at_ms()), [slot]);
//! assert_eq!(timer.take_due(60_000), Some(Limit::Idle));
//! ```

#![forbid(unsafe_code)]

mod heap;
mod timer;

pub use heap::{DUE_COUNT_MAX, Deadlines};
pub use timer::{Timer, after};
