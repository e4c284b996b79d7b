//! Responses of backends on their way to parse: the head with what helps an attacker left out.

use std::borrow::Cow;

use fosse_http1::{Field, Fields, NameSet, ResponseHead as BackendHead, members, other_challenges, same_name};
use fosse_wire::{
    Kind, Outbox, StreamId, WireError,
    fields::FieldsWriter,
    order::Interims,
    request::BodyLength,
    response::{BACKEND_NONE, ResponseEnd, ResponseHead},
};

use super::{
    access,
    encoding::{ACCEPT_ENCODING, Selected},
    headers::{Edits, Values},
    prefix::Outside,
    usual_page::{USUAL_TYPE, usual_page},
};
use crate::{limits::REPLACED_BYTES_MAX, upstream::pins};

/// Fields of a backend that never pass: hop by hop, framing, those that tell what software runs
/// there, and those that name files to a proxy.
static DROPPED: NameSet<24> = NameSet::new([
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "server",
    "x-powered-by",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-runtime",
    "x-version",
    "x-generator",
    "x-drupal-cache",
    "x-php-version",
    "x-backend-server",
    "x-served-by",
    "x-powered-cms",
    "x-sourcefiles",
    "x-accel-redirect",
    "x-sendfile",
]);

/// Fields that pass with a page in place of a backend's response: what a client may do about it,
/// and cookies.
static BESIDE_PAGE: NameSet<5> = NameSet::new(["www-authenticate", "allow", "retry-after", "set-cookie", "date"]);

/// The parts of one backend's response that do not pass, besides those that never do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Removed {
    /// All but a few fields: a page takes the place of the response.
    pub(crate) for_page: bool,
    /// Challenges that would log in a connection, and word of such logins: the client connection
    /// carries requests of many.
    pub(crate) logins: bool,
}

/// The fields of the edge's own in a backend's response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own<'a> {
    /// Date, where the backend sent none.
    pub(crate) date: &'a str,
    /// Set-Cookie, by which the client finds its server again.
    pub(crate) cookie: Option<&'a str>,
    /// Those that checks of who asks have added.
    pub(crate) more: &'a [access::Field],
    /// Fields of the application that has named the file which this is: they take the place of the
    /// same ones here.
    pub(crate) kept: &'a [Field<'a>],
    /// Cache-Status, where the request has passed a cache by.
    pub(crate) cache_status: Option<&'a str>,
    /// Changes for the sake of codings.
    pub(crate) selected: Selected,
}

impl Own<'_> {
    /// Returns whether a field is left out for one that is kept.
    fn replaces(&self, field: &Field<'_>) -> bool {
        self.kept.iter().any(|kept| kept.name.eq_ignore_ascii_case(field.name))
    }
}

/// The changes that a policy makes to the fields of a final response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changes<'a> {
    pub(crate) edits: &'a Edits,
    pub(crate) values: &'a Values,
    /// The client came by https.
    pub(crate) secure: bool,
    /// Paths of the application are not those of its clients.
    pub(crate) outside: Option<Outside<'a>>,
}

impl Changes<'_> {
    /// Returns the value of a field for clients; empty where nothing of it is left.
    pub(crate) fn value<'v>(&self, field: &Field<'v>, bytes_left: &mut usize) -> Result<Cow<'v, [u8]>, WireError> {
        let outside = self.outside.and_then(|outside| outside.value(field.name, field.value));
        let value = outside.map_or(Cow::Borrowed(field.value), Cow::Owned);
        let replaced = self.edits.replaced(field.name, value, self.values, bytes_left);
        replaced.map_err(|_| WireError::Field("values to search"))
    }

    /// Writes the fields that are added to a message. `has` tells whether it has one of that name,
    /// in lower case.
    pub(crate) fn put(&self, to: &mut FieldsWriter<'_>, has: impl Fn(&[u8]) -> bool) -> Result<(), WireError> {
        self.edits.written(self.values, self.secure, has).try_for_each(|(name, value)| to.push(name, value))
    }
}

/// Writes a RESPONSE frame: `head` with the fields of the backend's that pass, and the edge's own.
///
/// # Errors
/// [`WireError`] where the fields do not fit a frame.
pub(crate) fn head(
    out: &mut Outbox,
    stream: StreamId,
    head: &ResponseHead<'_>,
    from: &BackendHead<'_>,
    (remove, changes): (Removed, Option<Changes<'_>>),
    own: Own<'_>,
) -> Result<(), WireError> {
    out.frame(stream, Kind::Response, |body| put(body, head, from, (remove, changes), own))
}

/// Writes the usual page in place of a backend's response, all but its end: `head` with those
/// fields of the backend's that go with a page.
///
/// # Errors
/// [`WireError`] where the fields do not fit a frame.
pub(crate) fn page(
    out: &mut Outbox,
    (stream, request, to_head): (StreamId, u64, bool),
    head: &ResponseHead<'_>,
    from: &BackendHead<'_>,
    (remove, changes): (Removed, Option<Changes<'_>>),
    own: Own<'_>,
) -> Result<(), WireError> {
    let page = usual_page(head.status, request);
    let body = BodyLength::Exact(u64::try_from(page.len()).unwrap_or(0));
    let head = ResponseHead { own: true, usual: true, lease: false, pinned: false, body, ..*head };
    let remove = Removed { for_page: true, ..remove };
    out.frame(stream, Kind::Response, |body| put(body, &head, from, (remove, changes), own))?;
    if !to_head {
        out.data(stream, Kind::ResponseData, page.as_bytes());
    }
    Ok(())
}

/// Writes 100 Continue: parse tells a client that waits for it to send its body.
pub(crate) fn go_on(out: &mut Outbox, stream: StreamId) {
    let interim = ResponseHead { status: 100, interim: true, backend: BACKEND_NONE, ..ResponseHead::default() };
    // It has no fields: it always fits a frame.
    let _ = out.frame(stream, Kind::Response, |body| interim.encode(body));
}

/// Writes the frame of an interim response, unless there have been too many of them; the counts go
/// into `interims`.
///
/// # Errors
/// [`WireError::Credit`] where there have been, others where the fields do not fit a frame. Nothing
/// is written then.
pub(crate) fn interim(
    out: &mut Outbox,
    stream: StreamId,
    from: &BackendHead<'_>,
    (remove, changes): (Removed, Option<Changes<'_>>),
    interims: &mut Interims,
) -> Result<(), WireError> {
    let head = ResponseHead { status: from.status, interim: true, backend: BACKEND_NONE, ..ResponseHead::default() };
    out.frame(stream, Kind::Response, |body| {
        let at = body.len();
        put(body, &head, from, (remove, changes), Own::default())?;
        *interims = interims.and(body.len() - at)?;
        Ok(())
    })
}

/// Appends a head: that of a backend with the changes of the edge.
///
/// # Errors
/// [`WireError`] where the fields do not fit a frame.
pub(crate) fn put(
    body: &mut Vec<u8>,
    head: &ResponseHead<'_>,
    from: &BackendHead<'_>,
    (remove, changes): (Removed, Option<Changes<'_>>),
    own: Own<'_>,
) -> Result<(), WireError> {
    let hop = if from.names_fields { named_by_connection(&from.fields) } else { Vec::new() };
    head.encode_fixed(body);
    let mut to = FieldsWriter::new(body);
    let (mut dated, mut bytes_left) = (head.status < 200, REPLACED_BYTES_MAX);
    let passes = |name: &[u8]| !DROPPED.contains(name) && (!remove.for_page || BESIDE_PAGE.contains(name));
    let mut selected = own.selected;
    for field in from.fields.iter().filter(|field| !own.replaces(field)).chain(own.kept.iter().copied()) {
        let removed = || changes.is_some_and(|changes| changes.edits.drop(field.name));
        if !passes(field.name) || hop.iter().any(|h| h.eq_ignore_ascii_case(field.name)) || removed() {
            continue;
        }
        dated |= field.is("date");
        if remove.logins && pins::tells_of_login(&field) {
            put_other_challenges(&mut to, &field)?;
            continue;
        }
        match changes.map(|changes| changes.value(&field, &mut bytes_left)).transpose()? {
            Some(value) if value.is_empty() && !field.value.is_empty() => {}
            Some(value) => to.push(field.name, &selected.changed(&Field { value: &value, ..field }))?,
            None => to.push(field.name, &selected.changed(&field))?,
        }
    }
    put_missing(&mut to, dated, Own { selected, ..own })?;
    if remove.for_page {
        to.push(b"Content-Type", USUAL_TYPE.as_bytes())?;
        to.push(b"Cache-Control", b"no-store")?;
    }
    if let Some(cookie) = own.cookie {
        to.push(b"Set-Cookie", cookie.as_bytes())?;
    }
    own.more.iter().try_for_each(|(name, value)| to.push(name, value))?;
    own.cache_status.iter().try_for_each(|status| to.push(b"Cache-Status", status.as_bytes()))?;
    if let Some(changes) = changes.filter(|_| head.status >= 200) {
        // One that does not pass is as good as none.
        let has = |name: &[u8]| passes(name) && from.fields.iter().any(|field| same_name(field.name, name));
        changes.put(&mut to, has)?;
    }
    to.finish();
    Ok(())
}

/// Writes fields that the response should have had.
fn put_missing(to: &mut FieldsWriter<'_>, dated: bool, own: Own<'_>) -> Result<(), WireError> {
    if own.selected.varies {
        to.push(b"Vary", ACCEPT_ENCODING)?;
    }
    if dated { Ok(()) } else { to.push(b"Date", own.date.as_bytes()) }
}

/// Writes the challenges of a field that do not log a connection in, if there are any.
fn put_other_challenges(to: &mut FieldsWriter<'_>, field: &Field<'_>) -> Result<(), WireError> {
    if field.is("persistent-auth") {
        return Ok(());
    }
    let others: Vec<&[u8]> = other_challenges(field.value).collect();
    if others.is_empty() { Ok(()) } else { to.push(field.name, &others.join(&b", "[..])) }
}

fn named_by_connection<'a>(fields: &Fields<'a>) -> Vec<&'a [u8]> {
    fields.iter().filter(|field| field.is("connection")).flat_map(|field| members(field.value)).collect()
}

/// Writes RESPONSE_END.
pub(crate) fn end(out: &mut Outbox, stream: StreamId, leased_bytes: u64, trailers: Option<Fields<'_>>) {
    let result = out.frame(stream, Kind::ResponseEnd, |body| {
        body.extend_from_slice(&leased_bytes.to_le_bytes());
        let mut to = FieldsWriter::new(body);
        for field in trailers.iter().flat_map(Fields::iter) {
            to.push(field.name, field.value)?;
        }
        to.finish();
        Ok(())
    });
    if result.is_err() {
        // Trailers that do not fit are left out: they are optional by definition (RFC 9110, section
        // 6.5.1). What is left always fits.
        let _ = out
            .frame(stream, Kind::ResponseEnd, |body| ResponseEnd { leased_bytes, ..Default::default() }.encode(body));
    }
}
