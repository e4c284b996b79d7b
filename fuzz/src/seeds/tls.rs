//! Certificates, keys, and what tls and keys say to each other.

use fosse_images::{Authority, Certificate, Chains, Files, Key, Keys};
use fosse_wire::signing::{FromKeys, KeyKind, Refusal, SPKI_HASH_BYTES, Scheme, SpkiHash, TicketKey, ToKeys};

const SPKI: SpkiHash = SpkiHash([7; SPKI_HASH_BYTES]);

/// Images of chains.
pub fn chains() -> Vec<Vec<u8>> {
    let certificate = |kind, chain: &[&'static [u8]]| Certificate {
        spki: SPKI,
        kind,
        not_after: 9,
        acme: None,
        chain: chain.to_vec(),
    };
    let mut chains = Chains::default();
    chains.add(certificate(KeyKind::EcdsaP256, &[b"leaf", b"issuer"]), [&b"a.example"[..], b"*.a.example"]);
    chains.add(certificate(KeyKind::Rsa, &[b"leaf"]), [&b"a.example"[..]]);
    chains.add_authority(Authority { certificates: vec![b"root"], revoked: vec![b"list"] });
    [chains, Chains::default()].iter_mut().filter_map(|chains| chains.encode().ok()).collect()
}

/// Images of keys.
pub fn keys() -> Vec<Vec<u8>> {
    let keys = Keys { keys: vec![Key { spki: SPKI, kind: KeyKind::Ed25519, pkcs8: b"0.\x02\x01\0" }] };
    let encoded = [keys, Keys::default()].map(|keys| {
        let mut out = Vec::new();
        keys.encode(&mut out).map(|()| out)
    });
    encoded.into_iter().flatten().collect()
}

/// Files as start copies them.
pub fn files() -> Vec<Vec<u8>> {
    let files: [&[u8]; 3] = [b"-----BEGIN CERTIFICATE-----\n", b"", b"key"];
    let head = Files::head(&files.map(<[u8]>::len)).unwrap_or_default();
    vec![[head, files.concat()].concat()]
}

/// What tls and keys say, a message each.
pub fn signing() -> Vec<Vec<u8>> {
    let sign = ToKeys::Sign { serial: 5, scheme: Scheme::EcdsaP256Sha256, spki: SPKI, message: b"message" };
    let ticket = TicketKey { name: [1; 16], key: [2; 32] };
    let questions = [sign, ToKeys::Tickets { serial: 6 }].map(|question| {
        let mut out = Vec::new();
        question.encode(&mut out).map(|()| out)
    });
    let replies = [
        FromKeys::Hello { more: false, keys: vec![(SPKI, KeyKind::Rsa)] },
        FromKeys::Signature { serial: 5, signed: Ok(b"signature") },
        FromKeys::Signature { serial: 5, signed: Err(Refusal::Rate) },
        FromKeys::TicketKeys { serial: 6, seconds: 7, current: ticket, previous: ticket },
    ]
    .map(|reply| {
        let mut out = Vec::new();
        reply.encode(&mut out).map(|()| out)
    });
    questions.into_iter().chain(replies).flatten().collect()
}

/// Files of certificates: of a key that is used nowhere else.
pub fn certificates() -> Vec<Vec<u8>> {
    let leaf = include_bytes!("pem/leaf.pem");
    vec![leaf.to_vec(), [&leaf[..], leaf].concat()]
}

/// Files of private keys: one that is used nowhere else.
pub fn private_keys() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("pem/leaf.key").to_vec(),
        b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n".to_vec(),
    ]
}

/// Tokens of PEM.
pub const PEM: &[&[u8]] =
    &[b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"PRIVATE KEY", b"RSA ", b"EC "];

/// What is signed in handshakes.
pub fn signed() -> Vec<Vec<u8>> {
    let tls13 = |hash: usize| [&[b' '; 64][..], b"TLS 1.3, server CertificateVerify\0", &vec![7; hash]].concat();
    let tls12 = [&[1; 64][..], &[3, 0, 0x1d, 32], &[9; 32]].concat();
    vec![tls13(32), tls13(48), tls12]
}

/// The certificate in DER.
pub fn client_certificates() -> Vec<Vec<u8>> {
    let read = fosse_certs::chain::certificates(include_bytes!("pem/leaf.pem"), 1);
    read.unwrap_or_default().into_iter().map(|der| der.to_vec()).collect()
}
