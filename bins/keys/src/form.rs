//! The form of what is signed. A key that signs anything is an oracle: whoever has one may sign a
//! certificate, a code or a letter. So a message is signed only if it has, byte for byte, the form
//! of what a server signs in a handshake.

use fosse_wire::signing::Scheme;

/// The version of TLS in whose handshake a message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The parameters of a ServerKeyExchange (RFC 8422, section 5.4).
    Tls12,
    /// The content of a server's CertificateVerify (RFC 8446, section 4.4.3).
    Tls13,
}

/// The beginning of a CertificateVerify: 64 spaces, so that no message of TLS 1.2 can begin so (a
/// client would have to choose this random, and the server too), and the context.
const TLS13_PREFIX: &[u8] =
    b"                                                                TLS 1.3, server CertificateVerify\0";
/// Bytes of the transcript hash of the cipher suites: SHA-256 and SHA-384.
const HASHES_BYTES: [usize; 2] = [32, 48];

/// Bytes of the two randoms.
const RANDOMS_BYTES: usize = 64;
/// ECCurveType named_curve (RFC 8422, section 5.4).
const NAMED_CURVE: u8 = 3;
/// First byte of a point that is not compressed (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

impl Form {
    /// Returns the form of a message, if it has one.
    #[must_use]
    pub fn of(message: &[u8]) -> Option<Self> {
        if let Some(hash) = message.strip_prefix(TLS13_PREFIX) {
            return HASHES_BYTES.contains(&hash.len()).then_some(Self::Tls13);
        }
        let parameters = message.get(RANDOMS_BYTES..)?;
        let ([kind, group @ .., len], point) = parameters.split_first_chunk::<4>()?;
        let has_form = *kind == NAMED_CURVE
            && usize::from(*len) == point.len()
            && match u16::from_be_bytes(*group) {
                // secp256r1, secp384r1, secp521r1: both coordinates.
                0x0017 => point.len() == 65 && point.first() == Some(&UNCOMPRESSED),
                0x0018 => point.len() == 97 && point.first() == Some(&UNCOMPRESSED),
                0x0019 => point.len() == 133 && point.first() == Some(&UNCOMPRESSED),
                // x25519
                0x001d => point.len() == 32,
                _ => false,
            };
        has_form.then_some(Self::Tls12)
    }

    /// Returns whether messages of this form are signed with a scheme.
    #[must_use]
    pub const fn permits(self, scheme: Scheme) -> bool {
        match self {
            Self::Tls12 => true,
            Self::Tls13 => scheme.is_of_tls13(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls13(hash: usize) -> Vec<u8> {
        [&[0x20; 64][..], b"TLS 1.3, server CertificateVerify", &[0], &vec![7; hash]].concat()
    }

    fn tls12(group: u16, point: &[u8]) -> Vec<u8> {
        let len = u8::try_from(point.len()).unwrap();
        [&[0x20; 64][..], &[3], &group.to_be_bytes(), &[len], point].concat()
    }

    fn point(bytes: usize) -> Vec<u8> {
        [vec![4], vec![9; bytes - 1]].concat()
    }

    #[test]
    fn messages_of_a_servers_handshake_have_a_form() {
        for hash in [32, 48] {
            assert_eq!(Form::of(&tls13(hash)), Some(Form::Tls13));
        }
        for (group, bytes) in [(0x17, 65), (0x18, 97), (0x19, 133)] {
            assert_eq!(Form::of(&tls12(group, &point(bytes))), Some(Form::Tls12));
        }
        assert_eq!(Form::of(&tls12(0x1d, &[9; 32])), Some(Form::Tls12));
    }

    #[test]
    fn nothing_else_has_one() {
        let client = String::from_utf8(tls13(32)).unwrap().replace("server", "client").into_bytes();
        for message in [
            b"".to_vec(),
            b"a letter".to_vec(),
            client,
            tls13(0),
            tls13(20),
            tls13(64),
            tls12(0x17, &[9; 65]),
            tls12(0x17, &point(97)),
            tls12(0x1d, &[9; 33]),
            tls12(0x0100, &[9; 32]),
            tls12(0x1d, &[]),
        ] {
            assert_eq!(Form::of(&message), None, "{message:?}");
        }
    }

    #[test]
    fn a_byte_more_or_less_or_another_one_of_the_fixed_part_takes_the_form_away() {
        for whole in [tls13(32), tls12(0x17, &point(65)), tls12(0x1d, &[9; 32])] {
            for cut in 0..whole.len() {
                assert_eq!(Form::of(&whole[..cut]), None);
            }
            assert_eq!(Form::of(&[&whole[..], &[0]].concat()), None);
        }
        let whole = tls13(32);
        for at in 0..TLS13_PREFIX.len() {
            let mut other = whole.clone();
            other[at] ^= 1;
            assert_eq!(Form::of(&other), None, "{at}");
        }
    }

    #[test]
    fn what_tls_12_alone_has_signs_nothing_of_tls_13() {
        assert!(Form::Tls12.permits(Scheme::RsaPkcs1Sha256) && !Form::Tls13.permits(Scheme::RsaPkcs1Sha256));
        assert!(Form::Tls13.permits(Scheme::RsaPssSha256) && Form::Tls13.permits(Scheme::EcdsaP256Sha256));
    }
}
