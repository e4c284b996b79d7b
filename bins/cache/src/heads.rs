//! The head of a response that is kept: as it came, or as a 304 has confirmed it.

use std::time::Duration;

use fosse_caching::{NotKept, Stored, keep, merge};
use fosse_wire::{
    cache::Terms,
    cursor::Cursor,
    fields::{Fields, FieldsWriter},
    response::ResponseHead,
};

use crate::{ask::Now, fill::Head};

/// Returns the head that is kept of a new response.
pub(crate) fn of_new(head: &ResponseHead<'_>, terms: &Terms, now: Now, delay: Duration) -> Result<Head, NotKept> {
    let kept = keep(head.status, head.fields, terms, now.time, delay)?;
    let own = head.fields.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"age"));
    let mut fields = Vec::new();
    fosse_wire::fields::put(&mut fields, own).map_err(|_| NotKept::Status)?;
    Ok(Head { status: head.status, fields, kept, validated: false })
}

/// Returns the head of a kept response that a 304 has confirmed.
pub(crate) fn of_confirmed(
    before: &Stored<'_>,
    head: &ResponseHead<'_>,
    terms: &Terms,
    now: Now,
    delay: Duration,
) -> Result<Head, NotKept> {
    let mut merged = Vec::new();
    let mut to = FieldsWriter::new(&mut merged);
    merge(before.fields, head.fields, &mut to).map_err(|_| NotKept::Status)?;
    to.finish();
    let fields = Fields::decode(&mut Cursor::new(&merged)).map_err(|_| NotKept::Status)?;
    let as_new = ResponseHead { status: before.status, fields, ..*head };
    of_new(&as_new, terms, now, delay).map(|head| Head { validated: true, ..head })
}
