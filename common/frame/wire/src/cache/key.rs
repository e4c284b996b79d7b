//! A key: what is kept is found by it, and it is what an application is asked with.
//!
//! `u64 tag | u32 length of the varied fields | head | varied fields`: the tag of a policy, the
//! head of a request, and those fields of it that the responses for its target have turned out to
//! vary by (RFC 9111, section 4.1). The key without these is the base of all variants of a
//! response.

use std::borrow::Cow;

use crate::{WireError, cursor::Cursor, fields, fields::Fields, request::RequestHead};

/// Place of the length.
const TAG_BYTES: usize = 8;
/// Place of the head.
const HEAD_AT: usize = TAG_BYTES + 4;

/// A key that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key<'a> {
    /// The head, with those fields that are in every key of the policy.
    pub head: RequestHead<'a>,
    /// The fields of a variant; none for the base.
    pub varied: Fields<'a>,
}

impl<'a> Key<'a> {
    /// Reads a key, consuming exactly `bytes`.
    ///
    /// # Errors
    /// [`WireError`] for what is none.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (length, rest) = cut(bytes)?;
        let (head, varied) = rest.split_at(rest.len() - length);
        let head = RequestHead::decode(head)?;
        if varied.is_empty() {
            return Ok(Self { head, varied: Fields::default() });
        }
        let mut c = Cursor::new(varied);
        let varied = Fields::decode(&mut c)?;
        c.end()?;
        Ok(Self { head, varied })
    }

    /// Returns the fields that an application is asked with.
    pub fn fields(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.head.fields.into_iter().chain(self.varied)
    }
}

/// Begins a key in `out`, in place of what was there: the head follows.
pub fn begin(out: &mut Vec<u8>, tag: u64) {
    out.clear();
    out.extend_from_slice(&tag.to_le_bytes());
    out.extend_from_slice(&[0; HEAD_AT - TAG_BYTES]);
}

/// Returns the tag of a key; 0 for what is none.
#[must_use]
pub fn tag_of(key: &[u8]) -> u64 {
    Cursor::new(key).u64().unwrap_or(0)
}

/// Makes a key that of the variant with these fields, whatever variant it was of; the base, where
/// there are none.
///
/// # Errors
/// [`WireError`] for what is no key, and for fields that are too many.
pub fn vary<'f>(key: &mut Vec<u8>, varied: impl IntoIterator<Item = (&'f [u8], &'f [u8])>) -> Result<(), WireError> {
    key.truncate(key.len() - cut(key)?.0);
    let before = key.len();
    let mut varied = varied.into_iter().peekable();
    if varied.peek().is_some() {
        fields::put(key, varied)?;
    }
    let length = u32::try_from(key.len() - before).map_err(|_| WireError::Field("varied fields"))?;
    key[TAG_BYTES..HEAD_AT].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Returns whether a key is that of a variant.
#[must_use]
pub fn is_variant(key: &[u8]) -> bool {
    cut(key).is_ok_and(|(length, _)| length > 0)
}

/// Returns the base of a key; for what is no key, it itself.
#[must_use]
pub fn base_of(key: &[u8]) -> Cow<'_, [u8]> {
    match cut(key) {
        Ok((length, _)) if length > 0 => {
            let mut base = key[..key.len() - length].to_vec();
            base[TAG_BYTES..HEAD_AT].fill(0);
            Cow::Owned(base)
        }
        _ => Cow::Borrowed(key),
    }
}

/// Returns the length of the varied fields, and what follows it.
fn cut(key: &[u8]) -> Result<(usize, &[u8]), WireError> {
    let mut c = Cursor::new(key);
    c.u64()?;
    let length = usize::try_from(c.u32()?).map_err(|_| WireError::Short)?;
    if length > c.rest().len() { Err(WireError::Short) } else { Ok((length, c.rest())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Vec<u8> {
        let mut out = Vec::new();
        begin(&mut out, 7);
        RequestHead { method: b"GET", target: b"/a", ..RequestHead::default() }.encode(&mut out).unwrap();
        out
    }

    #[test]
    fn variants_differ_and_have_one_base() {
        let base = base();
        assert!(!is_variant(&base) && *base_of(&base) == *base);
        let (mut one, mut other) = (base.clone(), base.clone());
        vary(&mut one, [(&b"a"[..], &b"1"[..])]).unwrap();
        vary(&mut other, [(&b"a"[..], &b""[..]), (b"b", b"1")]).unwrap();
        assert!(one != other && is_variant(&one) && is_variant(&other));
        assert!(*base_of(&one) == *base && *base_of(&other) == *base);
        let key = Key::decode(&other).unwrap();
        assert_eq!((key.head.target, key.fields().count()), (&b"/a"[..], 2));
        vary(&mut other, [(&b"a"[..], &b"1"[..])]).unwrap();
        assert_eq!(other, one);
        vary(&mut other, []).unwrap();
        assert_eq!(other, base);
    }

    #[test]
    fn what_is_cut_or_says_another_length_is_no_key() {
        let mut key = base();
        vary(&mut key, [(&b"a"[..], &b"1"[..])]).unwrap();
        assert!((0..key.len()).all(|cut| Key::decode(&key[..cut]).is_err()));
        for length in 0..=u8::MAX {
            let mut other = key.clone();
            other[TAG_BYTES] = length;
            let is_own = length == key[TAG_BYTES];
            assert_eq!(Key::decode(&other).is_ok(), is_own, "{length}");
            let _ = (is_variant(&other), base_of(&other));
        }
        key[TAG_BYTES..HEAD_AT].fill(255);
        assert!(vary(&mut key, []).is_err() && *base_of(&key) == *key);
    }
}
