//! The request head, as it travels from parse to dispatch: a fixed part, then the bytes its lengths
//! name, then fields.

use crate::{
    WireError,
    cursor::{Cursor, Fixed, put_long, put_short},
    facts::HandshakeFacts,
    fields::Fields,
};

pub use crate::endpoint::Endpoint;

/// The delimitation of a message's body, as parse or dispatch has decided it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    #[default]
    None,
    /// A body of exactly that many bytes.
    Exact(u64),
    /// A body whose length is known only when END comes.
    Chunked,
}

impl BodyLength {
    const fn parts(self) -> (u8, u64) {
        match self {
            Self::None => (0, 0),
            Self::Exact(n) => (1, n),
            Self::Chunked => (2, 0),
        }
    }

    #[inline]
    pub(crate) fn bytes(self) -> [u8; 9] {
        let (kind, length) = self.parts();
        Fixed::new().put([kind]).put(length.to_le_bytes()).bytes()
    }

    pub(crate) fn take(cursor: &mut Cursor<'_>) -> Result<Self, WireError> {
        match (cursor.u8()?, cursor.u64()?) {
            (0, 0) => Ok(Self::None),
            (1, n) => Ok(Self::Exact(n)),
            (2, 0) => Ok(Self::Chunked),
            _ => Err(WireError::Field("body length")),
        }
    }
}

/// HTTP version the client spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Version {
    /// HTTP/1.0
    Http10 = 10,
    /// HTTP/1.1
    #[default]
    Http11 = 11,
    /// HTTP/2
    Http2 = 20,
}

impl Version {
    const fn from_byte(byte: u8) -> Result<Self, WireError> {
        match byte {
            10 => Ok(Self::Http10),
            11 => Ok(Self::Http11),
            20 => Ok(Self::Http2),
            _ => Err(WireError::Field("version")),
        }
    }
}

const FLAG_SECURE: u8 = 1;
pub(crate) const FLAG_EXPECT_CONTINUE: u8 = 2;
const FLAG_SINGLE_CLIENT: u8 = 4;
const FLAG_TRUSTED: u8 = 8;
pub(crate) const FLAG_RELEASED: u8 = 16;
const FLAG_FORWARDED: u8 = 32;
const FLAG_PACED: u8 = 64;
const FLAGS_ALL: u8 = FLAG_SECURE
    | FLAG_EXPECT_CONTINUE
    | FLAG_SINGLE_CLIENT
    | FLAG_TRUSTED
    | FLAG_RELEASED
    | FLAG_FORWARDED
    | FLAG_PACED;

/// The head of a request, as parse decided it, and the raw bytes that rules want to see. All slices
/// are borrowed from the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// HTTP version that the client spoke.
    pub version: Version,
    /// The client came over TLS (here or to a trusted proxy).
    pub secure: bool,
    /// The client waits for 100 Continue before it sends its body.
    pub expect_continue: bool,
    /// All requests of this connection are one client's, and dispatch is told of its end: a login
    /// may be bound to it.
    pub single_client: bool,
    /// The request comes from a trusted proxy, whose own fields count.
    pub trusted: bool,
    /// The field in which trusted proxies of this listener name their client is Forwarded (RFC
    /// 7239), not X-Forwarded-For and its kin.
    pub forwarded: bool,
    /// parse sends the response itself, which has a rate or is one of many streams of its
    /// connection: nothing of it is leased but an upgrade.
    pub paced: bool,
    /// A filter has the whole body, or the first `held` bytes of it where that is not 0, and sends
    /// them as credit comes round to it ([`crate::Kind::ReleaseCredit`]).
    pub released: bool,
    /// Delimitation of the body.
    pub body: BodyLength,
    /// Body bytes that a filter has granted again: they follow at once, or are released.
    pub held: u32,
    /// Index of the site in the configuration of this generation.
    pub site: u32,
    /// Index of the policy that holds for the request, one of the site's.
    pub policy: u32,
    /// Index of the listener.
    pub listener: u16,
    /// The client: behind trusted proxies the one that they name.
    pub client: Endpoint,
    /// The socket's peer.
    pub peer: Endpoint,
    /// TLS version as in the handshake (0x0303, 0x0304), 0 without TLS.
    pub tls_version: u16,
    /// TLS cipher suite, 0 without TLS.
    pub tls_cipher: u16,
    /// accept's number of the connection.
    pub connection: u64,
    /// Unique for each request of an edge; in logs and in the response to a denial.
    pub request: u64,
    /// Method token, case kept.
    pub method: &'a [u8],
    /// Canonical host: lower case, no port, no trailing dot.
    pub host: &'a [u8],
    /// Port of the authority as the client wrote it, 0 where it wrote none.
    pub host_port: u16,
    /// Server name of the TLS handshake, empty without.
    pub sni: &'a [u8],
    /// The other facts of the TLS handshake.
    pub facts: HandshakeFacts<'a>,
    /// Target in origin form (path and query), or `*`, as the application gets it.
    pub target: &'a [u8],
    /// Target in origin form as the client sent it, where `target` is another one; else empty.
    pub received: &'a [u8],
    /// Location of the redirect that the policy responds with; empty without.
    pub location: &'a [u8],
    /// The one Upgrade token the client offers and the listener allows, lower case; empty without.
    pub upgrade: &'a [u8],
    /// The request line as received, without its end; for rules only.
    pub line: &'a [u8],
    /// All header fields as received, in order.
    pub fields: Fields<'a>,
}

/// Bytes of an encoded head before the first part that has a length of its own.
const FIXED_BYTES: usize = 83;

impl<'a> RequestHead<'a> {
    /// Returns the target as the client sent it.
    #[must_use]
    pub const fn received_target(&self) -> &'a [u8] {
        if self.received.is_empty() { self.target } else { self.received }
    }

    /// Appends everything but the fields, which the caller writes next
    /// ([`crate::fields::FieldsWriter`]).
    ///
    /// # Errors
    /// [`WireError::Field`] for a part longer than its length field.
    pub fn encode_fixed(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let secure = if self.secure { FLAG_SECURE } else { 0 };
        let expect_continue = if self.expect_continue { FLAG_EXPECT_CONTINUE } else { 0 };
        let single_client = if self.single_client { FLAG_SINGLE_CLIENT } else { 0 };
        let trusted = if self.trusted { FLAG_TRUSTED } else { 0 };
        let released = if self.released { FLAG_RELEASED } else { 0 };
        let forwarded = if self.forwarded { FLAG_FORWARDED } else { 0 };
        let paced = if self.paced { FLAG_PACED } else { 0 };
        let flags = secure | expect_continue | single_client | trusted | released | forwarded | paced;
        let mut fixed = Fixed::<FIXED_BYTES>::new();
        fixed
            .put([self.version as u8, flags])
            .put(self.body.bytes())
            .put(self.held.to_le_bytes())
            .put(self.site.to_le_bytes())
            .put(self.policy.to_le_bytes())
            .put(self.listener.to_le_bytes())
            .put(self.client.bytes())
            .put(self.peer.bytes())
            .put(self.tls_version.to_le_bytes())
            .put(self.tls_cipher.to_le_bytes())
            .put(self.connection.to_le_bytes())
            .put(self.request.to_le_bytes())
            .put(self.host_port.to_le_bytes());
        out.extend_from_slice(&fixed.bytes());
        put_short(out, self.method, "method")?;
        put_short(out, self.host, "host")?;
        put_short(out, self.sni, "sni")?;
        put_short(out, self.facts.bytes(), "facts")?;
        put_short(out, self.upgrade, "upgrade")?;
        put_long(out, self.target, "target")?;
        put_long(out, self.received, "received target")?;
        put_long(out, self.location, "location")?;
        put_long(out, self.line, "request line")
    }

    /// Appends the whole head.
    ///
    /// # Errors
    /// [`WireError::Field`] for a part longer than its length field.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        self.encode_fixed(out)?;
        crate::fields::put(out, self.fields)
    }

    /// Reads a head, consuming exactly `body`.
    ///
    /// # Errors
    /// [`WireError::Short`], [`WireError::Long`] or [`WireError::Field`].
    #[expect(clippy::too_many_lines, reason = "every field of a head, once, in one place")]
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(body);
        // Cut off in one piece, so that the compiler knows that the fixed parts are there.
        let fixed = c.array::<FIXED_BYTES>()?;
        let mut f = Cursor::new(&fixed);
        let version = Version::from_byte(f.u8()?)?;
        let flags = f.u8()?;
        if flags & !FLAGS_ALL != 0 {
            return Err(WireError::Field("request flags"));
        }
        let head = Self {
            version,
            secure: flags & FLAG_SECURE != 0,
            expect_continue: flags & FLAG_EXPECT_CONTINUE != 0,
            single_client: flags & FLAG_SINGLE_CLIENT != 0,
            trusted: flags & FLAG_TRUSTED != 0,
            released: flags & FLAG_RELEASED != 0,
            forwarded: flags & FLAG_FORWARDED != 0,
            paced: flags & FLAG_PACED != 0,
            body: BodyLength::take(&mut f)?,
            held: f.u32()?,
            site: f.u32()?,
            policy: f.u32()?,
            listener: f.u16()?,
            client: Endpoint::take(&mut f)?,
            peer: Endpoint::take(&mut f)?,
            tls_version: f.u16()?,
            tls_cipher: f.u16()?,
            connection: f.u64()?,
            request: f.u64()?,
            host_port: f.u16()?,
            method: c.short_bytes()?,
            host: c.short_bytes()?,
            sni: c.short_bytes()?,
            facts: HandshakeFacts::decode(c.short_bytes()?)?,
            upgrade: c.short_bytes()?,
            target: c.long_bytes()?,
            received: c.long_bytes()?,
            location: c.long_bytes()?,
            line: c.long_bytes()?,
            fields: Fields::decode(&mut c)?,
        };
        c.end()?;
        if head.method.is_empty() || head.target.is_empty() {
            return Err(WireError::Field("request line"));
        }
        Ok(head)
    }
}

/// Reads REQUEST_END: the trailers.
///
/// # Errors
/// [`WireError::Short`], [`WireError::Long`] or [`WireError::Field`].
pub fn decode_end(body: &[u8]) -> Result<Fields<'_>, WireError> {
    let mut cursor = Cursor::new(body);
    let trailers = Fields::decode(&mut cursor)?;
    cursor.end()?;
    Ok(trailers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::released::{set_held, set_length};

    fn sample() -> Vec<u8> {
        with_body(BodyLength::Exact(5))
    }

    fn with_body(body: BodyLength) -> Vec<u8> {
        let mut fields = Vec::new();
        crate::fields::put(&mut fields, [(&b"Host"[..], &b"a.example"[..]), (b"X", b""), (b"x", b"2")]).unwrap();
        let fields = Fields::decode(&mut Cursor::new(&fields)).unwrap();
        let head = RequestHead {
            secure: true,
            body,
            site: 3,
            policy: 4,
            client: Endpoint::from_socket("192.0.2.9:80".parse().unwrap()),
            connection: 77,
            method: b"POST",
            host: b"a.example",
            target: b"/x?y",
            received: b"/a/x?y",
            line: b"POST /x?y HTTP/1.1",
            fields,
            ..Default::default()
        };
        let mut out = Vec::new();
        head.encode(&mut out).unwrap();
        assert_eq!(RequestHead::decode(&out).unwrap(), head);
        out
    }

    #[test]
    fn a_head_cut_anywhere_is_refused() {
        let whole = sample();
        for cut in 0..whole.len() {
            assert!(RequestHead::decode(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_head_with_a_byte_too_many_is_refused() {
        let mut whole = sample();
        whole.push(0);
        assert_eq!(RequestHead::decode(&whole), Err(WireError::Long));
    }

    #[test]
    fn a_flipped_bit_never_panics_and_decodes_to_the_same_bytes_or_not_at_all() {
        let whole = sample();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(head) = RequestHead::decode(&bytes) {
                let mut again = Vec::new();
                head.encode(&mut again).unwrap();
                assert_eq!(again, bytes, "bit {bit}");
            }
        }
    }

    #[test]
    fn held_is_set_in_place_and_nothing_else_changes() {
        let mut whole = sample();
        let before = whole.clone();
        set_held(&mut whole, 0xdead_beef).unwrap();
        assert_eq!(RequestHead::decode(&whole).unwrap().held, 0xdead_beef);
        set_held(&mut whole, 0).unwrap();
        assert_eq!(whole, before);
    }

    #[test]
    fn a_body_has_the_length_that_is_set_and_none_has_none() {
        let set = |body| {
            let mut head = with_body(body);
            set_length(&mut head, 7).unwrap();
            RequestHead::decode(&head).unwrap().body
        };
        let bodies = [BodyLength::Exact(5), BodyLength::Chunked, BodyLength::None];
        assert_eq!(bodies.map(set), [BodyLength::Exact(7), BodyLength::Exact(7), BodyLength::None]);
    }

    #[test]
    fn duplicates_of_a_field_are_kept_in_order() {
        let whole = sample();
        let head = RequestHead::decode(&whole).unwrap();
        assert_eq!(head.fields.all(b"X").collect::<Vec<_>>(), [&b""[..], b"2"]);
    }
}
