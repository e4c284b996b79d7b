//! The question.

use crate::name::Name;

/// Bytes of a response that comes in a datagram: what passes everywhere without fragments
/// (DNS Flag Day 2020). A longer one is asked for again by TCP.
pub const UDP_BYTES_MAX: u16 = 1232;

/// Bytes of a header (RFC 1035, section 4.1.1).
pub(crate) const HEADER_BYTES: usize = 12;
/// Class IN.
pub(crate) const CLASS_IN: u16 = 1;
/// RD: the name server is to follow referrals, as this client follows none.
const RECURSION_DESIRED: u16 = 0x0100;
/// OPT (RFC 6891, section 6.1.1).
const TYPE_OPT: u16 = 41;

/// The kind of address that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
}

impl Kind {
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

/// A question that is asked once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(crate) id: u16,
    pub(crate) kind: Kind,
    /// The name as the message has it, letters in random case.
    pub(crate) name: Vec<u8>,
    edns: bool,
}

impl Query {
    /// Asks for the addresses of a name. `random` is the number of the question and the case of its
    /// letters (draft-vixie-dnsext-dns0x20): who first without having seen the question has to
    /// guess both. Without `edns`, for servers that do not know it, a datagram has 512 bytes.
    #[must_use]
    pub fn new(name: &Name, kind: Kind, random: [u8; 16], edns: bool) -> Self {
        let [high, low, bits @ ..] = random;
        let mut name = name.wire();
        let letters = name.iter_mut().filter(|byte| byte.is_ascii_lowercase());
        for (at, letter) in letters.enumerate() {
            let bit = bits[at / 8 % bits.len()] >> (at % 8) & 1;
            if bit == 1 {
                letter.make_ascii_uppercase();
            }
        }
        Self { id: u16::from_be_bytes([high, low]), kind, name, edns }
    }

    /// Returns the bytes of a datagram.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.name.len() + 15);
        for number in [self.id, RECURSION_DESIRED, 1, 0, 0, u16::from(self.edns)] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.question());
        if self.edns {
            // The root, OPT, the size of a datagram, and no option.
            out.push(0);
            for number in [TYPE_OPT, UDP_BYTES_MAX, 0, 0, 0] {
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        out
    }

    /// Returns the bytes for a stream: a datagram behind its length (RFC 1035, section 4.2.2).
    #[must_use]
    pub fn encode_for_stream(&self) -> Vec<u8> {
        let datagram = self.encode();
        let length = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
        [&length.to_be_bytes(), datagram.as_slice()].concat()
    }

    /// Returns the question section: name, type and class.
    pub(crate) fn question(&self) -> Vec<u8> {
        [&self.name, self.kind.number().to_be_bytes().as_slice(), &CLASS_IN.to_be_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_as_the_standards_have_it() {
        let name = Name::parse("ab.c").unwrap();
        let query = Query::new(&name, Kind::Aaaa, [0x12, 0x34, 0b101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], true);
        let expected: &[u8] =
            b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x02Ab\x01C\0\0\x1c\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
        assert_eq!(query.encode(), expected);
        assert_eq!(query.encode_for_stream(), [&[0, 33], expected].concat());
        let plain = Query::new(&name, Kind::A, [0; 16], false).encode();
        assert_eq!(plain, b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x02ab\x01c\0\0\x01\0\x01");
    }
}
