//! Every decoder is fuzzed, and nothing of that is in a product or built with the programs.

use std::process::Command;

use fosse_tidy::{File, directories, files, libraries, none, read, top};

/// Crates that decode nothing themselves, and why.
const WITHOUT_TARGET: [(&str, &str); 33] = [
    ("accept", "reads no byte of a connection; its messages are wire's, its lists cidr's"),
    ("acceptor", "its messages are wire's, its lists cidr's"),
    ("arena", "words of a memory; its tests have every one of them lie"),
    ("args", "arguments of one's own process"),
    ("builtin_rules", "texts of ours, which seclang compiles"),
    ("canary", "reads what its own children found"),
    ("collections", "records come through wire.store and go on through store.conversation"),
    ("config", "its configuration is model's"),
    ("connect", "its message is wire's"),
    ("connect_tls", "its messages are wire's, its records rustls'"),
    ("connector", "its message is wire's"),
    ("deadlines", "times of ours; its test of random steps has a list beside it that is searched whole"),
    ("die", "writes"),
    (
        "dispatch_h2",
        "its bytes are http2's and http1's, its messages wire's: http2.servers goes from the one into the other",
    ),
    ("eventloop", "moves events"),
    ("fdpass", "its bytes are handed on as they are"),
    ("fosse", "a person's command: its configuration is model's, its tests are ftw's"),
    ("front", "its bytes are those of a program: parse.inbound and parse.outbound go all the way through it"),
    ("handshake", "its facts are wire's"),
    ("inherit", "descriptors of one's own process; their content is settings' and plan's"),
    ("keygen", "its task is settings', written by config; it reads nothing else"),
    ("load", "its rule files are gather's, its lists cidr's, its task plan's"),
    ("lockdown", "gives things up"),
    ("nearest", "compares words that model's target and a person bring"),
    ("parse_h2", "its bytes are http2's and http1's, its frames wire's: http2.frames goes from the one into the other"),
    ("records", "its records are rustls'"),
    ("service", "its messages are wire's"),
    ("session", "its messages are wire's; store.conversation and spool.conversation go through its replies"),
    ("source", "an address is 16 bytes, and every value of them is one"),
    ("spawn", "starts processes"),
    ("stage", "its frames are wire's"),
    ("start", "its plan is plan's, its messages are wire's"),
    ("sys", "system calls"),
];

/// Every crate of bins/ and common/, as targets name it.
fn crates() -> Vec<String> {
    let libraries = libraries().into_iter().filter_map(|place| Some(place.split('/').nth(1)?.to_owned()));
    libraries.chain(directories("bins")).map(|name| name.replace('-', "_")).collect()
}

#[test]
fn every_crate_that_decodes_has_a_fuzz_target() {
    let table = read("fuzz/src/targets.rs");
    let driven = |name: &String| table.contains(&format!("\n    \"{name}."));
    let excused = |name: &String| WITHOUT_TARGET.iter().any(|(crate_, _)| crate_ == name);
    none("crates without a target", &crates().into_iter().filter(|c| !driven(c) && !excused(c)).collect::<Vec<_>>());
    none(
        "crates with a target and an excuse",
        &crates().into_iter().filter(|c| driven(c) && excused(c)).collect::<Vec<_>>(),
    );
    let gone = WITHOUT_TARGET.iter().map(|(name, _)| (*name).to_owned()).filter(|name| !crates().contains(name));
    none("excuses of crates that are gone", &gone.collect::<Vec<_>>());
}

#[test]
fn no_product_has_code_for_a_fuzzer() {
    let marks =
        [concat!("mod fu", "zz"), concat!("fu", "zz.rs"), concat!("fuzz", "ing)"), concat!("feature = \"fu", "zz")];
    let has = |file: &File| marks.iter().any(|mark| file.text.contains(mark));
    let is_product =
        |file: &File| file.is_source() || (!file.path.starts_with("fuzz/") && file.path.ends_with("/Cargo.toml"));
    none(
        "products with fuzz code",
        &files().into_iter().filter(|f| is_product(f) && has(f)).map(|f| f.path).collect::<Vec<_>>(),
    );
}

#[test]
fn make_builds_programs_alone() {
    let mut make = Command::new("make");
    // Where this runs below another make, that one's options come by the environment, and what it
    // is asked for is told among lines about directories.
    for inherited in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS"] {
        make.env_remove(inherited);
    }
    let out = make.args(["--dry-run", "--no-print-directory", "all"]).current_dir(top()).output().expect("make runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let line = text.lines().next().unwrap_or_default();
    let named: Vec<&str> = line.split(" -p ").skip(1).map(str::trim).collect();
    let programs =
        directories("bins").into_iter().map(|name| if name == "fosse" { name } else { format!("fosse-{name}") });
    assert_eq!(named, programs.collect::<Vec<_>>(), "{line}");
    assert!(!line.contains("--workspace"), "{line}");
}
