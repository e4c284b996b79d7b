//! The form in which a response is kept.

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_long, put_short},
    fields::{Fields, FieldsWriter},
};

/// Bytes of the names of fields that a response varies by.
pub(crate) const VARY_BYTES_MAX: usize = 1024;

/// A kept response. Slices are borrowed from the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored<'a> {
    /// Its status; 0 where there is no response, and it only says what others vary by.
    pub status: u16,
    /// The time at which its age was `age_s`, in seconds since 1970.
    pub stored_s: u64,
    /// Its age then.
    pub age_s: u32,
    /// The age up to which it is fresh.
    pub fresh_s: u32,
    /// The time after that for which it may be used while it is made fresh.
    pub stale_while_s: u32,
    /// The time after that for which it may be used where it cannot be made fresh.
    pub stale_error_s: u32,
    /// Names of the request's fields that it and its variants vary by, in lower case, a comma after
    /// each.
    pub vary: &'a [u8],
    /// The key: the head of the request that it is a response to.
    pub key: &'a [u8],
    /// Its fields, without Age and those of its framing.
    pub fields: Fields<'a>,
    /// Its body.
    pub body: &'a [u8],
}

impl<'a> Stored<'a> {
    /// Appends the record.
    ///
    /// # Errors
    /// [`WireError::Field`] for a part longer than its length field.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&self.stored_s.to_le_bytes());
        for time in [self.age_s, self.fresh_s, self.stale_while_s, self.stale_error_s] {
            out.extend_from_slice(&time.to_le_bytes());
        }
        put_short(out, self.vary, "vary")?;
        put_long(out, self.key, "key")?;
        fosse_wire::fields::put(out, self.fields)?;
        out.extend_from_slice(self.body);
        Ok(())
    }

    /// Reads a record: the body is what follows the rest.
    ///
    /// # Errors
    /// [`WireError::Short`] or [`WireError::Field`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        Ok(Self {
            status: c.u16()?,
            stored_s: c.u64()?,
            age_s: c.u32()?,
            fresh_s: c.u32()?,
            stale_while_s: c.u32()?,
            stale_error_s: c.u32()?,
            vary: c.short_bytes()?,
            key: c.long_bytes()?,
            fields: Fields::decode(&mut c)?,
            body: c.rest(),
        })
    }

    /// Returns its age in seconds at a time in seconds since 1970; `None` for a time before it
    /// came.
    #[must_use]
    pub fn age_s_at(&self, now_s: u64) -> Option<u64> {
        Some(now_s.checked_sub(self.stored_s)? + u64::from(self.age_s))
    }

    /// Iterates over the names of the request's fields that it varies by.
    pub fn varies_by(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        names(self.vary)
    }

    /// Returns whether it only says what others vary by.
    #[must_use]
    pub const fn is_marker(&self) -> bool {
        self.status == 0
    }
}

/// Returns the names of two lists, each with a comma after it; those of the second alone where they
/// are too many together.
#[must_use]
pub fn united(known: &[u8], new: &[u8]) -> Vec<u8> {
    let mut all = known.to_vec();
    for name in names(new).filter(|name| !names(known).any(|other| other == *name)) {
        all.extend_from_slice(name);
        all.push(b',');
    }
    if all.len() > VARY_BYTES_MAX { new.to_vec() } else { all }
}

/// Iterates over the names in a list with a comma after each.
pub(crate) fn names(vary: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    vary.split(|byte| *byte == b',').filter(|name| !name.is_empty())
}

/// Fields of a 304 that say nothing of what is kept (RFC 9111, section 3.2): they are of its bytes,
/// which stay.
const NOT_MERGED: [&[u8]; 5] = [b"content-length", b"content-encoding", b"content-range", b"content-md5", b"etag"];

/// Writes the fields of a kept response after a 304 has confirmed it: those of the 304 in place of
/// those with the same name.
///
/// # Errors
/// [`WireError::Field`] where they are too many together.
pub fn merge(kept: Fields<'_>, confirmed: Fields<'_>, to: &mut FieldsWriter<'_>) -> Result<(), WireError> {
    let says = |name: &[u8]| !NOT_MERGED.iter().any(|not| name.eq_ignore_ascii_case(not));
    let is_new = |name: &[u8]| says(name) && confirmed.has(name);
    let old = kept.into_iter().filter(|(name, _)| !is_new(name));
    let new = confirmed.into_iter().filter(|(name, _)| says(name));
    old.chain(new).try_for_each(|(name, value)| to.push(name, value))
}

#[cfg(test)]
mod tests {
    use fosse_wire::fields;

    use super::*;

    #[test]
    fn a_record_comes_back_and_one_cut_before_its_body_does_not() {
        let mut list = Vec::new();
        fields::put(&mut list, [(&b"ETag"[..], &b"\"a\""[..]), (b"X", b"")]).unwrap();
        let stored = Stored {
            status: 200,
            stored_s: 1 << 33,
            age_s: 1,
            fresh_s: 2,
            stale_while_s: 3,
            stale_error_s: 4,
            vary: b"a,b,",
            key: b"key",
            fields: Fields::decode(&mut Cursor::new(&list)).unwrap(),
            body: b"body",
        };
        let mut bytes = Vec::new();
        stored.encode(&mut bytes).unwrap();
        assert_eq!(Stored::decode(&bytes), Ok(stored));
        assert!((0..bytes.len() - 4).all(|cut| Stored::decode(&bytes[..cut]).is_err()));
        assert_eq!(stored.varies_by().collect::<Vec<_>>(), [b"a", b"b"]);
    }

    #[test]
    fn names_are_united_as_long_as_they_are_not_too_many() {
        assert_eq!(united(b"a,b,", b"b,c,"), b"a,b,c,");
        assert_eq!([united(b"", b"a,"), united(b"a,", b"")], [b"a,", b"a,"]);
        let long = [vec![b'x'; VARY_BYTES_MAX - 2], b",".to_vec()].concat();
        assert_eq!(united(&long, b"a,"), b"a,");
    }

    #[test]
    fn a_confirmation_brings_new_fields_and_leaves_those_of_the_body() {
        let list = |fields: &[(&str, &str)]| {
            let mut bytes = Vec::new();
            fields::put(&mut bytes, fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).unwrap();
            bytes
        };
        let old = list(&[("Date", "1"), ("ETag", "\"a\""), ("X", "1"), ("Cache-Control", "max-age=1")]);
        let new = list(&[("date", "2"), ("ETag", "\"b\""), ("Cache-Control", "max-age=9"), ("Y", "3")]);
        let of = |bytes| Fields::decode(&mut Cursor::new(bytes)).unwrap();
        let mut out = Vec::new();
        let mut writer = FieldsWriter::new(&mut out);
        merge(of(&old), of(&new), &mut writer).unwrap();
        writer.finish();
        let expected = [("ETag", "\"a\""), ("X", "1"), ("date", "2"), ("Cache-Control", "max-age=9"), ("Y", "3")];
        assert_eq!(out, list(&expected));
    }
}
