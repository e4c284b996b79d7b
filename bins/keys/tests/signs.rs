//! fosse-keys by itself, locked down as in an edge. The test is fosse-tls, which it takes for an
//! attacker: whoever owns tls gets signatures of handshakes, at a bounded rate, and nothing else.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
        ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
        RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use fosse_counters::keys as count;
use fosse_fdpass::{Received, receive, send};
use fosse_harness::sockets::readable;
use fosse_harness::{Stage, WAIT_MAX, wait_for};
use fosse_images::{Key, Keys};
use fosse_keys::{keyring::SigningKey, limits};
use fosse_sys::memfd;
use fosse_wire::signing::{FromKeys, KeyKind, MESSAGE_BYTES_MAX, Refusal, Scheme, SpkiHash, ToKeys};
use fosse_wire::start::ToStart;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

/// A private key of the test.
struct Made {
    kind: KeyKind,
    pkcs8: Vec<u8>,
    public: Vec<u8>,
    spki: SpkiHash,
}

impl Made {
    fn new(kind: KeyKind) -> Self {
        let random = SystemRandom::new();
        let ecdsa = |algorithm| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap().as_ref().to_vec();
            let public = EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8).unwrap().public_key().as_ref().to_vec();
            (pkcs8, public)
        };
        let (pkcs8, public) = match kind {
            KeyKind::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyKind::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyKind::Ed25519 => {
                let key = Ed25519KeyPair::generate().unwrap();
                (key.to_pkcs8v1().unwrap().as_ref().to_vec(), key.public_key().as_ref().to_vec())
            }
            KeyKind::Rsa => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap().as_ref().to_vec();
                (pkcs8, key.public_key().as_ref().to_vec())
            }
        };
        let spki = SigningKey::of_pkcs8(kind, &pkcs8).unwrap().spki_hash().unwrap();
        Self { kind, pkcs8, public, spki }
    }

    fn verifies(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match scheme {
            Scheme::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
            Scheme::EcdsaP384Sha384 => &ECDSA_P384_SHA384_ASN1,
            Scheme::Ed25519 => &ED25519,
            Scheme::RsaPssSha256 => &RSA_PSS_2048_8192_SHA256,
            Scheme::RsaPssSha384 => &RSA_PSS_2048_8192_SHA384,
            Scheme::RsaPssSha512 => &RSA_PSS_2048_8192_SHA512,
            Scheme::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            Scheme::RsaPkcs1Sha384 => &RSA_PKCS1_2048_8192_SHA384,
            Scheme::RsaPkcs1Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        };
        // The enum of schemes and this table name the same algorithms.
        UnparsedPublicKey::new(algorithm, &self.public).verify(message, signature).is_ok()
    }
}

/// A running fosse-keys, and our end of the conversation.
struct Target {
    stage: Stage,
    tls: OwnedFd,
    names: Vec<(SpkiHash, KeyKind)>,
}

impl Target {
    fn new(keys: &[Made], seed: [u8; 32]) -> Self {
        let mut sorted: Vec<&Made> = keys.iter().collect();
        sorted.sort_by_key(|key| key.spki);
        let keys = sorted.iter().map(|key| Key { spki: key.spki, kind: key.kind, pkcs8: &key.pkcs8 }).collect();
        let mut image = Vec::new();
        Keys { keys }.encode(&mut image).unwrap();
        let (tls, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let fds = vec![
            (8, theirs),
            (9, memfd::sealed("keys", &image).unwrap()),
            (10, memfd::sealed("tickets", &seed).unwrap()),
        ];
        let stage = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-keys")), None, fds, "");
        assert_eq!(stage.said(), ToStart::Ready);
        let mut target = Self { stage, tls, names: Vec::new() };
        while let FromKeys::Hello { more, keys } = FromKeys::decode(&target.hears().unwrap()).unwrap() {
            target.names.extend(keys);
            if !more {
                return target;
            }
        }
        panic!("it has not greeted");
    }

    fn says(&self, bytes: &[u8]) {
        wait_for("room", || send(&self.tls, bytes, &[]).is_ok().then_some(()));
    }

    /// Returns the next message; `None` where it has let go.
    fn hears(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; MESSAGE_BYTES_MAX];
        loop {
            match receive(&self.tls, &mut bytes, &mut Vec::new()) {
                Ok(Received::Nothing) => assert!(readable(&self.tls, WAIT_MAX), "no reply"),
                Ok(Received::Message(length)) if length > 0 => return Some(bytes[..length].to_vec()),
                _ => return None,
            }
        }
    }

    fn asks(&self, spki: SpkiHash, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.says(&question(spki, scheme, message));
        match FromKeys::decode(&self.hears().unwrap()).unwrap() {
            FromKeys::Signature { serial: 7, signed } => signed.map(<[u8]>::to_vec),
            other => panic!("{other:?}"),
        }
    }
}

fn question(spki: SpkiHash, scheme: Scheme, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ToKeys::Sign { serial: 7, scheme, spki, message }.encode(&mut out).unwrap();
    out
}

fn tls13(hash: usize) -> Vec<u8> {
    [&[0x20; 64][..], b"TLS 1.3, server CertificateVerify", &[0], &vec![9; hash]].concat()
}

fn tls12() -> Vec<u8> {
    [&[7; 64][..], &[3, 0, 0x1d, 32], &[9; 32]].concat()
}

#[test]
fn every_kind_of_key_signs_handshakes_with_each_of_its_schemes() {
    let keys = KeyKind::ALL.map(Made::new);
    let target = Target::new(&keys, [0; 32]);
    let mut names: Vec<_> = keys.iter().map(|key| (key.spki, key.kind)).collect();
    names.sort_by_key(|(spki, _)| *spki);
    assert_eq!(target.names, names);
    let mut signed = 0;
    for key in &keys {
        for scheme in key.kind.schemes() {
            for (message, is_permitted) in
                [(tls13(32), scheme.is_of_tls13()), (tls13(48), scheme.is_of_tls13()), (tls12(), true)]
            {
                match target.asks(key.spki, *scheme, &message) {
                    Ok(signature) => {
                        assert!(is_permitted && key.verifies(*scheme, &message, &signature), "{scheme:?}");
                        signed += 1;
                    }
                    Err(refusal) => assert!(!is_permitted && refusal == Refusal::Scheme, "{scheme:?} {refusal:?}"),
                }
            }
        }
    }
    target.stage.wait_for_count(count::SIGNATURES, signed);
}

#[test]
fn whoever_owns_tls_gets_no_signature_of_anything_but_a_handshake() {
    let keys = [Made::new(KeyKind::EcdsaP256), Made::new(KeyKind::Rsa)];
    let target = Target::new(&keys, [0; 32]);
    let [ecdsa, rsa] = [keys[0].spki, keys[1].spki];
    let client = String::from_utf8(tls13(32).into_iter().map(|byte| byte & 0x7f).collect()).unwrap();
    let client = client.replace("server", "client").into_bytes();
    // A digest, a certificate to be signed, a letter, a client's handshake, one with more after it.
    let tbs = [&[0x30, 0x82, 0x01, 0x0a][..], &[0x5a; 200]].concat();
    for message in [&[1; 32][..], &tbs, b"Pay the bearer", &client, &[tls13(32), vec![0]].concat(), b""] {
        for (spki, scheme) in [(ecdsa, Scheme::EcdsaP256Sha256), (rsa, Scheme::RsaPkcs1Sha256)] {
            assert_eq!(target.asks(spki, scheme, message), Err(Refusal::Form), "{message:?}");
        }
    }
    for (spki, scheme) in [
        (ecdsa, Scheme::EcdsaP384Sha384),
        (ecdsa, Scheme::RsaPssSha256),
        (rsa, Scheme::Ed25519),
        (rsa, Scheme::EcdsaP256Sha256),
    ] {
        assert_eq!(target.asks(spki, scheme, &tls13(32)), Err(Refusal::Scheme));
    }
    assert_eq!(target.asks(SpkiHash([0; 32]), Scheme::Ed25519, &tls13(32)), Err(Refusal::UnknownKey));
    assert!(target.asks(ecdsa, Scheme::EcdsaP256Sha256, &tls13(32)).is_ok(), "it serves all the same");
}

#[test]
fn a_tls_that_breaks_the_protocol_is_let_go() {
    let sign = question(SpkiHash([0; 32]), Scheme::Ed25519, &tls13(32));
    let mut reserved = sign.clone();
    reserved[1] = 1;
    let mut scheme = sign.clone();
    scheme[2..4].copy_from_slice(&0x0201_u16.to_le_bytes());
    for bytes in [b"GET /".to_vec(), vec![0xff; 100], sign[..39].to_vec(), reserved, scheme, vec![1; 4000]] {
        let mut target = Target::new(&[], [0; 32]);
        target.says(&bytes);
        assert_eq!(target.hears(), None);
        assert_eq!(target.stage.exit().code(), Some(111), "{}", target.stage.log());
    }
}

#[test]
fn questions_are_replied_to_at_a_bounded_rate() {
    let target = Target::new(&[], [0; 32]);
    let (question, begun) = (question(SpkiHash([0; 32]), Scheme::Ed25519, &tls13(32)), Instant::now());
    let (mut looked_at, mut limited) = (0_u64, 0);
    // Many more at once than a burst has, until some are too many.
    while limited < 100 && begun.elapsed() < WAIT_MAX {
        let batch = 100;
        (0..batch).for_each(|_| target.says(&question));
        for _ in 0..batch {
            match FromKeys::decode(&target.hears().unwrap()).unwrap() {
                FromKeys::Signature { signed: Err(Refusal::UnknownKey), .. } => looked_at += 1,
                FromKeys::Signature { signed: Err(Refusal::Rate), .. } => limited += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    let passed_us = u64::try_from(begun.elapsed().as_micros()).unwrap();
    let permitted = limits::SIGNATURES_BURST_MAX + 1 + passed_us * limits::SIGNATURES_SECOND_MAX / 1_000_000;
    assert!(limited >= 100 && looked_at <= permitted, "{looked_at} of {permitted}, {limited} limited");
    assert!(target.stage.count(count::LIMITED) >= 100);
}

#[test]
fn keys_of_tickets_are_those_of_everybody_with_the_seed() {
    let ticket = |target: &Target| {
        let mut out = Vec::new();
        ToKeys::Tickets { serial: 3 }.encode(&mut out).unwrap();
        target.says(&out);
        match FromKeys::decode(&target.hears().unwrap()).unwrap() {
            FromKeys::TicketKeys { serial: 3, seconds, current, previous } => (seconds, current, previous),
            other => panic!("{other:?}"),
        }
    };
    let targets = [Target::new(&[], [5; 32]), Target::new(&[], [5; 32]), Target::new(&[], [6; 32])];
    // Between two questions a period may end, once.
    let ([one, other], of_others) = wait_for("one period", || {
        let [one, other, third] = [0, 1, 2].map(|at| ticket(&targets[at]));
        (one.1.name == other.1.name || one.2.name == other.1.name).then_some(([one, other], third))
    });
    assert!([other.1, other.2].contains(&one.1) && one.1 != one.2);
    assert!(u64::from(one.0) <= limits::TICKET_PERIOD_SECONDS && of_others.1 != one.1);
}
