//! The SecLang language, its compilation and the engine that runs a transaction through the rules:
//! bytes in, decisions out. No I/O, no clock, no unsafe.
//!
//! A [`Bundle`] holds rule files and the data files they name; [`Ruleset::compile`] turns it into
//! rules that any number of transactions share. A [`Transaction`] is given what came, in the order
//! it came, and runs the five phases. The law is ModSecurity 2; where it and version 3 differ,
//! version 2 is followed.
#![forbid(unsafe_code)]

mod action;
mod arena;
mod bundle;
mod check_digit;
mod collection_set;
mod compile;
mod diagnostic;
mod directive;
mod gate;
mod macros;
mod modes;
mod names;
mod network;
mod operator;
mod pick;
mod pipeline;
mod reader;
mod rule;
mod ruleset;
mod settings;
mod store;
mod target;
mod transaction;
mod variable;

pub use bundle::Bundle;
pub use diagnostic::{Diagnostic, Location};
pub use modes::{Audit, LimitAction, Mode, Processor, Sanitise, XmlArguments};
pub use ruleset::{Ruleset, Shape};
pub use settings::Settings;
pub use store::{Change, Collection, Field, Load, NoStore, Record, RecordAddress, Store};
pub use transaction::{Arena, Environment, Match, Now, Outcome, Schedule, Scratch, Taken, Transaction};
