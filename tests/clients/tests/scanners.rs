//! TLS as the scanners of others see it.

use std::process::Command;

use fosse_applications::{installed, output};
use fosse_clients::peers::{HOST, Peer};
use fosse_harness::{Backend, is_root};

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
