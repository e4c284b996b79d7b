//! Records to a message.

use std::borrow::Cow;

use crate::HelloError;

/// Bytes of the longest ClientHello: OpenSSL's limit, where browsers with post-quantum key shares
/// and Encrypted Client Hello send two KiB.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;
/// Records that a ClientHello may be in. Nobody has a reason for more than a few; each may have a
/// single byte, and a header of five.
const RECORDS_COUNT_MAX: usize = 64;
/// Bytes of a record's header: type, version, length.
const HEADER_BYTES: usize = 5;
/// Bytes of a message's header: type, length.
const MESSAGE_HEADER_BYTES: usize = 4;
/// Bytes of a record's content (RFC 8446, section 5.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Returns the body of the ClientHello that `bytes` begin with, without its header; `None` while it
/// is cut. It is borrowed where it lies in one record.
///
/// # Errors
/// [`HelloError`], as soon as the bytes cannot become a ClientHello.
pub fn message(bytes: &[u8]) -> Result<Option<Cow<'_, [u8]>>, HelloError> {
    let mut rest = bytes;
    let mut joined: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    for _ in 0..RECORDS_COUNT_MAX {
        let Some(record) = record(rest)? else { return Ok(None) };
        if joined.is_empty() {
            joined = Cow::Borrowed(record.content);
        } else {
            joined.to_mut().extend_from_slice(record.content);
        }
        // What of a record is here counts, so that what cannot be is refused at once.
        let length = length(&joined)?;
        let Some(after) = record.after else { return Ok(None) };
        match length {
            // RFC 8446, section 5.1: nothing may follow before the server has replied.
            Some(length) if joined.len() > length => return Err(HelloError::Malformed),
            Some(length) if joined.len() == length => return Ok(Some(body(joined))),
            _ => rest = after,
        }
    }
    Err(HelloError::Long)
}

/// A record as far as it is here.
struct Record<'a> {
    content: &'a [u8],
    /// The bytes after it, where it is whole.
    after: Option<&'a [u8]>,
}

/// Reads a record; `None` while its header is cut.
fn record(bytes: &[u8]) -> Result<Option<Record<'_>>, HelloError> {
    let known = [Some(HANDSHAKE), Some(3)];
    if bytes.iter().zip(known).any(|(have, want)| Some(*have) != want) {
        return Err(HelloError::NotTls);
    }
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if length == 0 || length > RECORD_BYTES_MAX {
        return Err(HelloError::Malformed);
    }
    Ok(Some(match rest.split_at_checked(length) {
        Some((content, after)) => Record { content, after: Some(after) },
        None => Record { content: rest, after: None },
    }))
}

/// Returns the bytes of a message with its header; `None` while that is cut.
fn length(message: &[u8]) -> Result<Option<usize>, HelloError> {
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Err(HelloError::NotHello);
    }
    let Some([_, length @ ..]) = message.first_chunk::<MESSAGE_HEADER_BYTES>() else { return Ok(None) };
    let length = usize::from(length[0]) << 16 | usize::from(length[1]) << 8 | usize::from(length[2]);
    if length > HELLO_BYTES_MAX { Err(HelloError::Long) } else { Ok(Some(MESSAGE_HEADER_BYTES + length)) }
}

fn body(message: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match message {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(MESSAGE_HEADER_BYTES..).unwrap_or_default()),
        Cow::Owned(mut bytes) => {
            bytes.drain(..MESSAGE_HEADER_BYTES.min(bytes.len()));
            Cow::Owned(bytes)
        }
    }
}
