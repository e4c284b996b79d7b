//! The chains: `magic | u32 certificates | u32 names | u16 authorities`, then each certificate as
//! `32 bytes SPKI hash | u8 kind | u64 not after | u16 acme | u8 count | count times: u32 length,
//! DER`, each name as `u16 length, name | u32 certificate` in the order of the names, and each
//! authority as `u8 count | count times: u32 length, DER` of its certificates, and the same of its
//! lists.

use core::ops::RangeInclusive;

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long, put_short},
    signing::{KeyKind, SPKI_HASH_BYTES, SpkiHash},
};

use crate::{
    AUTHORITIES_COUNT_MAX, CERTIFICATE_BYTES_MAX, CERTIFICATES_COUNT_MAX, CHAIN_COUNT_MAX, CHAINS_BYTES_MAX,
    NAMES_COUNT_MAX,
};

const MAGIC: [u8; 8] = *b"fossech3";
/// The number of one that is in a file of the configuration.
const NOT_ACME: u16 = u16::MAX;
/// Bytes of a name: those of a host, and a star above it.
const NAME_BYTES_MAX: usize = 255;
/// Certificates of an authority's file: all that an operating system trusts are 150.
const AUTHORITY_COUNT_MAX: usize = 255;
/// Lists of revoked certificates of an authority: one for each that issues for it.
const LISTS_COUNT_MAX: usize = 255;
/// Bytes of a list, as much as its file may have. Each certificate takes 40.
const LIST_BYTES_MAX: usize = 1 << 20;

/// A certificate with what has to be sent along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// Names its key.
    pub spki: SpkiHash,
    /// The kind of its key.
    pub kind: KeyKind,
    /// The second, since 1970, after which it is over.
    pub not_after: u64,
    /// Its number among those that are got by ACME, if it is one.
    pub acme: Option<u16>,
    /// DER, the leaf first, then each issuer of the one before.
    pub chain: Vec<&'a [u8]>,
}

/// Certificates that those of clients have to descend from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority<'a> {
    /// DER, in the order of the file.
    pub certificates: Vec<&'a [u8]>,
    /// Lists of certificates that are revoked, in DER; without any none is.
    pub revoked: Vec<&'a [u8]>,
}

/// The chains of a configuration, as slices of their image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chains<'a> {
    certificates: Vec<Certificate<'a>>,
    /// In the order of the names; one name's certificates in the order of the configuration.
    names: Vec<(&'a [u8], u32)>,
    authorities: Vec<Authority<'a>>,
}

impl<'a> Chains<'a> {
    /// Adds a certificate that serves `names`: lower case, `*.example.org` for one label before
    /// that name. Returns its number.
    pub fn add(&mut self, certificate: Certificate<'a>, names: impl IntoIterator<Item = &'a [u8]>) -> u32 {
        // The limit of the image is far below.
        let number = u32::try_from(self.certificates.len()).unwrap_or(u32::MAX);
        self.certificates.push(certificate);
        self.names.extend(names.into_iter().map(|name| (name, number)));
        number
    }

    /// Adds an authority, whose number is that of those before it.
    pub fn add_authority(&mut self, authority: Authority<'a>) {
        self.authorities.push(authority);
    }

    /// Returns all certificates, in the order of the configuration.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate<'a>] {
        &self.certificates
    }

    /// Returns all names with the number of a certificate for each, in their order.
    #[must_use]
    pub fn names(&self) -> &[(&'a [u8], u32)] {
        &self.names
    }

    /// Returns all authorities, in the order of their numbers.
    #[must_use]
    pub fn authorities(&self) -> &[Authority<'a>] {
        &self.authorities
    }

    /// Puts the names into their order and returns the bytes of the image.
    ///
    /// # Errors
    /// [`WireError::Field`] for what is over a limit.
    pub fn encode(&mut self) -> Result<Vec<u8>, WireError> {
        self.names.sort_unstable();
        self.names.dedup();
        let mut out = MAGIC.to_vec();
        put_u32(&mut out, self.certificates.len(), CERTIFICATES_COUNT_MAX, "certificates")?;
        put_u32(&mut out, self.names.len(), NAMES_COUNT_MAX, "names")?;
        let authorities = u16::try_from(self.authorities.len()).ok();
        let authorities = authorities.filter(|_| self.authorities.len() <= AUTHORITIES_COUNT_MAX);
        out.extend_from_slice(&authorities.ok_or(WireError::Field("authorities"))?.to_le_bytes());
        for certificate in &self.certificates {
            out.extend_from_slice(&certificate.spki.0);
            out.push(certificate.kind as u8);
            out.extend_from_slice(&certificate.not_after.to_le_bytes());
            if certificate.acme == Some(NOT_ACME) {
                return Err(WireError::Field("acme"));
            }
            out.extend_from_slice(&certificate.acme.unwrap_or(NOT_ACME).to_le_bytes());
            put_certificates(&mut out, &certificate.chain, CHAIN_COUNT_MAX)?;
        }
        for (name, number) in &self.names {
            check_name(name)?;
            put_short(&mut out, name, "name")?;
            out.extend_from_slice(&number.to_le_bytes());
        }
        for authority in &self.authorities {
            put_certificates(&mut out, &authority.certificates, AUTHORITY_COUNT_MAX)?;
            put_all(&mut out, &authority.revoked, 0..=LISTS_COUNT_MAX, (LIST_BYTES_MAX, "list"))?;
        }
        if out.len() > CHAINS_BYTES_MAX { Err(WireError::Field("chains")) } else { Ok(out) }
    }

    /// Reads an image, consuming exactly `bytes`.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for a number over its limit, a name out of its order or
    /// one of no certificate.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        if c.array()? != MAGIC {
            return Err(WireError::Field("magic"));
        }
        let certificates = take_u32(&mut c, CERTIFICATES_COUNT_MAX, "certificates")?;
        let names = take_u32(&mut c, NAMES_COUNT_MAX, "names")?;
        let authorities = usize::from(c.u16()?);
        if authorities > AUTHORITIES_COUNT_MAX {
            return Err(WireError::Field("authorities"));
        }
        let mut chains = Self::default();
        for _ in 0..certificates {
            chains.certificates.push(Certificate {
                spki: SpkiHash(c.array::<SPKI_HASH_BYTES>()?),
                kind: KeyKind::of_byte(c.u8()?)?,
                not_after: c.u64()?,
                acme: Some(c.u16()?).filter(|number| *number != NOT_ACME),
                chain: take_certificates(&mut c, CHAIN_COUNT_MAX)?,
            });
        }
        for _ in 0..names {
            let row = (c.short_bytes()?, c.u32()?);
            check_name(row.0)?;
            let is_known = usize::try_from(row.1).is_ok_and(|number| number < certificates);
            if !is_known || chains.names.last().is_some_and(|last| *last >= row) {
                return Err(WireError::Field("name order"));
            }
            chains.names.push(row);
        }
        for _ in 0..authorities {
            let certificates = take_certificates(&mut c, AUTHORITY_COUNT_MAX)?;
            let revoked = take_all(&mut c, 0..=LISTS_COUNT_MAX, (LIST_BYTES_MAX, "list"))?;
            chains.authorities.push(Authority { certificates, revoked });
        }
        c.end()?;
        Ok(chains)
    }
}

fn check_name(name: &[u8]) -> Result<(), WireError> {
    let is_sound = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.iter().any(u8::is_ascii_uppercase);
    if is_sound { Ok(()) } else { Err(WireError::Field("name")) }
}

fn put_certificates(out: &mut Vec<u8>, certificates: &[&[u8]], most: usize) -> Result<(), WireError> {
    put_all(out, certificates, 1..=most, (CERTIFICATE_BYTES_MAX, "certificate"))
}

fn take_certificates<'a>(c: &mut Cursor<'a>, most: usize) -> Result<Vec<&'a [u8]>, WireError> {
    take_all(c, 1..=most, (CERTIFICATE_BYTES_MAX, "certificate"))
}

/// The most bytes of a part, and what it is.
type Part = (usize, &'static str);

fn put_all(
    out: &mut Vec<u8>,
    parts: &[&[u8]],
    counts: RangeInclusive<usize>,
    (bytes_max, what): Part,
) -> Result<(), WireError> {
    let is_sound = counts.contains(&parts.len()) && parts.iter().all(|der| (1..=bytes_max).contains(&der.len()));
    out.push(u8::try_from(parts.len()).ok().filter(|_| is_sound).ok_or(WireError::Field(what))?);
    parts.iter().try_for_each(|der| put_long(out, der, what))
}

fn take_all<'a>(
    c: &mut Cursor<'a>,
    counts: RangeInclusive<usize>,
    (bytes_max, what): Part,
) -> Result<Vec<&'a [u8]>, WireError> {
    let count = usize::from(c.u8()?);
    if !counts.contains(&count) {
        return Err(WireError::Field(what));
    }
    let is_sound = |der: &[u8]| (1..=bytes_max).contains(&der.len());
    (0..count).map(|_| Some(c.long_bytes()?).filter(|der| is_sound(der)).ok_or(WireError::Field(what))).collect()
}

pub(crate) fn put_u32(out: &mut Vec<u8>, count: usize, most: usize, what: &'static str) -> Result<(), WireError> {
    let count = u32::try_from(count).ok().filter(|_| count <= most).ok_or(WireError::Field(what))?;
    out.extend_from_slice(&count.to_le_bytes());
    Ok(())
}

pub(crate) fn take_u32(c: &mut Cursor<'_>, most: usize, what: &'static str) -> Result<usize, WireError> {
    usize::try_from(c.u32()?).ok().filter(|count| *count <= most).ok_or(WireError::Field(what))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn certificate<'a>(number: u8, chain: &[&'a [u8]]) -> Certificate<'a> {
        let spki = SpkiHash([number; SPKI_HASH_BYTES]);
        Certificate {
            spki,
            kind: KeyKind::EcdsaP256,
            not_after: 9,
            acme: (number == 2).then_some(7),
            chain: chain.to_vec(),
        }
    }

    pub(crate) fn sample() -> Chains<'static> {
        let mut chains = Chains::default();
        chains.add(certificate(0, &[b"leaf", b"issuer"]), [&b"www.a.example"[..], b"a.example"]);
        chains.add(certificate(1, &[b"rsa"]), [&b"a.example"[..]]);
        chains.add(certificate(2, &[b"star"]), [&b"*.a.example"[..], b"*.example"]);
        chains.add_authority(Authority { certificates: vec![b"root", b"other"], revoked: vec![b"list"] });
        chains.add_authority(Authority { certificates: vec![b"another"], revoked: vec![] });
        chains
    }

    #[test]
    fn an_image_comes_back_and_a_cut_longer_or_altered_one_does_not() {
        let mut chains = sample();
        let mut bytes = chains.encode().unwrap();
        assert_eq!(Chains::decode(&bytes), Ok(chains));
        for cut in 0..bytes.len() {
            assert!(Chains::decode(&bytes[..cut]).is_err(), "{cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(mut again) = Chains::decode(&flipped) {
                assert_eq!(again.encode().unwrap(), flipped);
            }
        }
        bytes.push(0);
        assert_eq!(Chains::decode(&bytes), Err(WireError::Long));
    }

    #[test]
    fn what_is_beyond_a_limit_is_not_written() {
        let long = vec![b'x'; CERTIFICATE_BYTES_MAX + 1];
        let one: &[u8] = b"x";
        for chain in [vec![&*long], vec![], vec![one; CHAIN_COUNT_MAX + 1]] {
            let mut chains = Chains::default();
            chains.add(certificate(0, &chain), []);
            assert!(chains.encode().is_err());
        }
        for name in [&b""[..], b"A.example", &[b'x'; NAME_BYTES_MAX + 1]] {
            let mut chains = Chains::default();
            chains.add(certificate(0, &[one]), [name]);
            assert!(chains.encode().is_err());
        }
    }
}
