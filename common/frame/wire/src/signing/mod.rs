//! tls and keys: signatures of handshakes, and the keys of session tickets.
//!
//! A message is one datagram of a SEQPACKET pair, little-endian. keys greets with the names of all
//! its keys, in as many messages as that takes; then tls asks, and keys responds to each question
//! once and in order. A message to be signed comes whole, never as a digest, so that keys can see
//! what it is.

mod scheme;

pub use scheme::{KeyKind, SPKI_HASH_BYTES, Scheme, SpkiHash};

use crate::{
    WireError,
    cursor::{Cursor, Fixed},
};

/// The number of this conversation in HELLO.
pub const PROTOCOL: u16 = 1;

/// Keys that one HELLO names: its 33 KiB fit into every socket.
pub const HELLO_KEYS_COUNT_MAX: usize = 1000;
/// Bytes of what is signed: two randoms and the parameters of the longest point that a TLS 1.2
/// server may send (RFC 8422, section 5.4: u8 length).
const SIGNED_BYTES_MAX: usize = 32 + 32 + 3 + 1 + 255;
/// Bytes of a signature: RSA of 8,192 bits.
pub const SIGNATURE_BYTES_MAX: usize = 1024;
/// Bytes of every message.
pub const MESSAGE_BYTES_MAX: usize = 8 + HELLO_KEYS_COUNT_MAX * (SPKI_HASH_BYTES + 1);

/// From tls to keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToKeys<'a> {
    /// Asks for a signature:
    /// `u8 1 | u8 0 | u16 scheme | u32 serial | 32 bytes SPKI hash | message`.
    Sign {
        /// tls' number, given back in the reply.
        serial: u32,
        /// Signs with this scheme.
        scheme: Scheme,
        /// Names the key.
        spki: SpkiHash,
        /// All that is signed: the content of a CertificateVerify of TLS 1.3 (RFC 8446, section
        /// 4.4.3) or of a ServerKeyExchange of TLS 1.2 (RFC 8422, section 5.4).
        message: &'a [u8],
    },
    /// Asks for the keys of session tickets: `u8 2 | u8 0 | u16 0 | u32 serial`.
    Tickets {
        /// tls' number, given back in the reply.
        serial: u32,
    },
}

/// From keys to tls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromKeys<'a> {
    /// First: `u8 3 | u8 more | u16 protocol | u32 count`, and count times
    /// `32 bytes SPKI hash, u8 kind`.
    Hello {
        /// Another HELLO follows, with more keys.
        more: bool,
        /// Name and kind of each key.
        keys: Vec<(SpkiHash, KeyKind)>,
    },
    /// Responds to a SIGN: `u8 4 | u8 status | u16 0 | u32 serial | signature`.
    Signature {
        /// The number of the SIGN.
        serial: u32,
        /// The signature as TLS has it, or why there is none.
        signed: Result<&'a [u8], Refusal>,
    },
    /// Responds to a TICKETS: `u8 5 | u8 0 | u16 0 | u32 serial | u32 seconds | 2 times: 16 bytes
    /// name, 32 bytes key`.
    TicketKeys {
        /// The number of the TICKETS.
        serial: u32,
        /// They are good for this many seconds; then they have to be asked for again.
        seconds: u32,
        /// Encrypts new tickets.
        current: TicketKey,
        /// Decrypts those of the period before.
        previous: TicketKey,
    },
}

/// The reason why there is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such key.
    UnknownKey = 1,
    /// The key does not sign with this scheme.
    Scheme = 2,
    /// The message is not one of a handshake.
    Form = 3,
    /// There were too many signatures in the last second.
    Rate = 4,
    /// The computation failed.
    Failed = 5,
}

impl Refusal {
    const fn of_byte(byte: u8) -> Result<Self, WireError> {
        Ok(match byte {
            1 => Self::UnknownKey,
            2 => Self::Scheme,
            3 => Self::Form,
            4 => Self::Rate,
            5 => Self::Failed,
            _ => return Err(WireError::Field("status")),
        })
    }
}

/// A key that encrypts session tickets for a period. All lanes and generations have the same ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TicketKey {
    /// Says in a ticket which key it is.
    pub name: [u8; 16],
    /// For AES-256-GCM or ChaCha20-Poly1305.
    pub key: [u8; 32],
}

/// Shows nothing of the key.
impl core::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TicketKey").field("name", &self.name).finish_non_exhaustive()
    }
}

const SIGN: u8 = 1;
const TICKETS: u8 = 2;
const HELLO: u8 = 3;
const SIGNATURE: u8 = 4;
const TICKET_KEYS: u8 = 5;

/// The eight bytes that every message begins with.
fn put_head(out: &mut Vec<u8>, kind: u8, flag: u8, number: u16, serial: u32) {
    out.clear();
    out.extend_from_slice(
        &Fixed::<8>::new().put([kind, flag]).put(number.to_le_bytes()).put(serial.to_le_bytes()).bytes(),
    );
}

impl<'a> ToKeys<'a> {
    /// Writes the message in place of what is in `out`.
    ///
    /// # Errors
    /// [`WireError::Field`] for a message that is longer than any of a handshake.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Sign { serial, scheme, spki, message } => {
                if message.len() > SIGNED_BYTES_MAX {
                    return Err(WireError::Field("message"));
                }
                put_head(out, SIGN, 0, *scheme as u16, *serial);
                out.extend_from_slice(&spki.0);
                out.extend_from_slice(message);
            }
            Self::Tickets { serial } => put_head(out, TICKETS, 0, 0, *serial),
        }
        Ok(())
    }

    /// Reads one message.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for what is beyond its limit.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        let (kind, flag, number, serial) = (c.u8()?, c.u8()?, c.u16()?, c.u32()?);
        match (kind, flag, number) {
            (SIGN, 0, scheme) => {
                let (scheme, spki, message) = (Scheme::of_number(scheme)?, SpkiHash(c.array()?), c.rest());
                let is_sound = message.len() <= SIGNED_BYTES_MAX;
                if is_sound { Ok(Self::Sign { serial, scheme, spki, message }) } else { Err(WireError::Long) }
            }
            (TICKETS, 0, 0) => c.end().map(|()| Self::Tickets { serial }),
            (SIGN | TICKETS, _, _) => Err(WireError::Field("reserved")),
            _ => Err(WireError::Kind(kind)),
        }
    }
}

impl<'a> FromKeys<'a> {
    /// Writes the message in place of what is in `out`.
    ///
    /// # Errors
    /// [`WireError::Field`] for what is beyond its limit.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Hello { more, keys } => {
                let count = u32::try_from(keys.len()).ok().filter(|_| keys.len() <= HELLO_KEYS_COUNT_MAX);
                put_head(out, HELLO, u8::from(*more), PROTOCOL, count.ok_or(WireError::Field("keys"))?);
                for (spki, kind) in keys {
                    out.extend_from_slice(&spki.0);
                    out.push(*kind as u8);
                }
            }
            Self::Signature { serial, signed: Ok(signature) } => {
                if !(1..=SIGNATURE_BYTES_MAX).contains(&signature.len()) {
                    return Err(WireError::Field("signature"));
                }
                put_head(out, SIGNATURE, 0, 0, *serial);
                out.extend_from_slice(signature);
            }
            Self::Signature { serial, signed: Err(refusal) } => put_head(out, SIGNATURE, *refusal as u8, 0, *serial),
            Self::TicketKeys { serial, seconds, current, previous } => {
                put_head(out, TICKET_KEYS, 0, 0, *serial);
                out.extend_from_slice(&seconds.to_le_bytes());
                for ticket in [current, previous] {
                    out.extend_from_slice(&ticket.name);
                    out.extend_from_slice(&ticket.key);
                }
            }
        }
        Ok(())
    }

    /// Reads one message.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Protocol`] for another protocol's HELLO, [`WireError::Field`]
    /// for what is beyond its limit.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        let (kind, flag, number, serial) = (c.u8()?, c.u8()?, c.u16()?, c.u32()?);
        match (kind, flag, number) {
            (HELLO, 0 | 1, PROTOCOL) => Ok(Self::Hello { more: flag == 1, keys: take_keys(&mut c, serial)? }),
            (HELLO, 0 | 1, other) => Err(WireError::Protocol(other)),
            (SIGNATURE, 0, 0) => {
                let signature = c.rest();
                let is_sound = (1..=SIGNATURE_BYTES_MAX).contains(&signature.len());
                let signed = Ok(signature);
                if is_sound { Ok(Self::Signature { serial, signed }) } else { Err(WireError::Field("signature")) }
            }
            (SIGNATURE, status, 0) => {
                let signed = Err(Refusal::of_byte(status)?);
                c.end().map(|()| Self::Signature { serial, signed })
            }
            (TICKET_KEYS, 0, 0) => {
                let seconds = c.u32()?;
                let (current, previous) = (take_ticket(&mut c)?, take_ticket(&mut c)?);
                c.end().map(|()| Self::TicketKeys { serial, seconds, current, previous })
            }
            (HELLO | SIGNATURE | TICKET_KEYS, _, _) => Err(WireError::Field("reserved")),
            _ => Err(WireError::Kind(kind)),
        }
    }
}

fn take_keys(c: &mut Cursor<'_>, count: u32) -> Result<Vec<(SpkiHash, KeyKind)>, WireError> {
    let count = usize::try_from(count).ok().filter(|count| *count <= HELLO_KEYS_COUNT_MAX);
    let mut keys = Vec::new();
    for _ in 0..count.ok_or(WireError::Field("keys"))? {
        keys.push((SpkiHash(c.array()?), KeyKind::of_byte(c.u8()?)?));
    }
    c.end().map(|()| keys)
}

fn take_ticket(c: &mut Cursor<'_>) -> Result<TicketKey, WireError> {
    Ok(TicketKey { name: c.array()?, key: c.array()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPKI: SpkiHash = SpkiHash([7; SPKI_HASH_BYTES]);

    fn questions() -> [Vec<u8>; 3] {
        let longest = [9; SIGNED_BYTES_MAX];
        let sign = |message| ToKeys::Sign { serial: 5, scheme: Scheme::Ed25519, spki: SPKI, message };
        [sign(b"message"), sign(&longest), ToKeys::Tickets { serial: 6 }].map(|question| {
            let mut out = b"before".to_vec();
            question.encode(&mut out).unwrap();
            assert_eq!(ToKeys::decode(&out), Ok(question));
            out
        })
    }

    fn replies() -> Vec<Vec<u8>> {
        let ticket = |byte| TicketKey { name: [byte; 16], key: [byte; 32] };
        let signature = |signed| FromKeys::Signature { serial: 5, signed };
        let mut replies = vec![
            FromKeys::Hello { more: false, keys: vec![] },
            FromKeys::Hello { more: true, keys: KeyKind::ALL.map(|kind| (SPKI, kind)).to_vec() },
            signature(Ok(b"signature")),
            signature(Ok(&[1; SIGNATURE_BYTES_MAX])),
            FromKeys::TicketKeys { serial: 6, seconds: 9, current: ticket(1), previous: ticket(2) },
        ];
        replies.extend((1..=5).map(|byte| signature(Err(Refusal::of_byte(byte).unwrap()))));
        let bytes = replies.iter().map(|reply| {
            let mut out = b"before".to_vec();
            reply.encode(&mut out).unwrap();
            assert_eq!(FromKeys::decode(&out), Ok(reply.clone()));
            out
        });
        bytes.collect()
    }

    #[test]
    fn a_question_comes_back_and_an_altered_one_is_another_or_none() {
        for whole in questions() {
            for cut in 0..whole.len().min(8 + SPKI_HASH_BYTES) {
                assert!(ToKeys::decode(&whole[..cut]).is_err() || whole[0] == TICKETS && cut == 8, "{cut}");
            }
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Ok(question) = ToKeys::decode(&flipped) {
                    let mut again = Vec::new();
                    question.encode(&mut again).unwrap();
                    assert_eq!(again, flipped);
                }
            }
        }
        let mut long = questions()[1].clone();
        long.push(0);
        assert_eq!(ToKeys::decode(&long), Err(WireError::Long));
    }

    #[test]
    fn a_reply_comes_back_and_an_altered_one_is_another_or_none() {
        for whole in replies() {
            for cut in 0..whole.len() {
                // A signature has no length but that of its message.
                assert!(FromKeys::decode(&whole[..cut]).is_err() || whole[0] == SIGNATURE && cut > 8, "{cut}");
            }
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Ok(reply) = FromKeys::decode(&flipped) {
                    let mut again = Vec::new();
                    reply.encode(&mut again).unwrap();
                    assert_eq!(again, flipped);
                }
            }
        }
    }

    #[test]
    fn what_is_beyond_a_limit_is_not_sent_and_a_secret_is_not_shown() {
        let (long, mut out) = (vec![1; SIGNATURE_BYTES_MAX + 1], Vec::new());
        let sign = ToKeys::Sign { serial: 1, scheme: Scheme::Ed25519, spki: SPKI, message: &long };
        assert!(sign.encode(&mut out).is_err());
        for signed in [&long[..], b""] {
            assert!(FromKeys::Signature { serial: 1, signed: Ok(signed) }.encode(&mut out).is_err());
        }
        let keys = vec![(SPKI, KeyKind::Rsa); HELLO_KEYS_COUNT_MAX + 1];
        assert!(FromKeys::Hello { more: false, keys }.encode(&mut out).is_err());
        assert!(!format!("{:?}", TicketKey { name: [1; 16], key: [99; 32] }).contains("99"));
    }
}
