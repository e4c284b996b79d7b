//! TLS as the scanners of others see it: testssl.sh and sslscan, as Debian has them.

use std::{fs, process::Command};

use fosse_applications::{installed, output};
use fosse_clients::peers::{HOST, Peer};
use fosse_harness::{Backend, Dir, is_root};

/// Findings about trust: the certificate is signed by itself, for a name of loopback.
const TRUST: &[&str] = &["cert_chain_of_trust", "cert_revocation"];

#[test]
fn testssl_finds_nothing_but_trust() {
    let Some(testssl) = installed("testssl") else { return };
    if std::env::var_os("FOSSE_SCANS").is_none() {
        println!("skipped: it takes a minute; make check-applications runs it");
        return;
    }
    if !is_root() {
        println!("skipped: fosse runs as root here");
        return;
    }
    let (app, dir) = (Backend::start(), Dir::new());
    // Some of its connections name no host.
    let fosse = Peer::fosse_with(app.path(), "[tls]\nunknown_names = \"default\"");
    let report = dir.join("report.csv");
    let mut command = Command::new(testssl);
    command.args(["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--csvfile"]).arg(&report);
    // Protocols, kinds of ciphers, forward secrecy, preferences, defaults, vulnerabilities.
    command.args(["-p", "-s", "-f", "-P", "-S", "-U"]).arg(format!("{HOST}:{}", fosse.port));
    // Its exit code counts what it found.
    let done = command.output().unwrap();
    let text = fs::read_to_string(&report).unwrap_or_default();
    let rows: Vec<Vec<&str>> =
        text.lines().skip(1).map(|line| line.trim_matches('"').split("\",\"").collect()).collect();
    let severity = |row: &[&str]| row.get(3).copied().unwrap_or_default().to_owned();
    let said = String::from_utf8_lossy(&done.stdout);
    for id in ["TLS1_3", "heartbleed", "secure_renego", "cipherlist_strong"] {
        let is_good = |row: &&Vec<&str>| row[0].eq_ignore_ascii_case(id) && severity(row) == "OK";
        assert!(rows.iter().any(|row| is_good(&row)), "{id}: {said}");
    }
    let is_bad = |row: &&Vec<&str>| {
        !["OK", "INFO"].contains(&severity(row).as_str()) && !TRUST.iter().any(|id| row[0].starts_with(id))
    };
    let bad: Vec<String> = rows.iter().filter(is_bad).map(|row| row.join(" ")).collect();
    assert_eq!(bad, Vec::<String>::new());
    assert_eq!(fosse.alarms(), Vec::<String>::new());
}

#[test]
fn sslscan_finds_two_versions_and_no_weak_cipher() {
    let Some(sslscan) = installed("sslscan") else { return };
    if !is_root() {
        println!("skipped: fosse runs as root here");
        return;
    }
    let app = Backend::start();
    let fosse = Peer::fosse(app.path());
    let text = output(Command::new(sslscan).args(["--no-colour", &format!("{HOST}:{}", fosse.port)]));
    let has = |words: &str| text.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == words);
    for version in ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"] {
        assert!(has(&format!("{version} disabled")), "{text}");
    }
    assert!(has("TLSv1.2 enabled") && has("TLSv1.3 enabled"), "{text}");
    assert!(text.contains("Session renegotiation not supported"), "{text}");
    let ciphers = text.lines().filter(|line| line.starts_with("Preferred") || line.starts_with("Accepted"));
    let weak: Vec<&str> = ciphers.filter(|line| !line.contains("GCM") && !line.contains("CHACHA20")).collect();
    assert_eq!(weak, Vec::<&str>::new());
}
