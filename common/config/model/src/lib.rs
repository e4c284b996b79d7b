//! fosse-model: fosse.toml, read into a model that cannot be wrong, or refused with every reason at
//! once.
//!
//! [`read`] takes the bytes and gives an [`Edge`] or a [`Report`]; [`compile`] goes on to the plan.
//! The tables and keys are rows of [`model`]: the row is the field, its reader, its
//! limits and its line in fosse.toml(5).
//!
//! The `toml` crate gives values with their places; the tables are read from those values by hand
//! and not by serde, because serde ends at the first error and knows no place for a missing or an
//! unsuitable value. A person who has made three mistakes sees three.
//!
//! Nothing here opens a file or looks up a name: user and group names stay names, files stay paths.

#![forbid(unsafe_code)]

mod accounts;
pub mod address;
mod backends;
mod buffering;
mod check;
mod choices;
mod compile;
mod exclusions;
mod foreign;
pub mod manual;
pub mod model;
pub mod names;
mod problem;
pub mod section;
mod servers;
pub mod value;

use fosse_plan::Plan;
use toml::de::DeTable;

pub use accounts::{ACCOUNTS_BYTES_MAX, Accounts};
pub use backends::Backends;
pub use buffering::buffers_whole;
pub use model::{Backend, Edge, Health, Limits, Listen, Route, Site, Timeouts};
pub use problem::{Located, PROBLEMS_SHOWN_MAX, Problem, Problems, Report, Span};
pub use servers::ServerEntry;

/// Longest configuration: some 10,000 sites of 400 bytes. The worst text of this length (one
/// mistake a byte) takes 1 GiB and two seconds to refuse.
pub const CONFIGURATION_BYTES_MAX: usize = 4 << 20;

/// Reads a configuration. `file` is the name shown in messages.
///
/// # Errors
/// All problems, in the order of the file. Mistakes of syntax are reported alone: what comes after
/// them cannot be trusted.
pub fn read(file: &str, bytes: &[u8]) -> Result<Edge, Report> {
    if bytes.len() > CONFIGURATION_BYTES_MAX {
        return Err(Report::whole_file(
            file,
            &format!("the configuration is longer than {CONFIGURATION_BYTES_MAX} bytes"),
        ));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(file, bytes, error.valid_up_to())),
    };
    let mut problems = Problems::of_tables(model::table_of);
    let (document, mistakes) = DeTable::parse_recoverable(text);
    for mistake in &mistakes {
        problems.note(&mistake.span().unwrap_or(text.len()..text.len()), mistake.message());
    }
    if !problems.is_empty() {
        return Err(problems.report(file, text));
    }
    let edge = Edge::read_table(0..0, document.get_ref(), &mut problems);
    check::edge(&edge, &mut problems);
    if problems.is_empty() { Ok(edge) } else { Err(problems.report(file, text)) }
}

/// Reads a configuration and compiles it to the plan with all blobs. `file` is the name shown in
/// messages.
///
/// # Errors
/// As [`read`], and names of users and groups that `accounts` does not know.
pub fn compile(file: &str, bytes: &[u8], accounts: &Accounts) -> Result<Plan, Report> {
    let edge = read(file, bytes)?;
    let mut problems = Problems::default();
    let plan = compile::plan(&edge, accounts, &mut problems);
    if problems.is_empty() { Ok(plan) } else { Err(problems.report(file, &String::from_utf8_lossy(bytes))) }
}

fn not_utf8(file: &str, bytes: &[u8], at: usize) -> Report {
    let text = String::from_utf8_lossy(bytes);
    let mut problems = Problems::default();
    problems.note_with_cure(&(at..at), "a byte that is not UTF-8", "save the file as UTF-8");
    problems.report(file, &text)
}
