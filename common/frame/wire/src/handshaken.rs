//! fosse-tls and a front: clients whose handshake is done, one SEQPACKET message a batch.
//!
//! Down (tls to front): HANDSHAKEN, a [`Client`] a record, and with each record one descriptor, the
//! front's end of a stream pair that carries the plaintext. Up: ENDED, with how tls is to end the
//! client. An end of the plaintext without ENDED is a front that has died, and resets the client:
//! so a part of a response never looks whole.
//!
//! A message is `u8 kind | records`. A HANDSHAKEN record is `32 connection | u16 TLS version | u16
//! cipher suite | u8 protocol | u8 flags | 18 client | short SNI | short facts`, the last as
//! [`crate::facts`] has them. An ENDED record is `u64 id | u8 how`.

use crate::{
    WireError,
    channel::{Connection, RECORD_BYTES},
    cursor::{Cursor, put_short},
    facts::{FACTS_BYTES_MAX, HandshakeFacts},
    request::Endpoint,
};

/// Bytes of the longest message: both sides have a buffer of that size.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Records of one HANDSHAKEN message, as each has a descriptor.
pub const BATCH_COUNT_MAX: usize = crate::channel::BATCH_FDS_MAX;
/// Records of one ENDED message.
pub const ENDED_COUNT_MAX: usize = 256;
/// Bytes of a server name (RFC 1035, section 2.3.4).
const SNI_BYTES_MAX: usize = 253;

const KIND_HANDSHAKEN: u8 = 1;
const KIND_ENDED: u8 = 2;
const FLAG_PROXIED: u8 = 2;
const ENDED_BYTES: usize = 9;

/// The protocol that client and server agreed on (RFC 7301).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Protocol {
    /// The client offered none.
    #[default]
    None = 0,
    /// `http/1.1`.
    Http1 = 1,
    /// `h2`.
    Http2 = 2,
}

/// A client whose handshake is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// The connection as accept knows it.
    pub connection: Connection,
    /// 0x0303 or 0x0304.
    pub version: u16,
    /// The cipher suite's number in IANA's registry.
    pub cipher: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// The client: the socket's peer, or whom a trusted proxy's PROXY header names.
    pub client: Endpoint,
    /// The client comes from such a header.
    pub proxied: bool,
    /// The server name asked for, in lower case without a dot at its end; empty without.
    pub sni: &'a [u8],
    /// Fingerprint and certificate.
    pub facts: HandshakeFacts<'a>,
}

/// The way in which a client's connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum How {
    /// All that was written is whole: it is sent, then close_notify and FIN.
    Clean = 0,
    /// Something is missing: the client sees a reset.
    Reset = 1,
}

/// The end of a client, as its front sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// accept's number of the connection.
    pub id: u64,
    /// The way.
    pub how: How,
}

/// Begins a HANDSHAKEN message in `out`, which is cleared first.
pub fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.push(KIND_HANDSHAKEN);
}

/// Adds a client to a message that has been begun.
///
/// # Errors
/// [`WireError::Field`] for what is longer than it may be, or would make the message so; `out` is
/// then as before.
pub fn put(out: &mut Vec<u8>, client: &Client<'_>) -> Result<(), WireError> {
    let before = out.len();
    let put = put_client(out, client);
    if put.is_err() || out.len() > MESSAGE_BYTES_MAX {
        out.truncate(before);
        return put.and(Err(WireError::Long));
    }
    Ok(())
}

fn put_client(out: &mut Vec<u8>, client: &Client<'_>) -> Result<(), WireError> {
    let Client { connection, version, cipher, protocol, client: endpoint, proxied, sni, facts } = client;
    connection.put(out);
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&cipher.to_le_bytes());
    out.push(*protocol as u8);
    out.push(if *proxied { FLAG_PROXIED } else { 0 });
    out.extend_from_slice(&endpoint.bytes());
    put_short(out, bounded(sni, SNI_BYTES_MAX, "SNI")?, "SNI")?;
    put_short(out, facts.bytes(), "facts")
}

/// Reads a HANDSHAKEN message that was sent with `fds` descriptors.
///
/// # Errors
/// [`WireError::Field`] where a value is outside its range, or there are not as many descriptors as
/// records; layout errors as everywhere.
pub fn decode(bytes: &[u8], fds: usize) -> Result<Vec<Client<'_>>, WireError> {
    let mut c = begun(bytes, KIND_HANDSHAKEN)?;
    let mut clients = Vec::new();
    while c.end().is_err() {
        if clients.len() == BATCH_COUNT_MAX {
            return Err(WireError::Long);
        }
        clients.push(take(&mut c)?);
    }
    if clients.len() == fds && fds > 0 { Ok(clients) } else { Err(WireError::Field("descriptors")) }
}

fn begun(bytes: &[u8], kind: u8) -> Result<Cursor<'_>, WireError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(WireError::Long);
    }
    let mut c = Cursor::new(bytes);
    if c.u8()? == kind { Ok(c) } else { Err(WireError::Field("handshaken kind")) }
}

fn take<'a>(c: &mut Cursor<'a>) -> Result<Client<'a>, WireError> {
    let connection = Connection::take(c)?;
    let version = c.u16()?;
    let cipher = c.u16()?;
    if !(0x0303..=0x0304).contains(&version) {
        return Err(WireError::Field("TLS version"));
    }
    let protocol = match c.u8()? {
        0 => Protocol::None,
        1 => Protocol::Http1,
        2 => Protocol::Http2,
        _ => return Err(WireError::Field("protocol")),
    };
    let flags = c.u8()?;
    if flags & !FLAG_PROXIED != 0 {
        return Err(WireError::Field("handshaken flags"));
    }
    let client = Endpoint::take(c)?;
    let sni = bounded(c.short_bytes()?, SNI_BYTES_MAX, "SNI")?;
    if !is_name(sni) {
        return Err(WireError::Field("SNI"));
    }
    let facts = HandshakeFacts::decode(c.short_bytes()?)?;
    let proxied = flags & FLAG_PROXIED != 0;
    Ok(Client { connection, version, cipher, protocol, client, proxied, sni, facts })
}

fn bounded<'a>(bytes: &'a [u8], max: usize, name: &'static str) -> Result<&'a [u8], WireError> {
    if bytes.len() <= max { Ok(bytes) } else { Err(WireError::Field(name)) }
}

/// Returns whether it is empty, or a host name in lower case without a dot at its end.
fn is_name(sni: &[u8]) -> bool {
    let of_name = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    sni.iter().all(of_name) && sni.last() != Some(&b'.') && sni.first() != Some(&b'.')
}

/// Writes an ENDED message into `out`, which is cleared first. `ended` beyond
/// [`ENDED_COUNT_MAX`] must go into a next one.
pub fn encode_ended(out: &mut Vec<u8>, ended: &[Ended]) {
    debug_assert!(ended.len() <= ENDED_COUNT_MAX);
    out.clear();
    out.push(KIND_ENDED);
    for Ended { id, how } in ended {
        out.extend_from_slice(&id.to_le_bytes());
        out.push(*how as u8);
    }
}

/// Reads an ENDED message.
///
/// # Errors
/// [`WireError::Field`] for a way to end that is none; layout errors as everywhere.
pub fn decode_ended(bytes: &[u8]) -> Result<Vec<Ended>, WireError> {
    let mut c = begun(bytes, KIND_ENDED)?;
    if c.rest().len() > ENDED_COUNT_MAX * ENDED_BYTES {
        return Err(WireError::Long);
    }
    let mut all = Vec::with_capacity(c.rest().len() / ENDED_BYTES);
    while c.end().is_err() {
        let id = c.u64()?;
        let how = match c.u8()? {
            0 => How::Clean,
            1 => How::Reset,
            _ => return Err(WireError::Field("end")),
        };
        all.push(Ended { id, how });
    }
    if all.is_empty() { Err(WireError::Short) } else { Ok(all) }
}

// A record of the longest kind fits into a message of its own.
const _: () = assert!(1 + RECORD_BYTES + 24 + 4 + SNI_BYTES_MAX + FACTS_BYTES_MAX < MESSAGE_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::ClientCertificate;

    const JA4: &[u8] = b"t13d1516h2_8daaf6152771_e5627efa2ab1";

    fn facts() -> Vec<u8> {
        let certificate = ClientCertificate { subject: b"CN=someone", serial: &[1, 2], ..Default::default() };
        let mut bytes = Vec::new();
        HandshakeFacts::encode(&mut bytes, JA4, Some(&certificate)).unwrap();
        bytes
    }

    fn client(facts: &[u8]) -> Client<'_> {
        Client {
            connection: Connection { id: 9, listener: 2, trusted: true, ..Connection::default() },
            version: 0x0304,
            cipher: 0x1301,
            protocol: Protocol::Http2,
            client: Endpoint { addr: [7; 16], port: 99 },
            proxied: true,
            sni: b"a.example",
            facts: HandshakeFacts::decode(facts).unwrap(),
        }
    }

    fn message(clients: &[Client<'_>]) -> Vec<u8> {
        let mut out = vec![1, 2, 3];
        begin(&mut out);
        clients.iter().for_each(|client| put(&mut out, client).unwrap());
        out
    }

    #[test]
    fn clients_come_back_with_as_many_descriptors_as_records() {
        let facts = facts();
        let client = client(&facts);
        let plain = Client { facts: HandshakeFacts::default(), sni: b"", protocol: Protocol::None, ..client.clone() };
        let out = message(&[client.clone(), plain.clone()]);
        assert_eq!(decode(&out, 2).unwrap(), [client.clone(), plain]);
        assert!(decode(&out, 1).is_err() && decode(&out, 3).is_err());
        let first = message(&[client]).len();
        for cut in 0..out.len() {
            let whole = cut == first;
            assert_eq!(decode(&out[..cut], 1).is_ok(), whole, "cut at {cut}");
            assert!(decode(&out[..cut], 2).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_fact_is_refused() {
        let bad = [
            Client { version: 0x0302, ..client(b"") },
            Client { sni: b"A.example", ..client(b"") },
            Client { sni: b"a.example.", ..client(b"") },
            Client { sni: b"a\r\nb", ..client(b"") },
        ];
        for client in &bad {
            assert!(decode(&message(std::slice::from_ref(client)), 1).is_err(), "{client:?}");
        }
        let mut out = message(&[client(b"")]);
        out[1 + RECORD_BYTES + 5] |= 1;
        assert_eq!(decode(&out, 1), Err(WireError::Field("handshaken flags")));
        let facts = facts();
        let mut out = message(&[client(&facts)]);
        let at = out.len() - facts.len() + 2;
        out[at] = b'\n';
        assert_eq!(decode(&out, 1), Err(WireError::Field("JA4")));
    }

    #[test]
    fn what_is_too_long_is_not_put_and_leaves_the_message_as_it_was() {
        let facts = facts();
        let mut out = message(&[client(&facts)]);
        let before = out.clone();
        assert!(put(&mut out, &Client { sni: &[b'a'; SNI_BYTES_MAX + 1], ..client(&facts) }).is_err());
        assert_eq!(out, before);
        let most = (0..).find(|_| put(&mut out, &client(&facts)).is_err()).unwrap();
        assert!(most > BATCH_COUNT_MAX && out.len() <= MESSAGE_BYTES_MAX);
        assert_eq!(decode(&out, most + 1), Err(WireError::Long), "more than a message has descriptors");
    }

    #[test]
    fn ends_come_back_and_nothing_else_is_one() {
        let all = [Ended { id: 1, how: How::Clean }, Ended { id: u64::MAX, how: How::Reset }];
        let mut out = Vec::new();
        encode_ended(&mut out, &all);
        assert_eq!(decode_ended(&out).unwrap(), all);
        for cut in 0..out.len() {
            assert_eq!(decode_ended(&out[..cut]).is_ok(), cut == 1 + ENDED_BYTES, "cut at {cut}");
        }
        out[1 + 8] = 2;
        assert_eq!(decode_ended(&out), Err(WireError::Field("end")));
        assert!(decode_ended(&[KIND_ENDED; 1 + (ENDED_COUNT_MAX + 1) * ENDED_BYTES]).is_err());
    }
}
