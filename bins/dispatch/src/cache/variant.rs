//! The variants of a response that varies by fields of requests: the key of each has those that its
//! request has (RFC 9111, section 4.1).

use std::{borrow::Cow, collections::BTreeSet};

use fosse_settings::CachePolicy;
use fosse_wire::{
    WireError,
    cache::{
        KEY_BYTES_MAX,
        key::{Key, is_variant, vary},
    },
    fields::Fields,
};

use super::key::{codings, has_field};

/// Fields that tell no variants of a response apart: what a client has, wants of caches, or wants a
/// part of; and those that this program writes itself from the client's address.
const NEVER_VARIED: [&[u8]; 15] = [
    b"if-none-match",
    b"if-modified-since",
    b"if-match",
    b"if-unmodified-since",
    b"if-range",
    b"range",
    b"cache-control",
    b"pragma",
    b"connection",
    b"te",
    b"expect",
    b"forwarded",
    b"x-forwarded-for",
    b"x-real-ip",
    b"x-request-id",
];

/// Those of them that applications hear of although no client has sent them.
const WRITTEN_HERE: &[&[u8]] = NEVER_VARIED.split_at(11).1;

/// The variant that a request wants of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// The one that there is.
    This,
    /// The one with this key.
    Of(Vec<u8>),
    /// No key tells it from others.
    None,
}

/// Returns the variant that a request with `fields` wants of a response that varies by these names,
/// which is kept, or would be, under a key of that request (RFC 9111, section 4.1).
pub(super) fn variant<'n>(
    key: &'n [u8],
    policy: &CachePolicy,
    varies_by: impl Iterator<Item = &'n [u8]> + Clone,
    fields: Fields<'_>,
) -> Variant {
    let is_absent = |name: &[u8]| !is_variant(key) && !fields.has(name) && !WRITTEN_HERE.contains(&name);
    if varies_by.clone().all(|name| has_field(policy, name) || is_absent(name)) {
        return Variant::This;
    }
    let Ok(Key { varied, .. }) = Key::decode(key) else { return Variant::None };
    let has_own = |name: &[u8]| NEVER_VARIED.contains(&name) && fields.has(name) || WRITTEN_HERE.contains(&name);
    if varies_by.clone().any(has_own) {
        return Variant::None;
    }
    let mut out = key.to_vec();
    let names = varies_by.chain(varied.into_iter().map(|(name, _)| name));
    match put_varied(&mut out, names.filter(|name| !has_field(policy, name)), fields) {
        Ok(()) if out == key => Variant::This,
        Ok(()) if out.len() <= KEY_BYTES_MAX => Variant::Of(out),
        _ => Variant::None,
    }
}

/// Makes a key that of the variant of a request with `fields` by these names, in one order for one
/// set of names.
fn put_varied<'n>(
    key: &mut Vec<u8>,
    names: impl Iterator<Item = &'n [u8]>,
    fields: Fields<'_>,
) -> Result<(), WireError> {
    let names: BTreeSet<&[u8]> = names.collect();
    let mut varied: Vec<(&[u8], Cow<'_, [u8]>)> = Vec::new();
    for name in names {
        let values = fields.into_iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        if name == b"accept-encoding" {
            let codings = Some(codings(values)).filter(|codings| !codings.is_empty());
            varied.extend(codings.map(|codings| (name, Cow::Owned(codings))));
        } else {
            varied.extend(values.map(|value| (name, Cow::Borrowed(value))));
        }
    }
    vary(key, varied.iter().map(|(name, value)| (*name, &**value)))
}

#[cfg(test)]
mod tests {
    use fosse_wire::{cursor::Cursor, fields, request::RequestHead};

    use super::*;
    use crate::cache::key::write;

    #[test]
    fn a_variant_is_of_what_its_request_has_of_the_names_in_whatever_order_they_are_said() {
        let policy = CachePolicy { cache_key_headers: vec!["a".into()], ..CachePolicy::default() };
        let mut base = Vec::new();
        write(&mut base, &RequestHead { method: b"GET", target: b"/", ..RequestHead::default() }, &policy).unwrap();
        let of = |key: &[u8], names: &str, list: &[(&str, &str)]| {
            let mut bytes = Vec::new();
            fields::put(&mut bytes, list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).unwrap();
            variant(key, &policy, names.as_bytes().split(|byte| *byte == b','), fields_of(&bytes))
        };
        let b1 = of(&base, "b", &[("B", "1")]);
        let Variant::Of(key) = &b1 else { panic!("{b1:?}") };
        for (names, list) in
            [("c,b", &[("B", "1")][..]), ("b,c", &[("A", "2"), ("b", "1")]), ("a,b,host", &[("B", "1")])]
        {
            assert_eq!(of(&base, names, list), b1, "{names}");
        }
        // Under its own key it is the one, whatever its response says.
        for names in ["b", "a", "c"] {
            assert_eq!(of(key, names, &[("B", "1")]), Variant::This, "{names}");
        }
        assert_ne!(of(&base, "b", &[("B", "1"), ("B", "")]), b1);
        assert_ne!(of(&base, "b,c", &[("B", "1"), ("C", "1")]), b1);
        for (names, list) in [("a", &[("A", "1")][..]), ("b", &[]), ("b", &[("C", "1")]), ("host", &[("Host", "x")])] {
            assert_eq!(of(&base, names, list), Variant::This, "{names}");
        }
        let codings = |value| of(&base, "accept-encoding", &[("Accept-Encoding", value)]);
        assert_eq!((codings("br, gzip"), codings("identity")), (codings("GZIP;q=0.5,br"), Variant::This));
    }

    #[test]
    fn what_depends_on_the_address_of_a_client_or_is_asked_for_by_parts_has_no_variant() {
        let policy = CachePolicy::default();
        let mut base = Vec::new();
        write(&mut base, &RequestHead { method: b"GET", target: b"/", ..RequestHead::default() }, &policy).unwrap();
        let of = |name: &'static [u8], list: &[(&[u8], &[u8])]| {
            let mut bytes = Vec::new();
            fields::put(&mut bytes, list.iter().copied()).unwrap();
            variant(&base, &policy, [name].into_iter(), fields_of(&bytes))
        };
        for name in WRITTEN_HERE {
            assert_eq!([of(name, &[]), of(name, &[(name, b"1")])], [Variant::None, Variant::None]);
        }
        for name in [&b"range"[..], b"if-none-match", b"cache-control"] {
            assert_eq!([of(name, &[]), of(name, &[(name, b"1")])], [Variant::This, Variant::None]);
        }
    }

    fn fields_of(bytes: &[u8]) -> Fields<'_> {
        Fields::decode(&mut Cursor::new(bytes)).unwrap()
    }
}
