//! fosse-migrate: a configuration of another server as fosse.toml, and each line of it that fosse
//! has no key for.
//!
//! Each directive is either carried over or named in a note: what a reader of it does not know goes
//! to [`Notes`] by the last arm of its match, and none is passed over. What the other server is
//! told and fosse does anyway (HTTP/1.1 to backends, X-Forwarded-For) counts as carried over.
//!
//! Nothing here opens a file: who calls hands in what an `include` or a map names.

#![forbid(unsafe_code)]

mod caddy;
mod edge;
mod haproxy;
mod http;
mod limits;
mod nginx;
mod notes;
mod pcre;
mod php;
mod users;
mod when;
mod written;

pub use limits::{BLOCKS_DEPTH_MAX, FILES_COUNT_MAX, TEXT_BYTES_MAX};
pub use notes::{Note, Notes};

use std::fmt;

/// The server whose configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// nginx.conf.
    Nginx,
    /// haproxy.cfg.
    Haproxy,
    /// A Caddyfile.
    Caddy,
}

/// A configuration that was carried over, as far as it could be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// The text of fosse.toml.
    pub toml: String,
    /// Notes of the rest, in the order of the lines.
    pub notes: Vec<Note>,
}

/// The reason that a configuration cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Description.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// A file: its name and its text.
pub type File = (String, String);

/// Reads the files that a pattern of an `include`, or a map, names, in their order.
///
/// # Errors
/// One line of why they cannot be read.
pub type ReadFiles<'r> = &'r dyn Fn(&str) -> Result<Vec<File>, String>;

/// Turns a configuration into fosse.toml.
///
/// # Errors
/// The first line that is not in the other server's language.
pub fn migrate(format: Format, file: File, files: ReadFiles<'_>) -> Result<Migrated, Mistake> {
    let mut notes = Notes::default();
    let edge = match format {
        Format::Nginx => nginx::read(file, files, &mut notes)?,
        Format::Haproxy => haproxy::read(file, files, &mut notes)?,
        Format::Caddy => caddy::read(file, &mut notes)?,
    };
    let toml = edge.written();
    // Whatever the texts of the other server hold, they are in quotes here.
    let toml = fosse_layout::layout(&toml).unwrap_or(toml);
    Ok(Migrated { toml, notes: notes.in_order() })
}
