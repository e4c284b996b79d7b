//! The authorities and the certificates that are ordered, after a reload: parts "acme" and
//! "authorities".

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use fosse_harness::{Dir, Edge, Pebble, free_port, is_root, wait_for};

/// An edge that orders certificates, and the ports at which authorities and clients ask it.
struct Ordering {
    edge: Edge,
    plain: u16,
    tls: u16,
    _store: Dir,
}

/// A configuration with these tables.
fn text(plain: u16, tables: &str) -> String {
    format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n\
         [[listen]]\naddress = \"127.0.0.1:{plain}\"\n{tables}\
         [[site]]\nhosts = [\"a.example.org\"]\nrespond = 200\n"
    )
}

impl Ordering {
    /// One that orders none yet.
    fn new(plain: u16, tls: u16) -> Self {
        let store = Dir::new();
        fs::set_permissions(store.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let flags = ["--certificates-dir", store.path().to_str().unwrap()];
        Self { edge: Edge::with_config(&text(plain, ""), &flags), plain, tls, _store: store }
    }

    fn reload(&self, tables: &str) {
        self.edge.reload(&text(self.plain, tables));
    }

    fn order(&self, authority: &Pebble, key_type: &str, challenge: &str) {
        self.reload(&format!(
            "[[listen]]\naddress = \"127.0.0.1:{}\"\ntls = true\n[[acme]]\nname = \"ca\"\n\
             directory = \"{}\"\nca_file = \"{}\"\nagree_to_terms = true\nchallenge = \"{challenge}\"\n\
             [[certificate]]\nacme = \"ca\"\nnames = [\"a.example.org\"]\nkey_type = \"{key_type}\"\n",
            self.tls,
            authority.directory(),
            authority.ca_file().display(),
        ));
    }

    /// Waits until clients get a certificate of this authority for such a key, as openssl says it;
    /// returns the process that orders them. The one of before may be served until then.
    fn wait_for_key(&self, authority: &Pebble, kind: &str) -> u32 {
        let root = self.edge.dir().join("root.pem");
        fs::write(&root, authority.root()).unwrap();
        let client = format!(
            "openssl s_client -connect 127.0.0.1:{} -servername a.example.org -CAfile {} -verify_return_error \
             </dev/null 2>/dev/null | openssl x509 -noout -text 2>/dev/null",
            self.tls,
            root.display()
        );
        wait_for(kind, || {
            let run = Command::new("sh").args(["-c", &client]).output().unwrap();
            String::from_utf8(run.stdout).unwrap().contains(kind).then_some(())
        });
        self.edge.process("acme").pid
    }
}

#[test]
fn certificates_are_ordered_of_the_authority_and_for_the_key_and_by_the_challenge_of_the_last_reload() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let (plain, tls) = (free_port(), free_port());
    let (Some(one), Some(other)) = (Pebble::start(plain, tls), Pebble::start(plain, tls)) else { return };
    let ordering = Ordering::new(plain, tls);
    assert!(ordering.edge.children_of("acme").is_empty());
    ordering.order(&one, "ecdsa-p256", "http-01");
    let first = ordering.wait_for_key(&one, "NIST CURVE: P-256");
    ordering.order(&other, "ecdsa-p256", "http-01");
    let second = ordering.wait_for_key(&other, "NIST CURVE: P-256");
    ordering.order(&other, "rsa-2048", "http-01");
    let third = ordering.wait_for_key(&other, "Public-Key: (2048 bit)");
    assert!(first != second && second != third, "{first} {second} {third}");
    let challenged = || ordering.edge.counter("tls", "challenged");
    assert_eq!(challenged(), 0);
    // One that has had no proof yet: the others may ask for no other.
    let last = Pebble::start(plain, tls).unwrap();
    ordering.order(&last, "ecdsa-p384", "tls-alpn-01");
    ordering.wait_for_key(&last, "NIST CURVE: P-384");
    assert!(challenged() > 0, "{}", ordering.edge.log());
    ordering.reload("");
    wait_for("none", || ordering.edge.children_of("acme").is_empty().then_some(()));
}
