//! Chains together with the image that they lie in: what a program keeps of them that gets another
//! set while it runs, and gives this one back.

use fosse_wire::{
    WireError,
    signing::{KeyKind, SpkiHash},
};

use crate::chains::{Authority, Chains};

/// First byte and end of something in an image, whose bytes are counted by 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    from: u32,
    to: u32,
}

impl Place {
    /// Returns the place of a part of `image`.
    fn of(part: &[u8], image: &[u8]) -> Result<Self, WireError> {
        let from = part.as_ptr().addr() - image.as_ptr().addr();
        let number = |at: usize| u32::try_from(at).map_err(|_| WireError::Field("image"));
        Ok(Self { from: number(from)?, to: number(from + part.len())? })
    }

    fn within(self, image: &[u8]) -> &[u8] {
        // An image has less than 2^32 bytes, on every machine that has an address for each.
        &image[self.from as usize..self.to as usize]
    }
}

/// A certificate of a loaded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Names its key.
    pub spki: SpkiHash,
    /// The kind of its key.
    pub kind: KeyKind,
    /// The second, since 1970, after which it is over.
    pub not_after: u64,
    chain: Vec<Place>,
}

/// The chains of a set, with their image.
pub struct LoadedChains<I> {
    image: I,
    certificates: Vec<Loaded>,
    /// In the order of the names; one name's certificates in the order of the configuration.
    names: Vec<(Place, u32)>,
    authorities: Vec<LoadedAuthority>,
}

/// Certificates, and lists of what they have revoked.
type LoadedAuthority = (Vec<Place>, Vec<Place>);

impl<I> core::fmt::Debug for LoadedChains<I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LoadedChains").field("certificates", &self.certificates.len()).finish_non_exhaustive()
    }
}

impl<I: AsRef<[u8]>> LoadedChains<I> {
    /// Reads an image, consuming exactly all of it.
    ///
    /// # Errors
    /// Those of [`Chains::decode`].
    pub fn new(image: I) -> Result<Self, WireError> {
        let bytes = image.as_ref();
        let chains = Chains::decode(bytes)?;
        let places = |parts: &[&[u8]]| parts.iter().map(|part| Place::of(part, bytes)).collect::<Result<Vec<_>, _>>();
        let certificates = chains.certificates().iter().map(|one| {
            Ok(Loaded { spki: one.spki, kind: one.kind, not_after: one.not_after, chain: places(&one.chain)? })
        });
        let certificates = certificates.collect::<Result<_, WireError>>()?;
        let names = chains.names().iter().map(|(name, number)| Ok((Place::of(name, bytes)?, *number)));
        let names = names.collect::<Result<_, WireError>>()?;
        let authority = |one: &Authority<'_>| Ok((places(&one.certificates)?, places(&one.revoked)?));
        let authorities = chains.authorities().iter().map(authority).collect::<Result<_, WireError>>()?;
        Ok(Self { certificates, names, authorities, image })
    }

    /// Returns all certificates, in the order of the configuration.
    #[must_use]
    pub fn certificates(&self) -> &[Loaded] {
        &self.certificates
    }

    /// Returns the DER of a certificate and of each issuer of the one before.
    pub fn der<'s>(&'s self, certificate: &'s Loaded) -> impl Iterator<Item = &'s [u8]> {
        certificate.chain.iter().map(|place| place.within(self.image.as_ref()))
    }

    /// Returns the DER of the certificates of an authority by its number.
    #[must_use]
    pub fn authority(&self, number: u32) -> Option<impl Iterator<Item = &[u8]>> {
        let (certificates, _) = self.authorities.get(usize::try_from(number).ok()?)?;
        Some(certificates.iter().map(|place| place.within(self.image.as_ref())))
    }

    /// Returns the DER of the lists of certificates that an authority has revoked.
    pub fn revoked(&self, number: u32) -> impl Iterator<Item = &[u8]> {
        let authority = usize::try_from(number).ok().and_then(|number| self.authorities.get(number));
        let lists = authority.into_iter().flat_map(|(_, lists)| lists);
        lists.map(|place| place.within(self.image.as_ref()))
    }

    /// Returns the certificates for a canonical host in the order of the configuration: those that
    /// have its name, or if there are none those that have a star in place of its first label (RFC
    /// 6125, section 6.4.3). A search of 20,000 names compares 15.
    pub fn of_name(&self, host: &[u8]) -> impl Iterator<Item = &Loaded> {
        let mut found = self.named(host, b"");
        if found.is_empty()
            && let Some(dot) = host.iter().position(|byte| *byte == b'.').filter(|dot| *dot > 0)
        {
            found = self.named(&host[dot..], b"*");
        }
        found.iter().filter_map(|(_, number)| self.certificates.get(usize::try_from(*number).ok()?))
    }

    /// The rows of the name `before` and `rest` together.
    fn named(&self, rest: &[u8], before: &[u8]) -> &[(Place, u32)] {
        let image = self.image.as_ref();
        let wanted = || before.iter().chain(rest);
        let first = self.names.partition_point(|(name, _)| name.within(image).iter().lt(wanted()));
        let same = self.names[first..].iter().take_while(|(name, _)| name.within(image).iter().eq(wanted())).count();
        &self.names[first..first + same]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chains::tests::sample;

    #[test]
    fn a_name_has_its_certificates_in_order_and_a_star_serves_one_label_where_no_name_does() {
        let chains = LoadedChains::new(sample().encode().unwrap()).unwrap();
        let found = |host: &str| chains.of_name(host.as_bytes()).map(|found| found.spki.0[0]).collect::<Vec<_>>();
        for (host, expected) in [
            ("a.example", vec![0, 1]),
            ("www.a.example", vec![0]),
            ("x.a.example", vec![2]),
            ("b.example", vec![2]),
            ("x.y.a.example", vec![]),
            ("example", vec![]),
            (".example", vec![]),
            (".a.example", vec![]),
            ("", vec![]),
            ("*.a.example", vec![2]),
        ] {
            assert_eq!(found(host), expected, "{host}");
        }
    }

    #[test]
    fn what_is_loaded_is_what_was_encoded() {
        let mut encoded = sample();
        let bytes = encoded.encode().unwrap();
        let loaded = LoadedChains::new(&bytes).unwrap();
        for (one, other) in loaded.certificates().iter().zip(encoded.certificates()) {
            assert_eq!((one.spki, one.kind, one.not_after), (other.spki, other.kind, other.not_after));
            assert_eq!(loaded.der(one).collect::<Vec<_>>(), other.chain);
        }
        let authority = |number| loaded.authority(number).map(Iterator::collect::<Vec<_>>);
        assert_eq!((authority(0), authority(2)), (Some(vec![&b"root"[..], b"other"]), None));
        let revoked = |number| loaded.revoked(number).collect::<Vec<_>>();
        assert_eq!((revoked(0), revoked(1), revoked(2)), (vec![&b"list"[..]], vec![], vec![]));
        for cut in 0..bytes.len() {
            assert!(LoadedChains::new(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}
