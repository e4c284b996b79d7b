//! The sink of event lines.

use std::fmt::Arguments;

use fosse_die::{Severity, say};

use crate::PROGRAM;

/// Takes one event line: its severity, and its text without the program's name.
pub type Log = fn(Severity, Arguments<'_>);

/// Writes an event line to descriptor 2, or drops and counts it, as [`say`] does.
pub(crate) fn to_stderr(severity: Severity, text: Arguments<'_>) {
    say(PROGRAM, severity, text);
}
