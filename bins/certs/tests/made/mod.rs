//! Certificates made by openssl, in a directory of the test.

use std::path::Path;
use std::process::Command;

/// Runs openssl in a directory.
pub(crate) fn openssl(dir: &Path, words: &str) {
    let out = Command::new("openssl").current_dir(dir).args(words.split(' ')).output().unwrap();
    assert!(out.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Makes a root, an authority below it, and a certificate of a.example and all names below it.
pub(crate) fn certificates(dir: &Path) {
    openssl(dir, "ecparam -name prime256v1 -genkey -noout -out root.key");
    openssl(dir, "req -x509 -new -key root.key -subj /CN=root -days 30 -out root.pem");
    openssl(dir, "ecparam -name secp384r1 -genkey -noout -out ca.key");
    std::fs::write(dir.join("ca.ext"), "basicConstraints=critical,CA:true\n").unwrap();
    issue(dir, "ca", "root", "/CN=ca", "-days 20", "ca.ext");
    std::fs::write(dir.join("leaf.ext"), "subjectAltName=DNS:a.example,DNS:*.a.example\n").unwrap();
    openssl(dir, "ecparam -name prime256v1 -genkey -noout -out leaf.key");
    issue(dir, "leaf", "ca", "/CN=leaf", "-days 10", "leaf.ext");
    chain(dir, "fullchain.pem", &["leaf.pem", "ca.pem"]);
}

/// Has `issuer` issue NAME.pem for NAME.key.
pub(crate) fn issue(dir: &Path, name: &str, issuer: &str, subject: &str, options: &str, extensions: &str) {
    openssl(dir, &format!("req -new -key {name}.key -subj {subject} -out {name}.csr"));
    let signed = format!("-CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -extfile {extensions}");
    openssl(dir, &format!("x509 -req -in {name}.csr {signed} {options} -out {name}.pem"));
}

/// Has the authority issue leaf.pem that holds between two times.
pub(crate) fn issue_between(dir: &Path, from: &str, to: &str) {
    let settings = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n\
                    policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n";
    std::fs::write(dir.join("ca.cnf"), settings).unwrap();
    std::fs::write(dir.join("index.txt"), "").unwrap();
    std::fs::write(dir.join("serial"), "0A\n").unwrap();
    openssl(dir, "req -new -key leaf.key -subj /CN=leaf -out leaf.csr");
    let signed = "-cert ca.pem -keyfile ca.key -extfile leaf.ext -notext";
    openssl(
        dir,
        &format!("ca -batch -config ca.cnf -in leaf.csr {signed} -startdate {from} -enddate {to} -out leaf.pem"),
    );
}

/// Writes files one after the other into one.
pub(crate) fn chain(dir: &Path, name: &str, parts: &[&str]) {
    let bytes: Vec<u8> = parts.iter().flat_map(|part| std::fs::read(dir.join(part)).unwrap()).collect();
    std::fs::write(dir.join(name), bytes).unwrap();
}
