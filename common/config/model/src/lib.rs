//! fosse-model: fosse.toml, read into a model that cannot be wrong, or refused with every reason at
//! once.
//!
//! [`read_sources`] takes the files and gives an [`Edge`] or a [`Report`]; [`compile_sources`] goes
//! on to the plan. [`read`] and [`compile`] do so for one file.
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
mod policy;
mod problem;
pub mod section;
mod servers;
mod source;
mod texts;
pub mod value;
pub mod words;

pub use fosse_plan::CONFIGURATION_BYTES_MAX;
use fosse_plan::Plan;
use fosse_wire::blob::BlobError;

pub use accounts::{ACCOUNTS_BYTES_MAX, Accounts};
pub use backends::Backends;
pub use buffering::buffers_whole;
pub use model::{Backend, Edge, FastCgi, Health, Limits, Listen, Route, Site, Timeouts};
pub use problem::{Located, PROBLEMS_SHOWN_MAX, Problem, Problems, Report, Span};
pub use servers::ServerEntry;
pub use source::{ENVIRONMENT_BYTES_MAX, Environment, Gathered, Source, Sources, includes};

/// Reads a configuration of one file, in an environment without variables. `file` is the name shown
/// in messages.
///
/// # Errors
/// As [`read_sources`].
pub fn read(file: &str, bytes: &[u8]) -> Result<Edge, Report> {
    read_sources(&Sources::one(file, bytes))
}

/// Reads a configuration.
///
/// # Errors
/// All problems, in the order of the files. Mistakes of syntax are reported alone: what comes after
/// them cannot be trusted.
pub fn read_sources(sources: &Sources<'_>) -> Result<Edge, Report> {
    let texts = sources.texts()?;
    let mut problems = Problems::of_tables(model::table_of);
    let Some(document) = source::document(&texts, sources.environment, &mut problems) else {
        return Err(problems.report(&texts));
    };
    let edge = Edge::read_table(0..0, &document, &mut problems);
    check::edge(&edge, &mut problems);
    if problems.is_empty() { Ok(edge) } else { Err(problems.report(&texts)) }
}

/// Reads a configuration of one file and compiles it to the plan with all blobs, as [`read`].
///
/// # Errors
/// As [`compile_sources`].
pub fn compile(file: &str, bytes: &[u8], accounts: &Accounts) -> Result<Plan, Report> {
    compile_sources(&Sources::one(file, bytes), accounts)
}

/// Checks that a file is TOML, whatever it says.
///
/// # Errors
/// All mistakes of syntax.
pub fn syntax(file: Source<'_>) -> Result<(), Report> {
    let sources = Sources { main: file, included: Vec::new(), environment: Environment::none() };
    let texts = sources.texts()?;
    let mut problems = Problems::default();
    source::parsed(&texts, &mut problems).map(drop).ok_or_else(|| problems.report(&texts))
}

/// Returns the plan by which fosse-load reads the files that a configuration includes.
///
/// # Errors
/// Names that are longer together than settings may be.
pub fn include_plan(names: Vec<String>) -> Result<Plan, BlobError> {
    compile::includes(names)
}

/// Reads a configuration and compiles it to the plan with all blobs.
///
/// # Errors
/// As [`read_sources`], and names of users and groups that `accounts` does not know.
pub fn compile_sources(sources: &Sources<'_>, accounts: &Accounts) -> Result<Plan, Report> {
    let edge = read_sources(sources)?;
    let mut problems = Problems::default();
    let texts = sources.texts()?;
    let plan = compile::plan(&edge, &texts, accounts, &mut problems);
    if problems.is_empty() { Ok(plan) } else { Err(problems.report(&texts)) }
}
