//! The CA of the tests, with a client that people use: what tests of ACME rely on.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use fosse_applications::{Server, installed, output};
use fosse_harness::{Dir, Pebble, free_port, pebble::Options, wait_for};

fn directory(pebble: &Pebble) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--fail", "--max-time", "60", "--cacert"]).arg(pebble.ca_file()).arg(pebble.directory());
    output(&mut curl)
}

fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    entries
        .into_iter()
        .find_map(|path| if path.is_dir() { find(&path, name) } else { path.ends_with(name).then_some(path) })
}

#[test]
fn two_authorities_have_directories_and_roots_of_their_own() {
    let Some(first) = Pebble::start(1, 2) else { return };
    let account = Some(("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"));
    let second = Pebble::with(1, 2, &Options { account, ..Options::default() }).unwrap();
    assert!(directory(&first).contains(r#""externalAccountRequired": false"#), "{}", directory(&first));
    assert!(directory(&second).contains(r#""externalAccountRequired": true"#), "{}", directory(&second));
    assert!(directory(&first).contains("renewalInfo"));
    assert!(first.root().starts_with("-----BEGIN CERTIFICATE-----") && first.root() != second.root());
}

#[test]
fn a_certificate_is_issued_to_caddy_and_revoked_by_its_key() {
    let Some(caddy) = installed("caddy") else { return };
    let (dir, http, https) = (Dir::new(), free_port(), free_port());
    let Some(pebble) = Pebble::start(http, https) else { return };
    let (ca, storage) = (pebble.ca_file(), dir.join("storage"));
    let text = format!(
        "{{\n admin off\n auto_https disable_redirects\n http_port {http}\n https_port {https}\n acme_ca {}\n acme_ca_root {}\n \
         storage file_system {}\n}}\na.example {{\n respond hello\n}}\n",
        pebble.directory(),
        ca.display(),
        storage.display()
    );
    fs::write(dir.join("Caddyfile"), text).unwrap();
    let mut command = Command::new(caddy);
    command.args(["run", "--config", "Caddyfile"]).env("HOME", dir.path());
    let _caddy = Server::start(&mut command, &dir);
    let key = wait_for("a certificate", || {
        find(&storage, "a.example.json")?;
        find(&storage, "a.example.key")
    });
    let certificate = key.with_extension("crt");
    let mut openssl = Command::new("openssl");
    let serial = output(openssl.args(["x509", "-noout", "-serial", "-in"]).arg(&certificate));
    let status = || pebble.certificate_status(serial.trim().trim_start_matches("serial="));
    assert!(status().contains(r#""Status": "Valid""#), "{}", status());
    pebble.revoke(&certificate, &key);
    assert!(status().contains(r#""Status": "Revoked""#), "{}", status());
}
