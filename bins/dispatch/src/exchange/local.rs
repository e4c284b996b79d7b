//! Responses that no backend sent.

use std::borrow::Cow;

use fosse_settings::Page;
use fosse_wire::{
    Kind, Outbox, StreamId, WireError,
    fields::FieldsWriter,
    request::BodyLength,
    response::{Cause, ResponseHead},
};

use super::{
    access,
    response::{self, Changes},
    usual_page::{USUAL_TYPE, usual_page},
};

/// A response that no backend sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LocalResponse<'a> {
    /// Status, 200 to 599.
    pub(crate) status: u16,
    /// Number of the request, so that the client's complaint can be found in the log.
    pub(crate) request: u64,
    /// A filter's denial.
    pub(crate) denied: bool,
    /// Its rule.
    pub(crate) rule: u32,
    /// The cause, for logs.
    pub(crate) cause: Cause,
    /// Seconds for Retry-After, 0 for none.
    pub(crate) retry_after: u32,
    /// Location of a redirect, empty without.
    pub(crate) location: &'a [u8],
    /// The connection ends with it.
    pub(crate) close: bool,
    /// The request was HEAD.
    pub(crate) to_head: bool,
    /// Index of the backend server that failed, or `BACKEND_NONE`.
    pub(crate) backend: u32,
    /// The body in place of the usual page.
    pub(crate) page: Option<&'a Page>,
    /// Fields of checks of who asks.
    pub(crate) fields: &'a [access::Field],
    /// Changes of the policy.
    pub(crate) changes: Option<Changes<'a>>,
}

/// Writes a local response, all of it. Its page is no longer than the credit of a new stream.
pub(crate) fn put(out: &mut Outbox, stream: StreamId, response: &LocalResponse<'_>, date: &str) {
    let page = put_head(out, stream, response, date);
    if response.has_body() && !response.to_head {
        out.data(stream, Kind::ResponseData, page.as_bytes());
    }
    response::end(out, stream, 0, None);
}

/// Writes the head of a local response. Returns the body that it speaks of.
pub(crate) fn put_head<'r>(
    out: &mut Outbox,
    stream: StreamId,
    response: &LocalResponse<'r>,
    date: &str,
) -> Cow<'r, str> {
    let (content_type, page) = match response.page {
        Some(Page { content_type, body, .. }) if !content_type.is_empty() => {
            (content_type.as_str(), Cow::Borrowed(body.as_str()))
        }
        _ => (USUAL_TYPE, Cow::Owned(usual_page(response.status, response.request))),
    };
    let length = u64::try_from(page.len()).unwrap_or(0);
    let head = ResponseHead {
        status: response.status,
        close: response.close,
        denied: response.denied,
        own: true,
        usual: response.is_usual(),
        rule: response.rule,
        cause: response.cause,
        backend: response.backend,
        body: if response.has_body() { BodyLength::Exact(length) } else { BodyLength::None },
        ..ResponseHead::default()
    };
    let mut put = |changes| {
        out.frame(stream, Kind::Response, |body| {
            head.encode_fixed(body);
            put_local(body, response, changes, content_type, date)
        })
    };
    if put(response.changes).is_err() {
        // A location comes in a frame and fits one, with a few fields more: frames leave room for
        // them, but not for all that changes may hold.
        let _ = put(None);
    }
    page
}

impl LocalResponse<'_> {
    /// Returns whether a page of the site may take the place of its body: nobody wrote that one for
    /// it.
    fn is_usual(&self) -> bool {
        self.has_body() && self.page.is_none_or(|page| page.is_file || page.content_type.is_empty())
    }

    /// These have none (RFC 9110, sections 15.3.5 and 15.4.5).
    const fn has_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }
}

/// Writes the fields of a local response.
fn put_local(
    body: &mut Vec<u8>,
    response: &LocalResponse<'_>,
    changes: Option<Changes<'_>>,
    content_type: &str,
    date: &str,
) -> Result<(), WireError> {
    let mut to = FieldsWriter::new(body);
    let changed = |name: &[u8]| changes.is_some_and(|changes| changes.edits.drop(name));
    to.push(b"Date", date.as_bytes())?;
    if response.has_body() && !changed(b"content-type") {
        to.push(b"Content-Type", content_type.as_bytes())?;
    }
    if response.page.is_none() && !changed(b"cache-control") {
        to.push(b"Cache-Control", b"no-store")?;
    }
    if response.retry_after > 0 {
        to.push(b"Retry-After", response.retry_after.to_string().as_bytes())?;
    }
    if !response.location.is_empty() && fosse_http1::is_value(response.location) {
        to.push(b"Location", response.location)?;
    }
    response.fields.iter().try_for_each(|(name, value)| to.push(name, value))?;
    if let Some(changes) = &changes {
        let ours = [&b"date"[..], b"content-type", b"cache-control", b"location"];
        changes.put(&mut to, |name| ours.contains(&name))?;
    }
    to.finish();
    Ok(())
}
