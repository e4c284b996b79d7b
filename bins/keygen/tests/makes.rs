//! Keys and requests as openssl sees them, made by the program as it runs in an edge.

use std::fs::{self, OpenOptions};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use fosse_harness::{Dir, Stage};
use fosse_settings::tls::{Keygen, KeygenKey};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fosse-keygen");

/// Runs the program: a key goes to the file `key`, the request or the certificate to `out`, the
/// certificate of the authority to `authority`. Returns whether it did, and what it has said.
fn run(task: &Keygen, words: &str, dir: &Path) -> (bool, String) {
    let file = |name: &str| {
        OwnedFd::from(OpenOptions::new().write(true).create(true).truncate(true).open(dir.join(name)).unwrap())
    };
    let (pipe, nothing) = std::io::pipe().unwrap();
    let mut fds = vec![(1, OwnedFd::from(nothing)), (8, file("key")), (9, file("out"))];
    if !words.is_empty() {
        fds.push((10, file("authority")));
    }
    let blob = fosse_wire::blob::encode(task).unwrap();
    let mut stage = Stage::spawn(Path::new(PROGRAM), Some(&blob), fds, &format!("set -- \"$@\" {words};"));
    drop(pipe);
    (stage.exit().success(), stage.log())
}

fn openssl(dir: &Path, words: &str) -> String {
    let out = Command::new("openssl").args(words.split_whitespace()).current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success(), "openssl {words}: {said}");
    said
}

fn task(key: KeygenKey) -> Keygen {
    Keygen { names: vec!["a.example".to_owned(), "*.a.example".to_owned()], key }
}

#[test]
fn a_request_has_all_names_and_is_signed_with_the_key_of_its_kind() {
    let dir = Dir::new();
    let dir = dir.path();
    for (kind, shown) in [
        (KeygenKey::EcdsaP256, "prime256v1"),
        (KeygenKey::EcdsaP384, "secp384r1"),
        (KeygenKey::Ed25519, "ED25519"),
        (KeygenKey::Rsa2048, "(2048 bit)"),
        (KeygenKey::Rsa3072, "(3072 bit)"),
        (KeygenKey::Rsa4096, "(4096 bit)"),
    ] {
        let (done, said) = run(&task(kind), "", dir);
        assert!(done && said.is_empty(), "{said}");
        let text = openssl(dir, "req -in out -inform DER -noout -text -verify");
        assert!(text.contains(shown) && text.contains("DNS:a.example, DNS:*.a.example"), "{kind:?}: {text}");
        assert!(text.contains("Subject: \n"), "nothing else says who it is for: {text}");
        let [of_key, of_request] =
            ["pkey -in key -pubout", "req -in out -inform DER -noout -pubkey"].map(|words| openssl(dir, words));
        assert_eq!(of_key, of_request, "{kind:?}");
    }
}

#[test]
fn two_keys_are_never_the_same() {
    let (one, two) = (Dir::new(), Dir::new());
    for dir in [&one, &two] {
        assert!(run(&task(KeygenKey::EcdsaP256), "", dir.path()).0);
    }
    let key = |dir: &Dir| fs::read(dir.join("key")).unwrap();
    assert_ne!(key(&one), key(&two));
}

#[test]
fn a_local_certificate_is_for_its_names_alone_and_so_is_its_authority() {
    let dir = Dir::new();
    let dir = dir.path();
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let (done, said) = run(&Keygen { names, key: KeygenKey::EcdsaP256 }, "--local", dir);
    assert!(done && said.is_empty(), "{said}");
    openssl(dir, "verify -purpose sslserver -verify_hostname localhost -CAfile authority out");
    openssl(dir, "verify -purpose sslserver -verify_ip 127.0.0.1 -CAfile authority out");
    let text = openssl(dir, "x509 -in authority -noout -text");
    for wanted in ["X509v3 Name Constraints: critical", "DNS:localhost", "IP:127.0.0.1/255.255.255.255", "pathlen:0"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    // Forms of names of which it has none are bound as well.
    for (name, wanted) in [("a.example", "IP:0.0.0.0/0.0.0.0"), ("192.0.2.1", "Excluded:")] {
        assert!(run(&Keygen { names: vec![name.to_owned()], key: KeygenKey::EcdsaP256 }, "--local", dir).0);
        let text = openssl(dir, "x509 -in authority -noout -text");
        assert!(text.contains(wanted), "{name}: {text}");
    }
    let keys = fs::read_dir(dir).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    assert_eq!(keys.filter(|text| text.contains("PRIVATE KEY")).count(), 1, "that of the authority is nowhere");
}

#[test]
fn a_name_that_no_certificate_can_have_makes_no_key() {
    let dir = Dir::new();
    let names = vec!["b\u{e9}.example".to_owned()];
    let (done, said) = run(&Keygen { names, key: KeygenKey::EcdsaP256 }, "", dir.path());
    assert!(!done && said.contains("unable to make a key"), "{said}");
    assert_eq!(fs::metadata(dir.join("key")).unwrap().len(), 0);
}
