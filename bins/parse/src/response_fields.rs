//! The fields of a response's head: those that came, and those that are written here.

use fosse_front::exchange::BodyLeft;
use fosse_front::fields::{REQUEST_ID, UNWRITABLE, check, gives_way};
use fosse_front::pages::Page;
use fosse_http1::{HeadWriter, Name, Unwritable};
use fosse_wire::WireError;
use fosse_wire::fields::Fields;
use fosse_wire::request::BodyLength;
use fosse_wire::response::ResponseHead;

const TRANSFER_ENCODING: Name = Name::new("Transfer-Encoding");

/// Writes the framing fields. A response without a body states the length that GET would have got,
/// where it is known (RFC 9110, section 8.6).
pub(crate) fn put_framing(
    writer: &mut HeadWriter<'_>,
    head: &ResponseHead<'_>,
    to_head: bool,
    http10: bool,
) -> Result<(), Unwritable> {
    match (BodyLeft::after(head, to_head), head.body) {
        (BodyLeft::Exact(length), _) => writer.content_length(length),
        (BodyLeft::None, BodyLength::Exact(length)) if head.status != 204 => writer.content_length(length),
        (BodyLeft::Unknown, _) if !http10 => writer.own(TRANSFER_ENCODING, b"chunked")?,
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
    check(fields)?;
    writer.checked_lines(fields.text());
    Ok(())
}

/// Writes the fields that do not give way to those of a page and to the number of the request, as
/// [`put_all_fields`] does.
pub(crate) fn put_fields(
    writer: &mut HeadWriter<'_>,
    fields: Fields<'_>,
    (has_page, has_request_id): (bool, bool),
) -> Result<(), WireError> {
    check(fields)?;
    let mut stay = fields.into_iter().filter(|(name, _)| !gives_way(name, (has_page, has_request_id)));
    stay.try_for_each(|(name, value)| writer.field(name, value).map_err(|_| UNWRITABLE))
}
