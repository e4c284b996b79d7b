//! What is built into fosse: every crate from crates.io, under a licence that deny.toml allows.
//! `cargo deny` says more where it is installed; this much is held everywhere.

use std::process::Command;

use fosse_tidy::{none, read, top};

#[test]
fn every_crate_is_under_a_licence_that_is_allowed() {
    let out = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let rules = read("deny.toml");
    let allowed: Vec<&str> =
        rules.split("allow = [").nth(1).unwrap().split(']').next().unwrap().split('"').skip(1).step_by(2).collect();
    assert!(allowed.contains(&"MIT"), "deny.toml is not read");
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        // Of alternatives one is enough; what is joined must be allowed in all its parts.
        let fits = |one: &str| {
            one.trim_matches(['(', ')', ' '])
                .split(" AND ")
                .all(|part| allowed.contains(&part.trim_matches(['(', ')', ' '])))
        };
        if !licence.split(" OR ").any(fits) {
            wrong.push(format!("{} {}: '{licence}'", package["name"], package["version"]));
        }
    }
    none("licences", &wrong);
}

#[test]
fn every_crate_comes_from_one_registry() {
    let lock = read("Cargo.lock");
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    let foreign = sources.filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"");
    none("sources", &foreign.map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn both_licences_lie_beside_the_code() {
    assert!(read("LICENSE-APACHE").contains("Apache License") && read("LICENSE-MIT").contains("MIT License"));
    assert!(read("Cargo.toml").contains("license = \"Apache-2.0 OR MIT\""));
}
