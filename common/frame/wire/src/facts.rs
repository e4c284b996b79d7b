//! The facts of a TLS handshake besides version, cipher and name: bytes that fosse-tls writes, and
//! that fronts put into their requests as they are.
//!
//! `short JA4`, and where the client has shown a certificate `32 fingerprint | short serial | short
//! subject | short issuer`. No bytes at all say that nothing is known.

use crate::WireError;
use crate::cursor::{Cursor, put_short};

/// Bytes of a JA4 fingerprint.
pub const JA4_BYTES: usize = 36;
/// Bytes of a distinguished name of a certificate, in the text of RFC 4514. Longer ones are cut by
/// nobody: who has one is refused by its handshake.
pub const NAME_BYTES_MAX: usize = 1024;
/// Bytes of a certificate's serial number (RFC 5280, section 4.1.2.2, and the zero before a number
/// that would look negative).
pub const SERIAL_BYTES_MAX: usize = 21;
/// Bytes of all facts together.
pub(crate) const FACTS_BYTES_MAX: usize = 2 + JA4_BYTES + 32 + 2 + SERIAL_BYTES_MAX + 2 * (2 + NAME_BYTES_MAX);

/// The facts of the certificate that a client has shown. It is by an authority that the site
/// trusts, and in its time: with any other the handshake has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate<'a> {
    /// SHA-256 of the whole certificate.
    pub fingerprint: [u8; 32],
    /// Its serial number, big-endian.
    pub serial: &'a [u8],
    /// Its subject.
    pub subject: &'a [u8],
    /// Its issuer.
    pub issuer: &'a [u8],
}

/// The facts, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeFacts<'a>(&'a [u8]);

/// Facts that are kept as long as a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptFacts(Box<[u8]>);

impl<'a> HandshakeFacts<'a> {
    /// Appends facts.
    ///
    /// # Errors
    /// [`WireError::Field`] for what [`decode`](Self::decode) would refuse; `out` is then as
    /// before.
    pub fn encode(out: &mut Vec<u8>, ja4: &[u8], certificate: Option<&ClientCertificate<'_>>) -> Result<(), WireError> {
        let begin = out.len();
        let put = put(out, ja4, certificate).and_then(|()| HandshakeFacts::decode(&out[begin..]).map(drop));
        if put.is_err() {
            out.truncate(begin);
        }
        put
    }

    /// Reads facts, consuming exactly `bytes`.
    ///
    /// # Errors
    /// [`WireError::Field`] for a value outside its range; layout errors as everywhere.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut c = Cursor::new(bytes);
        let ja4 = c.short_bytes()?;
        if !ja4.is_empty() && (ja4.len() != JA4_BYTES || !ja4.iter().all(u8::is_ascii_graphic)) {
            return Err(WireError::Field("JA4"));
        }
        if !c.rest().is_empty() {
            take_certificate(&mut c)?;
        }
        c.end()?;
        Ok(Self(bytes))
    }

    /// Returns them as they travel.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the fingerprint of the ClientHello; empty where there is none.
    #[must_use]
    pub fn ja4(self) -> &'a [u8] {
        Cursor::new(self.0).short_bytes().unwrap_or_default()
    }

    /// Returns the client's certificate.
    #[must_use]
    pub fn certificate(self) -> Option<ClientCertificate<'a>> {
        let mut c = Cursor::new(self.0);
        c.short_bytes().ok()?;
        // Without one nothing is left.
        take_certificate(&mut c).ok()
    }

    /// Copies them.
    #[must_use]
    pub fn kept(self) -> KeptFacts {
        KeptFacts(self.0.into())
    }
}

impl KeptFacts {
    /// Returns the facts.
    #[must_use]
    pub const fn get(&self) -> HandshakeFacts<'_> {
        HandshakeFacts(&self.0)
    }
}

fn put(out: &mut Vec<u8>, ja4: &[u8], certificate: Option<&ClientCertificate<'_>>) -> Result<(), WireError> {
    put_short(out, ja4, "JA4")?;
    let Some(ClientCertificate { fingerprint, serial, subject, issuer }) = certificate else { return Ok(()) };
    out.extend_from_slice(fingerprint);
    put_short(out, serial, "serial")?;
    put_short(out, subject, "subject")?;
    put_short(out, issuer, "issuer")
}

fn take_certificate<'a>(c: &mut Cursor<'a>) -> Result<ClientCertificate<'a>, WireError> {
    let fingerprint = c.array()?;
    let serial = c.short_bytes()?;
    if serial.len() > SERIAL_BYTES_MAX {
        return Err(WireError::Field("serial"));
    }
    let subject = printable(c.short_bytes()?, "subject")?;
    let issuer = printable(c.short_bytes()?, "issuer")?;
    Ok(ClientCertificate { fingerprint, serial, subject, issuer })
}

/// Refuses what is too long, and control bytes in texts that become header fields.
fn printable<'a>(bytes: &'a [u8], name: &'static str) -> Result<&'a [u8], WireError> {
    let is_sound = bytes.len() <= NAME_BYTES_MAX && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if is_sound { Ok(bytes) } else { Err(WireError::Field(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JA4: &[u8] = b"t13d1516h2_8daaf6152771_e5627efa2ab1";

    fn certificate() -> ClientCertificate<'static> {
        ClientCertificate { fingerprint: [3; 32], serial: &[1, 2], subject: b"CN=someone", issuer: b"CN=authority" }
    }

    fn encoded(ja4: &[u8], certificate: Option<&ClientCertificate<'_>>) -> Result<Vec<u8>, WireError> {
        let mut out = vec![9];
        let put = HandshakeFacts::encode(&mut out, ja4, certificate);
        assert!(put.is_ok() || out == [9], "what is not put leaves the bytes as they were");
        put.map(|()| out.split_off(1))
    }

    #[test]
    fn facts_come_back_and_are_cut_nowhere() {
        let bytes = encoded(JA4, Some(&certificate())).unwrap();
        let facts = HandshakeFacts::decode(&bytes).unwrap();
        assert_eq!((facts.ja4(), facts.certificate()), (JA4, Some(certificate())));
        assert_eq!(facts.kept().get(), facts);
        let without = encoded(JA4, None).unwrap();
        for cut in 0..bytes.len() {
            let whole = cut == 0 || cut == without.len();
            assert_eq!(HandshakeFacts::decode(&bytes[..cut]).is_ok(), whole, "cut at {cut}");
        }
        let facts = HandshakeFacts::decode(&without).unwrap();
        assert_eq!((facts.ja4(), facts.certificate()), (JA4, None));
        assert_eq!(HandshakeFacts::default().certificate(), None);
    }

    #[test]
    fn what_is_no_fact_is_neither_put_nor_taken() {
        let long = [b'a'; NAME_BYTES_MAX + 1];
        assert!(encoded(b"t13", None).is_err());
        assert!(encoded(&[b' '; JA4_BYTES], None).is_err());
        for bad in [
            ClientCertificate { subject: b"CN=a\nX-User: b", ..certificate() },
            ClientCertificate { issuer: b"CN=\xc3\xa4", ..certificate() },
            ClientCertificate { subject: &long, ..certificate() },
            ClientCertificate { serial: &long[..SERIAL_BYTES_MAX + 1], ..certificate() },
        ] {
            assert!(encoded(JA4, Some(&bad)).is_err(), "{bad:?}");
        }
        let longest = &long[..NAME_BYTES_MAX];
        let serial = &long[..SERIAL_BYTES_MAX];
        let longest = ClientCertificate { subject: longest, issuer: longest, serial, ..certificate() };
        assert_eq!(encoded(JA4, Some(&longest)).unwrap().len(), FACTS_BYTES_MAX);
    }
}
