//! The response, judged.

use core::fmt;

use crate::query::{CLASS_IN, HEADER_BYTES, Kind, Query};

/// Addresses of one response that are looked at: more servers than a backend can have.
pub const ADDRESSES_MAX: usize = 64;
/// Records of a message that are looked at; one with more is malformed.
const RECORDS_MAX: usize = 512;
/// CNAMEs from the question to the addresses.
const CHAIN_MAX: usize = 12;
/// Bytes of a name in a message (RFC 1035, section 2.3.4).
const WIRE_NAME_BYTES_MAX: usize = 255;

const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TRUNCATED: u16 = 0x0200;
const RCODE: u16 = 0x000f;
const NAME_ERROR: u16 = 3;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;

/// The word of a name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The name has these addresses, for that many seconds.
    Addresses(Addresses),
    /// There is no such name, or it has no address of this kind; `None` where the server does not
    /// say for how long.
    Nothing {
        /// Seconds for which that holds (RFC 2308).
        ttl_seconds: Option<u32>,
    },
    /// The rest did not fit: it is to be asked for by TCP.
    Truncated,
    /// The server has no response, with this RCODE.
    Failed(u8),
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// In the order of the message, each once; IPv4 mapped into IPv6. 1 to [`ADDRESSES_MAX`].
    pub addresses: Vec<[u8; 16]>,
    /// The shortest time of the records that led to them.
    pub ttl_seconds: u32,
}

/// A message that is not the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has another number, or is a question itself.
    NotOurs,
    /// It is about another question.
    OtherQuestion,
    /// It is cut short, points where nothing is, or has more than a message may.
    Malformed,
    /// Its CNAMEs have no end.
    EndlessChain,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOurs => "no response to this question",
            Self::OtherQuestion => "response to another question",
            Self::Malformed => "malformed response",
            Self::EndlessChain => "endless chain of names",
        })
    }
}

/// Judges a message that may be the response to a question.
///
/// # Errors
/// [`Fault`] where it is none, or not as responses are.
pub fn judge(query: &Query, message: &[u8]) -> Result<Response, Fault> {
    let mut reader = Reader { message, at: 0 };
    let mut header = [0; HEADER_BYTES / 2];
    for number in &mut header {
        *number = reader.u16()?;
    }
    // Additional records are not looked at.
    let [id, flags, questions, first, authorities, _] = header;
    if id != query.id || flags & RESPONSE == 0 || flags & OPCODE != 0 {
        return Err(Fault::NotOurs);
    }
    let question = query.question();
    if questions != 1 || reader.bytes(question.len())? != question {
        return Err(Fault::OtherQuestion);
    }
    if flags & TRUNCATED != 0 {
        return Ok(Response::Truncated);
    }
    let rcode = flags & RCODE;
    if rcode != 0 && rcode != NAME_ERROR {
        return Ok(Response::Failed(u8::try_from(rcode).unwrap_or(u8::MAX)));
    }
    if usize::from(first) + usize::from(authorities) > RECORDS_MAX {
        return Err(Fault::Malformed);
    }
    let records = (0..first).map(|_| reader.record()).collect::<Result<Vec<_>, _>>()?;
    if let Some(addresses) = follow(&records, query)? {
        return Ok(Response::Addresses(addresses));
    }
    let authorities = (0..authorities).map(|_| reader.record()).collect::<Result<Vec<_>, _>>()?;
    Ok(Response::Nothing { ttl_seconds: authorities.iter().find_map(Record::negative_ttl_seconds) })
}

/// Follows the chain of CNAMEs from the question to the addresses at its end. What other names have
/// is not looked at, whoever says so.
fn follow(records: &[Record], query: &Query) -> Result<Option<Addresses>, Fault> {
    let mut name = query.name.to_ascii_lowercase();
    let mut ttl_seconds = u32::MAX;
    for _ in 0..=CHAIN_MAX {
        let of_name = || records.iter().filter(|record| record.owner == name);
        let mut addresses: Vec<[u8; 16]> = Vec::new();
        for (address, record) in of_name().filter_map(|record| Some((record.address(query.kind)?, record))) {
            ttl_seconds = ttl_seconds.min(record.ttl_seconds);
            if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if !addresses.is_empty() {
            return Ok(Some(Addresses { addresses, ttl_seconds }));
        }
        let Some((next, record)) = of_name().find_map(|record| Some((record.alias()?, record))) else {
            return Ok(None);
        };
        ttl_seconds = ttl_seconds.min(record.ttl_seconds);
        next.clone_into(&mut name);
    }
    Err(Fault::EndlessChain)
}

/// One record, with what is needed of it.
#[derive(Debug)]
struct Record {
    /// Its name in lower case, as a message has it.
    owner: Vec<u8>,
    ttl_seconds: u32,
    data: Data,
}

#[derive(Debug)]
enum Data {
    A([u8; 4]),
    Aaaa([u8; 16]),
    Alias(Vec<u8>),
    /// The start of a zone, with the time for which "nothing" holds there.
    Zone(u32),
    Other,
}

impl Record {
    fn address(&self, kind: Kind) -> Option<[u8; 16]> {
        match (&self.data, kind) {
            (Data::A([a, b, c, d]), Kind::A) => Some([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, *a, *b, *c, *d]),
            (Data::Aaaa(address), Kind::Aaaa) => Some(*address),
            _ => None,
        }
    }

    fn alias(&self) -> Option<&[u8]> {
        if let Data::Alias(name) = &self.data { Some(name) } else { None }
    }

    /// Returns the time for which "nothing" holds (RFC 2308, section 5).
    fn negative_ttl_seconds(&self) -> Option<u32> {
        if let Data::Zone(minimum) = self.data { Some(self.ttl_seconds.min(minimum)) } else { None }
    }
}

struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

impl<'m> Reader<'m> {
    fn bytes(&mut self, count: usize) -> Result<&'m [u8], Fault> {
        let end = self.at.checked_add(count).ok_or(Fault::Malformed)?;
        let bytes = self.message.get(self.at..end).ok_or(Fault::Malformed)?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.bytes(N)?.try_into().map_err(|_| Fault::Malformed)
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads a name, compressed or not. Each pointer leads to what precedes all that the name has
    /// been read from so far, so none leads round in a circle (RFC 1035, section 4.1.4: "a prior
    /// occurrence").
    fn name(&mut self) -> Result<Vec<u8>, Fault> {
        let mut name = Vec::new();
        let mut after = None;
        let mut begin = self.at;
        loop {
            match self.array::<1>()? {
                [0] => {
                    name.push(0);
                    self.at = after.unwrap_or(self.at);
                    return Ok(name);
                }
                [length @ 1..64] => {
                    let label = self.bytes(length.into())?;
                    // The root is still to come.
                    if name.len() + 1 + label.len() >= WIRE_NAME_BYTES_MAX {
                        return Err(Fault::Malformed);
                    }
                    name.push(length);
                    name.extend(label.iter().map(u8::to_ascii_lowercase));
                }
                [high] if high >= 192 => {
                    let [low] = self.array()?;
                    let to = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                    if to < HEADER_BYTES || to >= begin {
                        return Err(Fault::Malformed);
                    }
                    after.get_or_insert(self.at);
                    (self.at, begin) = (to, to);
                }
                _ => return Err(Fault::Malformed),
            }
        }
    }

    fn record(&mut self) -> Result<Record, Fault> {
        let owner = self.name()?;
        let (kind, class, ttl_seconds) = (self.u16()?, self.u16()?, self.u32()?);
        let length = usize::from(self.u16()?);
        let end = self.at.checked_add(length).filter(|end| *end <= self.message.len()).ok_or(Fault::Malformed)?;
        let data = if class == CLASS_IN { self.data(kind, length)? } else { Data::Other };
        // Names are the only data whose length does not follow from the type.
        if self.at > end {
            return Err(Fault::Malformed);
        }
        self.at = end;
        // One with the first bit set counts as 0 (RFC 2181, section 8).
        let ttl_seconds = if ttl_seconds >> 31 == 1 { 0 } else { ttl_seconds };
        Ok(Record { owner, ttl_seconds, data })
    }

    fn data(&mut self, kind: u16, length: usize) -> Result<Data, Fault> {
        Ok(match (kind, length) {
            (1, 4) => Data::A(self.array()?),
            (28, 16) => Data::Aaaa(self.array()?),
            (1 | 28, _) => return Err(Fault::Malformed),
            (TYPE_CNAME, _) => Data::Alias(self.name()?),
            (TYPE_SOA, _) => {
                self.name()?;
                self.name()?;
                // Serial, refresh, retry and expire come before it (RFC 1035, section 3.3.13).
                self.bytes(16)?;
                Data::Zone(self.u32()?)
            }
            _ => Data::Other,
        })
    }
}
