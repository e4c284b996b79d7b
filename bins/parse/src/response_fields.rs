//! The fields of a response's head: those that came, and those that are written here.

use fosse_http1::{HeadWriter, Name, NameSet, Unwritable, check_field};
use fosse_wire::WireError;
use fosse_wire::fields::Fields;
use fosse_wire::request::BodyLength;
use fosse_wire::response::ResponseHead;

use crate::exchange::{Framing, REQUEST_ID};
use crate::pages::Page;

const TRANSFER_ENCODING: Name = Name::new("Transfer-Encoding");

/// Fields that are written here and never taken from a frame.
static OURS: NameSet<5> = NameSet::new(["upgrade", "connection", "keep-alive", "content-length", "transfer-encoding"]);

/// The fault of a field or a number that no head may have.
pub(crate) const UNWRITABLE: WireError = WireError::Field("response field");

/// Returns how the body of a response is framed for its client.
pub(crate) fn framing_of(head: &ResponseHead<'_>, to_head: bool, http10: bool) -> Framing {
    if to_head || matches!(head.status, 101 | 204 | 304) {
        return Framing::None;
    }
    match head.body {
        BodyLength::None => Framing::Exact(0),
        BodyLength::Exact(length) => Framing::Exact(length),
        BodyLength::Chunked if http10 => Framing::UntilClose,
        BodyLength::Chunked => Framing::Chunked,
    }
}

/// Writes the framing fields. A response without a body states the length that GET would have got,
/// where it is known (RFC 9110, section 8.6).
pub(crate) fn put_framing(
    writer: &mut HeadWriter<'_>,
    head: &ResponseHead<'_>,
    framing: Framing,
) -> Result<(), Unwritable> {
    match (framing, head.body) {
        (Framing::Exact(length), _) => writer.content_length(length),
        (Framing::None, BodyLength::Exact(length)) if head.status != 204 => writer.content_length(length),
        (Framing::Chunked, _) => writer.own(TRANSFER_ENCODING, b"chunked")?,
        _ => {}
    }
    Ok(())
}

/// Writes the fields that take the place of those that came: the type of a page, and the number of
/// the request.
pub(crate) fn put_own_fields(
    writer: &mut HeadWriter<'_>,
    page: Option<&Page<'_>>,
    request_id: Option<&[u8]>,
) -> Result<(), Unwritable> {
    if let Some(page) = page {
        writer.field(b"Content-Type", page.content_type.as_bytes())?;
    }
    request_id.map_or(Ok(()), |id| writer.field(REQUEST_ID, id))
}

/// Writes all fields as they came; one that is written here is a fault.
pub(crate) fn put_all_fields(writer: &mut HeadWriter<'_>, fields: Fields<'_>) -> Result<(), WireError> {
    for (name, value) in fields {
        check_name(name)?;
        check_field(name, value).map_err(|_| UNWRITABLE)?;
    }
    writer.checked_lines(fields.text());
    Ok(())
}

/// Writes fields as they came, as [`put_all_fields`] does.
pub(crate) fn put_fields<'a>(
    writer: &mut HeadWriter<'_>,
    mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), WireError> {
    fields.try_for_each(|(name, value)| {
        check_name(name)?;
        writer.field(name, value).map_err(|_| UNWRITABLE)
    })
}

fn check_name(name: &[u8]) -> Result<(), WireError> {
    if OURS.contains(name) { Err(WireError::Field("response framing")) } else { Ok(()) }
}
