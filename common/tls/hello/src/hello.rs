//! The message itself.

use crate::HelloError;

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// Bytes of a host name (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
/// Bytes of a label of it.
const LABEL_BYTES_MAX: usize = 63;
/// Extensions that are read; clients send twenty.
const EXTENSIONS_COUNT_MAX: usize = 128;

/// A ClientHello, in the order in which the client has sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The version of before TLS 1.3, which says 0x0303 for that as well.
    pub legacy_version: u16,
    /// Cipher suites.
    pub ciphers: Vec<u16>,
    /// The kinds of its extensions.
    pub extensions: Vec<u16>,
    /// The name of the server that it wants.
    pub server_name: ServerName,
    /// Protocols that it can speak (RFC 7301).
    pub protocols: Vec<Box<[u8]>>,
    /// Versions that it can speak; empty before TLS 1.3.
    pub versions: Vec<u16>,
    /// Signature schemes that it can check.
    pub schemes: Vec<u16>,
    /// Groups for the key exchange.
    pub groups: Vec<u16>,
}

/// A server name (RFC 6066, section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerName {
    /// The client has said none, or an address, which is none there.
    #[default]
    None,
    /// A host name in lower case without a dot at its end.
    Host(Box<str>),
}

impl ServerName {
    /// Returns the name; an empty one where there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::None => "",
            Self::Host(name) => name,
        }
    }
}

impl Hello {
    /// Reads the body of a ClientHello, as [`message`](crate::message) returns it.
    ///
    /// # Errors
    /// [`HelloError`].
    pub fn read(body: &[u8]) -> Result<Self, HelloError> {
        let mut c = Cursor(body);
        let legacy_version = c.u16()?;
        c.take(32)?; // random
        let session = c.vector_u8()?;
        if session.len() > 32 {
            return Err(HelloError::Malformed);
        }
        let ciphers = words(c.vector_u16()?)?;
        let compressions = c.vector_u8()?;
        if ciphers.is_empty() || compressions.is_empty() {
            return Err(HelloError::Malformed);
        }
        let mut hello = Self { legacy_version, ciphers, ..Self::default() };
        // RFC 5246, section 7.4.1.2: extensions may be missing altogether.
        if !c.0.is_empty() {
            let mut all = Cursor(c.vector_u16()?);
            c.end()?;
            while !all.0.is_empty() {
                hello.extension(all.u16()?, Cursor(all.vector_u16()?))?;
            }
        }
        Ok(hello)
    }

    fn extension(&mut self, kind: u16, mut body: Cursor<'_>) -> Result<(), HelloError> {
        if self.extensions.contains(&kind) {
            return Err(HelloError::Twice);
        }
        if self.extensions.len() == EXTENSIONS_COUNT_MAX {
            return Err(HelloError::Long);
        }
        self.extensions.push(kind);
        match kind {
            SERVER_NAME => self.server_name = server_name(body.vector_u16()?)?,
            SUPPORTED_GROUPS => self.groups = words(body.vector_u16()?)?,
            SIGNATURE_ALGORITHMS => self.schemes = words(body.vector_u16()?)?,
            ALPN => self.protocols = protocols(body.vector_u16()?)?,
            SUPPORTED_VERSIONS => self.versions = words(body.vector_u8()?)?,
            _ => return Ok(()),
        }
        body.end()
    }

    /// Returns whether the client offers a protocol.
    #[must_use]
    pub fn offers(&self, protocol: &[u8]) -> bool {
        self.protocols.iter().any(|one| **one == *protocol)
    }
}

fn server_name(list: &[u8]) -> Result<ServerName, HelloError> {
    let mut c = Cursor(list);
    // One host name is all that there has ever been (RFC 6066 forbids two of a kind).
    if c.u8()? != 0 {
        return Err(HelloError::Malformed);
    }
    let name = c.vector_u16()?;
    c.end()?;
    host(name).ok_or(HelloError::BadName)
}

fn host(name: &[u8]) -> Option<ServerName> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let text = std::str::from_utf8(name).ok().filter(|text| text.len() <= NAME_BYTES_MAX)?;
    // RFC 6066, section 3: literal addresses are not permitted. Clients send them all the same.
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Some(ServerName::None);
    }
    let of_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(of_label);
    text.split('.').all(is_label).then(|| ServerName::Host(text.to_ascii_lowercase().into()))
}

fn protocols(list: &[u8]) -> Result<Vec<Box<[u8]>>, HelloError> {
    let (mut c, mut all) = (Cursor(list), Vec::new());
    while !c.0.is_empty() {
        let one = c.vector_u8()?;
        if one.is_empty() || all.len() == EXTENSIONS_COUNT_MAX {
            return Err(HelloError::Malformed);
        }
        all.push(one.into());
    }
    if all.is_empty() { Err(HelloError::Malformed) } else { Ok(all) }
}

fn words(list: &[u8]) -> Result<Vec<u16>, HelloError> {
    let (words, rest) = list.as_chunks::<2>();
    if !rest.is_empty() || words.is_empty() {
        return Err(HelloError::Malformed);
    }
    Ok(words.iter().map(|word| u16::from_be_bytes(*word)).collect())
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], HelloError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(HelloError::Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    fn u8(&mut self) -> Result<u8, HelloError> {
        let (first, rest) = self.0.split_first().ok_or(HelloError::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    fn u16(&mut self) -> Result<u16, HelloError> {
        let (head, rest) = self.0.split_first_chunk::<2>().ok_or(HelloError::Malformed)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*head))
    }

    fn vector_u8(&mut self) -> Result<&'a [u8], HelloError> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    fn vector_u16(&mut self) -> Result<&'a [u8], HelloError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    fn end(&self) -> Result<(), HelloError> {
        if self.0.is_empty() { Ok(()) } else { Err(HelloError::Malformed) }
    }
}
