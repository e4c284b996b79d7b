//! Certificates and keys that are not as they should be: each is refused before anything serves,
//! with its file and the reason. Certificates are made by openssl, and read as an edge reads them.

mod made;

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use fosse_harness::{Dir, is_root, programs};

use made::{certificates, chain, issue, issue_between, openssl};

/// Returns whether a check of these files passes, and what it says.
fn check(dir: &Path, file: &str, key: &str, hosts: &str) -> (bool, String) {
    check_with(dir, file, key, hosts, &[])
}

fn check_with(dir: &Path, file: &str, key: &str, hosts: &str, flags: &[&str]) -> (bool, String) {
    let path = |name: &str| if name.starts_with('/') { name.to_owned() } else { dir.join(name).display().to_string() };
    let text = format!(
        "status_socket = \"off\"\n[[listen]]\naddress = \"127.0.0.1:18443\"\ntls = true\n[[certificate]]\nfile = \"{}\"\n\
         key = \"{}\"\n[[site]]\nhosts = [{hosts}]\nrespond = 200\nwaf = \"off\"\n",
        path(file),
        path(key)
    );
    std::fs::write(dir.join("fosse.toml"), text).unwrap();
    let mut start = Command::new(programs().join("fosse-start"));
    start.arg("--check").args(flags).arg("--config").arg(dir.join("fosse.toml")).arg("--programs").arg(programs());
    let out = start.output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[track_caller]
fn passes(dir: &Path, file: &str, key: &str, hosts: &str) {
    let (passes, said) = check(dir, file, key, hosts);
    assert!(passes, "{file} {key} {hosts}: {said}");
}

#[track_caller]
fn refused(dir: &Path, (file, key): (&str, &str), line: usize, wanted: &str) {
    refused_for(dir, (file, key), "\"a.example\"", line, wanted);
}

#[track_caller]
fn refused_for(dir: &Path, (file, key): (&str, &str), hosts: &str, line: usize, wanted: &str) {
    let (passes, said) = check(dir, file, key, hosts);
    let place = format!("fosse.toml:{line}: ");
    let found = said.lines().any(|said| said.contains(&place) && said.contains(wanted));
    assert!(!passes && found, "{file} {key}: {wanted}\n{said}");
}

/// Lines of the configuration.
const FILE: usize = 6;
const KEY: usize = 7;
const HOSTS: usize = 9;

#[test]
fn what_is_as_it_should_be_passes_whatever_the_kind_of_key() {
    let dir = Dir::new();
    let dir = dir.path();
    certificates(dir);
    passes(dir, "fullchain.pem", "leaf.key", "\"a.example\", \"x.a.example\", \"*.a.example\"");
    for (name, make) in [
        ("p384", "ecparam -name secp384r1 -genkey -noout -out p384.key"),
        ("ed", "genpkey -algorithm ed25519 -out ed.key"),
        ("rsa", "genrsa -out rsa.key 2048"),
        ("old", "genrsa -traditional -out old.key 3072"),
    ] {
        openssl(dir, make);
        issue(dir, name, "ca", "/CN=other", "-days 9", "leaf.ext");
        let file = format!("{name}.full.pem");
        chain(dir, &file, &[&format!("{name}.pem"), "ca.pem", "root.pem"]);
        passes(dir, &file, &format!("{name}.key"), "\"a.example\"");
    }
}

#[test]
fn each_fault_of_a_certificate_is_refused_with_its_file_and_reason() {
    let dir = Dir::new();
    let dir = dir.path();
    certificates(dir);
    let leaf = |file| (file, "leaf.key");
    refused(dir, leaf("nothing.pem"), FILE, "nothing.pem: there is no such file");
    refused(dir, leaf("leaf.ext"), FILE, "leaf.ext: there is no certificate in PEM");
    std::fs::write(dir.join("broken.pem"), "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").unwrap();
    refused(dir, leaf("broken.pem"), FILE, "broken.pem: the PEM of a certificate is malformed");
    std::fs::write(dir.join("other.pem"), "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n").unwrap();
    refused(dir, leaf("other.pem"), FILE, "other.pem: certificate 1 is not one");
    chain(dir, "with-key.pem", &["leaf.pem", "leaf.key"]);
    refused(dir, leaf("with-key.pem"), FILE, "there is a private key in it");
    chain(dir, "wrong-order.pem", &["ca.pem", "leaf.pem"]);
    refused(dir, leaf("wrong-order.pem"), FILE, "the chain is in the wrong order: certificate 2 is that of the key");
    chain(dir, "gap.pem", &["leaf.pem", "root.pem", "ca.pem"]);
    refused(dir, leaf("gap.pem"), FILE, "certificate 2 (CN=root) is not the issuer of the one before");
    issue(dir, "leaf", "ca", "/CN=leaf", "-days 9 -sha1", "leaf.ext");
    refused(dir, leaf("leaf.pem"), FILE, "is signed with SHA-1");
    std::fs::write(dir.join("client.ext"), "subjectAltName=DNS:a.example\nextendedKeyUsage=clientAuth\n").unwrap();
    issue(dir, "leaf", "ca", "/CN=leaf", "-days 9", "client.ext");
    refused(dir, leaf("leaf.pem"), FILE, "is not for servers");
    std::fs::write(dir.join("nameless.ext"), "keyUsage=digitalSignature\n").unwrap();
    issue(dir, "leaf", "ca", "/CN=a.example", "-days 9", "nameless.ext");
    refused(dir, leaf("leaf.pem"), FILE, "names no host");
    // Another authority of the same name, which has not signed it.
    openssl(dir, "ecparam -name prime256v1 -genkey -noout -out false.key");
    openssl(dir, "req -x509 -new -key false.key -subj /CN=ca -days 30 -out false.pem");
    issue(dir, "leaf", "ca", "/CN=leaf", "-days 9", "leaf.ext");
    chain(dir, "forged.pem", &["leaf.pem", "false.pem"]);
    refused(dir, leaf("forged.pem"), FILE, "has not signed the one before");
}

#[test]
fn a_certificate_before_and_after_its_time_is_refused() {
    let dir = Dir::new();
    let dir = dir.path();
    certificates(dir);
    issue_between(dir, "20200101000000Z", "20200201000000Z");
    refused(dir, ("leaf.pem", "leaf.key"), FILE, "the certificate has expired on 2020-02-01T00:00:00Z; renew it");
    issue_between(dir, "20900101000000Z", "20910101000000Z");
    refused(dir, ("leaf.pem", "leaf.key"), FILE, "the certificate does not hold before 2090-01-01T00:00:00Z");
    // As a start and a reload have it: other sites are fine.
    let (passes, said) = check_with(dir, "leaf.pem", "leaf.key", "\"a.example\"", &["--permit-untimely"]);
    assert!(passes && said.contains("event=certificate-untimely place="), "{said}");
}

#[test]
fn each_fault_of_a_key_is_refused_with_its_file_and_reason() {
    let dir = Dir::new();
    let dir = dir.path();
    certificates(dir);
    let key = |key| ("fullchain.pem", key);
    std::fs::copy(dir.join("leaf.ext"), dir.join("none.key")).unwrap();
    std::fs::set_permissions(dir.join("none.key"), PermissionsExt::from_mode(0o600)).unwrap();
    refused(dir, key("none.key"), KEY, "none.key: there is no private key in PEM");
    refused(dir, key("root.key"), FILE, "the key belongs to another certificate");
    openssl(dir, "pkey -in leaf.key -aes256 -passout pass:secret -out password.key");
    refused(dir, key("password.key"), KEY, "the key has a password");
    openssl(dir, "genrsa -out short.key 1024");
    refused(dir, key("short.key"), KEY, "fewer than 2048 bits");
    openssl(dir, "genrsa -out long.key 5120");
    refused(dir, key("long.key"), KEY, "more than 4096 bits");
    openssl(dir, "ecparam -name secp521r1 -genkey -noout -out p521.key");
    refused(dir, key("p521.key"), KEY, "the key is none of RSA, ECDSA on P-256 or P-384, and Ed25519");
}

#[test]
fn names_of_sites_that_no_certificate_has_are_refused_with_their_lines() {
    let dir = Dir::new();
    let dir = dir.path();
    certificates(dir);
    for hosts in ["\"b.example\"", "\"x.y.a.example\"", "\"*.x.a.example\"", "\"*.example\""] {
        let wanted = format!("no certificate has the name {}", hosts.trim_matches('"'));
        refused_for(dir, ("fullchain.pem", "leaf.key"), hosts, HOSTS, &wanted);
    }
    // Clients name no address.
    passes(dir, "fullchain.pem", "leaf.key", "\"a.example\", \"192.0.2.1\", \"~x\"");
}

#[test]
fn files_that_others_can_change_or_that_are_none_are_refused() {
    if !is_root() {
        return eprintln!("skipped: files of other users are made by root");
    }
    let dir = Dir::new();
    let dir = dir.path();
    certificates(dir);
    let mode = |name: &str, mode| std::fs::set_permissions(dir.join(name), PermissionsExt::from_mode(mode)).unwrap();
    mode("leaf.key", 0o604);
    refused(dir, ("fullchain.pem", "leaf.key"), KEY, "others may read or write it (mode 0604); chmod it to 0600");
    mode("leaf.key", 0o620);
    refused(dir, ("fullchain.pem", "leaf.key"), KEY, "others may read or write it (mode 0620)");
    mode("leaf.key", 0o640);
    passes(dir, "fullchain.pem", "leaf.key", "\"a.example\"");
    mode("fullchain.pem", 0o666);
    refused(dir, ("fullchain.pem", "leaf.key"), FILE, "others may write it (mode 0666)");
    mode("fullchain.pem", 0o644);
    chown(dir.join("leaf.key"), Some(1234), None).unwrap();
    refused(dir, ("fullchain.pem", "leaf.key"), KEY, "it belongs to user 1234, who could change it");
    chown(dir.join("leaf.key"), Some(0), None).unwrap();
    refused(dir, (dir.to_str().unwrap(), "leaf.key"), FILE, "it is no regular file");
    assert!(Command::new("mkfifo").arg(dir.join("fifo")).status().unwrap().success());
    refused(dir, ("fifo", "leaf.key"), FILE, "it is no regular file");
    std::fs::write(dir.join("empty.pem"), "").unwrap();
    refused(dir, ("empty.pem", "leaf.key"), FILE, "it is empty");
    std::fs::write(dir.join("large.pem"), vec![b'\n'; (1 << 20) + 1]).unwrap();
    refused(dir, ("large.pem", "leaf.key"), FILE, "it is longer than 1048576 bytes");
}

#[test]
fn links_are_followed_within_the_directory_of_the_configuration_and_not_out_of_it() {
    let (dir, outside) = (Dir::new(), Dir::new());
    let (dir, outside) = (dir.path(), outside.path());
    certificates(dir);
    // As certbot has them.
    std::fs::create_dir_all(dir.join("live/a.example")).unwrap();
    symlink("../../leaf.key", dir.join("live/a.example/privkey.pem")).unwrap();
    symlink("../../fullchain.pem", dir.join("live/a.example/fullchain.pem")).unwrap();
    passes(dir, "live/a.example/fullchain.pem", "live/a.example/privkey.pem", "\"a.example\"");
    std::fs::copy(dir.join("leaf.key"), outside.join("leaf.key")).unwrap();
    symlink(outside.join("leaf.key"), dir.join("away.key")).unwrap();
    refused(dir, ("fullchain.pem", "away.key"), KEY, "it is a link, or lies behind one");
    let named = outside.join("named.key");
    symlink(outside.join("leaf.key"), &named).unwrap();
    refused(dir, ("fullchain.pem", named.to_str().unwrap()), KEY, "it is a link, or lies behind one");
}
