//! fosse-applications: real software behind the edge, and in front of it. Each test starts what
//! people run, with its own defaults, and uses it through the edge with the client that people use.
//! What is not installed is skipped and said to be.

#![forbid(unsafe_code)]

use std::{path::Path, process::Command};

pub use fosse_harness::server::{Server, installed, output};

/// Runs curl, which fails on a status of 400 or more.
///
/// # Panics
/// Where it fails.
#[must_use]
pub fn curl(words: &[&str]) -> String {
    output(Command::new("curl").args(["-sS", "--fail-with-body", "--max-time", "600"]).args(words))
}

/// Returns the example of a manual page that has a text, with the places of this machine for those
/// of the page.
///
/// # Panics
/// Where it is not there, has no such place, or has 20 lines or more: that much anybody reads.
#[must_use]
pub fn example(page: &str, with: &str, places: &[(&str, &str)]) -> String {
    const LINES_MAX: usize = 19;
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page)).unwrap();
    let blocks = text.split(".Bd -literal -offset indent\n").skip(1).filter_map(|rest| rest.split_once(".Ed\n"));
    let (block, _) = blocks.into_iter().find(|(block, _)| block.contains(with)).expect(with);
    let lines = block.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= LINES_MAX, "{page}: {lines} lines");
    places.iter().fold(block.to_owned(), |text, (of_page, here)| {
        assert!(text.contains(of_page), "{page} has no {of_page}");
        text.replace(of_page, here)
    })
}
