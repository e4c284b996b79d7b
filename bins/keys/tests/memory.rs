//! Where a private key is while an edge serves: root dumps the memory of every program, and
//! no byte of the key is in any but that of fosse-keys.

use std::fs::{File, read_to_string};
use std::os::unix::fs::{FileExt as _, PermissionsExt};
use std::process::Command;

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use fosse_harness::{Dir, Edge, is_root};

/// Returns whether readable memory of a process holds one of these.
fn holds(pid: u32, wanted: &[Vec<u8>]) -> bool {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let readable = maps.lines().filter(|line| line.contains(" r") && !line.contains("[v"));
    let mut looked_at = 0;
    let found = readable.fold(false, |found, line| {
        let (from, to) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')).unwrap();
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        let read = memory.read_at(&mut bytes, from).unwrap_or(0);
        looked_at += read;
        found || wanted.iter().any(|one| bytes[..read].windows(one.len()).any(|part| part == one))
    });
    assert!(looked_at > 100_000, "its memory can be read");
    found
}

#[test]
fn no_byte_of_a_private_key_is_in_the_memory_of_any_program_but_keys() {
    if !is_root() {
        return eprintln!("skipped: memory of other users is read by root");
    }
    let dir = Dir::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let secret = AsBigEndian::<EcPrivateKeyBin<'_>>::as_be_bytes(&key.private_key()).unwrap();
    let secret = secret.as_ref().to_vec();
    let der = key.to_pkcs8v1().unwrap();
    std::fs::write(dir.join("key.der"), der.as_ref()).unwrap();
    let openssl = |words: &str| {
        assert!(
            Command::new("openssl").current_dir(dir.path()).args(words.split(' ')).output().unwrap().status.success()
        );
    };
    openssl("pkey -inform DER -in key.der -out a.key");
    openssl("req -x509 -new -key a.key -subj /CN=a -addext subjectAltName=DNS:a.example -days 9 -out a.pem");
    std::fs::set_permissions(dir.join("a.key"), PermissionsExt::from_mode(0o600)).unwrap();
    let pem = read_to_string(dir.join("a.key")).unwrap();
    let mut wanted: Vec<Vec<u8>> = pem.lines().filter(|line| !line.contains("--")).map(|line| line.into()).collect();
    wanted.extend([secret.clone(), secret.into_iter().rev().collect()]);
    let text = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\ntls = true\n[[certificate]]\nfile = \"{0}/a.pem\"\nkey = \"{0}/a.key\"\n\
         [[site]]\nhosts = [\"a.example\"]\nrespond = 200\nwaf = \"off\"\n",
        dir.path().display()
    );
    let edge = Edge::with_config(&text, &[]);
    for _ in 0..3 {
        let to = format!("a.example:443:{}", edge.address());
        let url = ["-sk", "--connect-to", &to, "https://a.example/"];
        assert!(Command::new("curl").args(url).output().unwrap().status.success());
    }
    let with: Vec<String> =
        edge.processes().iter().filter(|one| holds(one.pid, &wanted)).map(|one| one.program.clone()).collect();
    assert_eq!(with, ["keys"]);
}
