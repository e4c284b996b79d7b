//! The facts of a handshake, as texts.

use fosse_settings::TlsFact;
use fosse_wire::facts::HandshakeFacts;
use fosse_wire::request::RequestHead;

use crate::ciphers::Cipher;

/// A TLS handshake; the default one is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshake<'a> {
    /// Version (0x0303, 0x0304), 0 without TLS.
    pub version: u16,
    /// Cipher suite, 0 without TLS.
    pub cipher: u16,
    /// Server name, in lower case; empty without.
    pub name: &'a [u8],
    /// Fingerprint and certificate of the client.
    pub facts: HandshakeFacts<'a>,
}

impl<'a> Handshake<'a> {
    /// Returns that of the client of a request.
    #[must_use]
    pub const fn of_request(head: &RequestHead<'a>) -> Self {
        Self { version: head.tls_version, cipher: head.tls_cipher, name: head.sni, facts: head.facts }
    }

    /// Returns whether there was one.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.version != 0
    }

    /// Appends a fact as nginx writes it ($ssl_protocol and so on), but for fingerprints, which are
    /// SHA-256. Nothing is appended where there is none; [`TlsFact::ClientVerify`] always is.
    pub fn put(&self, fact: TlsFact, out: &mut Vec<u8>) {
        let certificate = || self.facts.certificate();
        match fact {
            TlsFact::Version => out.extend_from_slice(self.version_name()),
            TlsFact::Cipher => self.put_cipher(out),
            TlsFact::ServerName => out.extend_from_slice(self.name),
            TlsFact::Ja4 => out.extend_from_slice(self.facts.ja4()),
            TlsFact::ClientVerify => out.extend_from_slice(certificate().map_or(b"NONE", |_| b"SUCCESS")),
            TlsFact::ClientSubject => out.extend_from_slice(certificate().map_or(b"", |one| one.subject)),
            TlsFact::ClientIssuer => out.extend_from_slice(certificate().map_or(b"", |one| one.issuer)),
            TlsFact::ClientSerial => put_hexadecimal(certificate().map_or(b"", |one| one.serial), UPPER, out),
            TlsFact::ClientFingerprint => {
                if let Some(one) = certificate() {
                    put_hexadecimal(&one.fingerprint, LOWER, out);
                }
            }
        }
    }

    /// Returns a fact as a text of its own.
    #[must_use]
    pub fn text(&self, fact: TlsFact) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(fact, &mut out);
        out
    }

    const fn version_name(&self) -> &'static [u8] {
        match self.version {
            0x0303 => b"TLSv1.2",
            0x0304 => b"TLSv1.3",
            _ => b"",
        }
    }

    fn put_cipher(&self, out: &mut Vec<u8>) {
        if let Some(cipher) = Cipher::of_number(self.cipher) {
            out.extend_from_slice(cipher.name.as_bytes());
        }
    }
}

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

fn put_hexadecimal(bytes: &[u8], digits: &[u8; 16], out: &mut Vec<u8>) {
    for byte in bytes {
        out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::facts::ClientCertificate;

    const ALL: [TlsFact; 9] = [
        TlsFact::Version,
        TlsFact::Cipher,
        TlsFact::ServerName,
        TlsFact::Ja4,
        TlsFact::ClientVerify,
        TlsFact::ClientSubject,
        TlsFact::ClientIssuer,
        TlsFact::ClientSerial,
        TlsFact::ClientFingerprint,
    ];

    fn texts(handshake: &Handshake<'_>) -> Vec<String> {
        ALL.iter().map(|fact| String::from_utf8(handshake.text(*fact)).unwrap()).collect()
    }

    #[test]
    fn facts_are_written_as_nginx_writes_them() {
        let certificate = ClientCertificate {
            fingerprint: [0xab; 32],
            serial: &[0x0a, 0xff],
            subject: b"CN=someone,O=Example",
            issuer: b"CN=ca",
        };
        let mut bytes = Vec::new();
        HandshakeFacts::encode(&mut bytes, b"t13d1516h2_8daaf6152771_e5627efa2ab1", Some(&certificate)).unwrap();
        let facts = HandshakeFacts::decode(&bytes).unwrap();
        let handshake = Handshake { version: 0x0303, cipher: 0xc02f, name: b"a.example", facts };
        let fingerprint = "ab".repeat(32);
        assert_eq!(
            texts(&handshake),
            [
                "TLSv1.2",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "a.example",
                "t13d1516h2_8daaf6152771_e5627efa2ab1",
                "SUCCESS",
                "CN=someone,O=Example",
                "CN=ca",
                "0AFF",
                &fingerprint,
            ]
        );
    }

    #[test]
    fn without_a_handshake_nobody_is_verified() {
        assert_eq!(texts(&Handshake::default()), ["", "", "", "", "NONE", "", "", "", ""]);
        assert!(!Handshake::default().is_some());
    }

    #[test]
    fn ciphers_are_found_by_either_name() {
        for cipher in &crate::CIPHERS {
            assert_eq!(Cipher::of_name(cipher.name), Some(cipher));
            assert_eq!(Cipher::of_name(&cipher.iana.to_ascii_lowercase()), Some(cipher));
        }
        assert_eq!(Cipher::of_name("HIGH"), None);
        assert_eq!(crate::Group::of_name("p-256").map(|group| group.number), Some(0x17));
    }
}
