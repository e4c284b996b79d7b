//! fosse-tidy: reads the tree as text, so that tests can hold it against the house rules.
//!
//! Only files that git tracks (or would track) count. Nothing is built or run but git and cargo.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

pub mod exceptions;
pub mod imports;
pub mod limits;
pub mod source;

/// The top of the repository.
#[must_use]
pub fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A file of the tree: its path from the top, with slashes, and its text.
#[derive(Clone, Debug)]
pub struct File {
    /// Path from the top.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl File {
    /// Whether it is a program's or a library's own source, not a test, example or build script.
    #[must_use]
    pub fn is_source(&self) -> bool {
        let inside = self.path.starts_with("bins/") || self.path.starts_with("common/");
        inside && self.path.contains("/src/") && self.path.ends_with(".rs")
    }

    /// The text up to the first `#[cfg(test)]`: house style puts tests last.
    #[must_use]
    pub fn without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }
}

/// Every text file of the tree.
///
/// # Panics
/// Where git is missing, or this is not its repository.
#[must_use]
pub fn files() -> Vec<File> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(top())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "git: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut files: Vec<File> = names
        .split_terminator('\0')
        .filter_map(|path| Some(File { text: std::fs::read_to_string(top().join(path)).ok()?, path: path.to_owned() }))
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 100, "only {} files: this is not the tree", files.len());
    files
}

/// One file's text, empty where there is none.
#[must_use]
pub fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap_or_default()
}

/// The wings of common/: one folder each for code that trusts alike, with a README.md that says
/// whom.
pub const WINGS: [&str; 6] = ["config", "frame", "http", "process", "tls", "waf"];

/// The crates of common/ as `WING/NAME`, sorted.
///
/// # Panics
/// Where a wing cannot be read.
#[must_use]
pub fn libraries() -> Vec<String> {
    let inside = |wing: &&str| {
        let names = directories(&format!("common/{wing}"));
        names.into_iter().map(|name| format!("{wing}/{name}")).collect::<Vec<_>>()
    };
    WINGS.iter().flat_map(inside).collect()
}

/// The names of the crates right below a directory, sorted.
///
/// # Panics
/// Where it cannot be read.
#[must_use]
pub fn directories(below: &str) -> Vec<String> {
    let entries = std::fs::read_dir(top().join(below)).expect("a directory");
    let is_crate = |path: &PathBuf| path.join("Cargo.toml").is_file();
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_crate)
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Fails with every finding on a line of its own.
///
/// # Panics
/// Where there is one.
pub fn none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}
