//! The head of an encoded response.

use fosse_wire::{
    WireError,
    encode::EncodeHead,
    fields::{FIELDS_MAX, FieldsWriter},
    frame::FRAME_BYTES_MAX,
    request::BodyLength,
    response::ResponseHead,
};

/// Fields that say something of the bytes as they were: digests of the body (RFC 9530, RFC 3230,
/// RFC 1864), and that ranges of them may be asked for.
const OF_THE_BYTES: [&[u8]; 5] = [b"accept-ranges", b"content-md5", b"content-digest", b"repr-digest", b"digest"];

/// Bytes that a coding may add to a head.
const ADDED_BYTES_MAX: usize = 64;

/// Returns whether a field says something of a body that does not hold once it is encoded.
pub(crate) fn is_of_the_bytes(name: &[u8]) -> bool {
    OF_THE_BYTES.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// Returns whether a head has room for what a coding adds to it.
pub(crate) fn has_room(head: &EncodeHead<'_>, bytes: usize) -> bool {
    head.response.fields.len() < FIELDS_MAX && bytes + ADDED_BYTES_MAX <= FRAME_BYTES_MAX
}

/// Appends the head of the encoded response.
///
/// # Errors
/// [`WireError::Field`] for fields that do not fit, which [`has_room`] rules out.
pub(crate) fn put_encoded(out: &mut Vec<u8>, head: &EncodeHead<'_>, body: BodyLength) -> Result<(), WireError> {
    ResponseHead { body, ..head.response }.encode_fixed(out);
    let mut to = FieldsWriter::new(out);
    for (name, value) in head.response.fields {
        // One that is here says that there is none.
        if is_of_the_bytes(name) || name.eq_ignore_ascii_case(b"content-encoding") {
            continue;
        }
        if name.eq_ignore_ascii_case(b"etag") && value.starts_with(b"\"") {
            // The bytes are others than those that it names exactly (RFC 9110, section 8.8.3.3).
            to.push(name, &[b"W/", value].concat())?;
            continue;
        }
        to.push(name, value)?;
    }
    to.push(b"Content-Encoding", head.coding.name().as_bytes())?;
    to.finish();
    Ok(())
}

/// Appends the head of a response that stays as it is, whose body has this length.
///
/// # Errors
/// As [`put_encoded`].
pub(crate) fn put_plain(out: &mut Vec<u8>, head: &EncodeHead<'_>, body: BodyLength) -> Result<(), WireError> {
    ResponseHead { body, ..head.response }.encode(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::{cursor::Cursor, encode::Coding, fields::Fields};

    fn encoded(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut bytes = Vec::new();
        let pairs = list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        fosse_wire::fields::put(&mut bytes, pairs).unwrap();
        let fields = Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        let response = ResponseHead { status: 200, body: BodyLength::Exact(9), fields, ..Default::default() };
        let mut out = Vec::new();
        put_encoded(
            &mut out,
            &EncodeHead { coding: Coding::Brotli, response, ..Default::default() },
            BodyLength::Chunked,
        )
        .unwrap();
        let head = ResponseHead::decode(&out).unwrap();
        assert_eq!(head.body, BodyLength::Chunked);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        head.fields.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn what_is_said_of_the_bytes_does_not_outlive_them() {
        let fields = encoded(&[
            ("ETag", "\"abc\""),
            ("Accept-Ranges", "bytes"),
            ("Content-MD5", "x"),
            ("Digest", "x"),
            ("Content-Digest", "x"),
            ("Repr-Digest", "x"),
            ("Content-Encoding", "identity"),
            ("Vary", "Accept-Encoding"),
        ]);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("ETag", "W/\"abc\""), ("Vary", "Accept-Encoding"), ("Content-Encoding", "br")]);
    }

    #[test]
    fn a_weak_etag_stays_as_it_is() {
        let fields = encoded(&[("etag", "W/\"abc\"")]);
        assert_eq!(fields[0].1, "W/\"abc\"");
    }
}
