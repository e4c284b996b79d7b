//! fosse-service: what every program of an edge repeats around its job.
//!
//! [`run`] takes a program from its command line to its exit status: the panic hook, the options of
//! the sandbox, the inherited descriptors, the counter page, the lock, READY, the event loop with
//! the orders of fosse-start, and the last line of the log. A program adds a [`Spec`], which is
//! data, and a [`Service`], which is its job:
//!
//! ```no_run
//! use fosse_eventloop::Event;
//! use fosse_inherit::{Expected, MESSAGES};
//! use fosse_lockdown::Policy;
//! use fosse_service::{ExitReason, Order, Process, Service, Spec, Usage};
//!
//! const SPEC: Spec = Spec {
//!     usage: &Usage::of_stage("fosse-idle", "does nothing"),
//!     policy: &Policy { program: "fosse-idle", ..Policy::NOTHING },
//!     descriptors: &[Expected::required(7, MESSAGES, "start")],
//!     lingers: false,
//! };
//!
//! struct Idle;
//!
//! impl Service for Idle {
//!     fn on_event(&mut self, _: &Process, _: Event) -> Result<(), ExitReason> {
//!         Ok(())
//!     }
//!
//!     fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
//!         match order {
//!             Order::Drain | Order::End => Err(ExitReason::Done),
//!             Order::Tell(_) | Order::Give(..) => Err(ExitReason::broken_protocol("start")),
//!         }
//!     }
//! }
//!
//! fn main() {
//!     fosse_service::run(&SPEC, |_, _| Ok(Idle))
//! }
//! ```
//!
//! Nothing of a program runs before the lock is on. One that has something to do earlier takes the
//! same steps one by one:
//!
//! ```no_run
//! # use std::os::fd::OwnedFd;
//! # use fosse_lockdown::Sealed;
//! # use fosse_service::{ExitReason, Given, Process, Service, Spec, Startup};
//! # type New<S> = fn(&Process, Given, OwnedFd, Vec<String>) -> Result<S, ExitReason>;
//! # fn program<S: Service>(spec: &'static Spec, new: New<S>) {
//! let startup = Startup::of_process(spec);
//! let rules = startup.args.values("--rules").to_vec(); // options of its own
//! let mut inherited = startup.inherit();
//! // What has to be looked at before the lock; sealed, it is read only after it.
//! let input = Sealed::new(inherited.descriptors.required(0));
//! let (process, given) = inherited.lock();
//! let input = given.open(input);
//! process.serve(|process| new(process, given, input, rules))
//! # }
//! ```

#![forbid(unsafe_code)]

mod exit;
mod process;
mod service;
mod start;
mod startup;

pub use exit::ExitReason;
pub use fosse_args::Usage;
pub use process::{Given, Process};
pub use service::Service;
pub use start::Order;
pub use startup::{Inherited, Spec, Startup};

/// Descriptor of the configuration, a sealed memfd.
const CONFIG_FD: i32 = 5;
/// Descriptor of the counter page.
const COUNTERS_FD: i32 = 6;
/// Descriptor of the conversation with start.
const START_FD: i32 = 7;

/// Runs a program from its command line to its exit. `new` makes its service, after the lock.
pub fn run<S: Service>(spec: &'static Spec, new: impl FnOnce(&Process, Given) -> Result<S, ExitReason>) -> ! {
    let (process, given) = Startup::of_process(spec).inherit().lock();
    process.serve(|process| new(process, given))
}
