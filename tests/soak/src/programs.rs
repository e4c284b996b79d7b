//! Where the programs under test are: named by FOSSE_PROGRAMS, or built once, in the profile and place of this test itself.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

const PROGRAMS: [&str; 11] =
    ["start", "accept", "parse", "waf-filter", "dispatch", "connect", "log", "status", "store", "config", "load"];

/// Directory of the programs.
///
/// # Panics
/// Where they cannot be built.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| env::var_os("FOSSE_PROGRAMS").map_or_else(build, PathBuf::from))
}

/// `TARGET/TRIPLE/PROFILE`, where this program stands, or in `deps` below it.
fn build() -> PathBuf {
    let own = env::current_exe().unwrap();
    let above = own.parent().unwrap();
    let profile = if above.ends_with("deps") { above.parent().unwrap() } else { above };
    let target = profile.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).arg("build").arg("--quiet").env("CARGO_TARGET_DIR", target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    for name in PROGRAMS {
        cargo.args(["-p", &format!("fosse-{name}")]);
    }
    assert!(cargo.status().unwrap().success(), "the programs cannot be built: {cargo:?}");
    profile.to_path_buf()
}
