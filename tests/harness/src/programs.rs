//! The programs under test, built once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The packages an edge consists of, the command, and what else is installed.
const PACKAGES: &[&str] = &[
    "fosse",
    "fosse-start",
    "fosse-accept",
    "fosse-parse",
    "fosse-waf-filter",
    "fosse-dispatch",
    "fosse-encode",
    "fosse-connect",
    "fosse-log",
    "fosse-status",
    "fosse-spool",
    "fosse-cache",
    "fosse-store",
    "fosse-prober",
    "fosse-resolve",
    "fosse-parse-h2",
    "fosse-connect-tls",
    "fosse-dispatch-h2",
    "fosse-password",
    "fosse-config",
    "fosse-load",
    "fosse-certs",
    "fosse-keys",
    "fosse-static",
    "fosse-frames",
    "fosse-tls",
    "fosse-canary",
];

/// Returns the directory of the programs: the one FOSSE_PROGRAMS names, else the one this test's
/// own executable was built into, after every program was built there (same profile, same target
/// directory).
///
/// # Panics
/// Where they do not build.
#[must_use]
pub fn programs() -> &'static Path {
    static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    // Failure is remembered too: a second try would fail as slowly.
    let place = PLACE.get_or_init(|| match std::env::var_os("FOSSE_PROGRAMS") {
        Some(directory) => Some(directory.into()),
        None => built(),
    });
    place.as_deref().expect("the programs do not build")
}

/// A test's executable lies in TARGET/TRIPLE/PROFILE/deps, an example's in
/// TARGET/TRIPLE/PROFILE/examples.
fn built() -> Option<PathBuf> {
    let exe = std::env::current_exe().unwrap();
    let mut place = exe.parent().unwrap().to_path_buf();
    if place.ends_with("deps") || place.ends_with("examples") {
        place.pop();
    }
    let target = place.parent().and_then(Path::parent).expect("the executable lies in a target directory");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).args(["build", "-q", "--target-dir"]).arg(target);
    // The directory of a profile has its name, but for that of dev.
    if let Some(profile) = place.file_name().filter(|name| *name != "debug") {
        cargo.arg("--profile").arg(profile);
    }
    for package in PACKAGES {
        cargo.args(["-p", package]);
    }
    cargo.status().unwrap().success().then_some(place)
}
