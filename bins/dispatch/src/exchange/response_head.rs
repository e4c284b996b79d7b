//! Heads of responses: read out of what a backend sent, checked, and written again for parse.

use fosse_eventloop::slab::Key;
use fosse_fastcgi::http_head;
use fosse_http1::{Field, HeadLimits, ResponseHead, find_response_end, strict_response};
use fosse_settings::Dispatch as Settings;
use fosse_wire::{
    Kind,
    beside::UNPROCESSED,
    encode::EncodeHead,
    request::BodyLength,
    response::{self as wire, BACKEND_NONE},
};

use super::{
    Terms,
    affinity::set_cookie,
    encoding::{self, Chosen},
    failure::Failure,
    framing::framing,
    limit::Limit,
    prefix::Outside,
    response::{self, Changes, Own, Removed},
    send,
    stream::{Body, Lease, Stream, Wait},
    traffic, tunnel,
};
use crate::{
    cache::{confirm, lead, lookup},
    context::{Context, Shared},
    limits,
    policies::Policy,
    upstream::{
        connection::{At, Connection},
        pins::{self, Pins},
    },
};

/// Returns the limits of the head of a response.
pub(crate) fn limits(settings: &Settings) -> HeadLimits {
    let size = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
    HeadLimits {
        head_bytes: size(settings.response_head_bytes_max),
        field_bytes: size(settings.response_header_bytes_max),
        fields: size(settings.response_header_count_max),
        ..HeadLimits::DEFAULT
    }
}

/// Takes a head, interim or final. Returns its length in bytes, and whether it was whole.
pub(crate) fn head(
    stream: &mut Stream,
    key: Key,
    connection: &mut Connection,
    pins: &mut Pins,
    terms: Terms<'_>,
    bytes: &[u8],
    context: &mut Context<'_>,
) -> Result<(usize, bool), Failure> {
    if let At::Records(records) = &mut connection.at {
        let (taken, cgi) = records.head(bytes, terms.head.head_bytes)?;
        let Some(cgi) = cgi else { return Ok((taken, false)) };
        cgi_head(stream, connection, terms, &cgi, context)?;
        return Ok((taken, true));
    }
    if terms.backend.http2 && bytes.first() == Some(&UNPROCESSED) {
        return Err(Failure::Unprocessed);
    }
    let limits = &terms.head;
    let lenient = terms.backend.lenient_responses;
    let Some(end) = find_response_end(bytes, connection.searched, lenient)? else {
        // The last three bytes may be the beginning of the empty line that ends a head.
        connection.searched = bytes.len().max(3) - 3;
        return if bytes.len() > limits.head_bytes { Err(Failure::HeadTooLong) } else { Ok((0, false)) };
    };
    connection.searched = 0;
    let (head, rest) = bytes.split_at(end);
    let bytes = strict_response(head, lenient)?;
    let head = ResponseHead::parse(&bytes, stream.to_head, limits)?;
    match head.status {
        101 => switching(stream, connection, &head, context)?,
        100..=199 => interim(stream, terms, &head, context)?,
        _ => {
            if pins::asks_for_login(&head.fields) {
                pins.bind(key, connection, stream.pin(), context.counters);
            }
            retried(connection, terms, &head, rest)?;
            lookup::note_head(stream, &head, context);
            if is_replaced(stream, connection, terms, &head, context)? {
                return Ok((end + skip_body(connection, rest), true));
            }
            final_head(stream, connection, terms, &head, context)?;
        }
    }
    Ok((end, true))
}

/// Fails a response whose status is one after which the request goes to another server. A login
/// that is under way goes on.
fn retried(connection: &mut Connection, terms: Terms<'_>, head: &ResponseHead<'_>, rest: &[u8]) -> Result<(), Failure> {
    let is_listed = terms.retried.iter().any(|(first, last)| (*first..=*last).contains(&head.status));
    if !is_listed || connection.pin.is_some() {
        return Ok(());
    }
    drop_body(connection, terms, head);
    skip_body(connection, rest);
    Err(Failure::Status(head.status))
}

/// Begins to read the body of a response that nobody gets.
fn drop_body(connection: &mut Connection, terms: Terms<'_>, head: &ResponseHead<'_>) {
    connection.keep &= head.keep_alive && !matches!(connection.at, At::Records(_));
    connection.at = framing(head, terms.backend.lenient_responses).0;
}

/// Returns whether the client gets something else in place of a response, and begins that: what is
/// kept, the file that it names, or a page.
fn is_replaced(
    stream: &mut Stream,
    connection: &mut Connection,
    terms: Terms<'_>,
    head: &ResponseHead<'_>,
    context: &mut Context<'_>,
) -> Result<bool, Failure> {
    if confirm::replaces(stream, head, context) {
        drop_body(connection, terms, head);
        stream.wait = Wait::Bytes;
        return Ok(true);
    }
    let cookie = stream.send_file.as_ref().and_then(|_| own_cookie(stream, terms));
    let file = stream.send_file.as_mut().zip(terms.policy.settings.send_files.as_ref());
    let is_file = file.is_some_and(|(file, files)| file.note(files, head, cookie));
    if !is_file && !is_intercepted(connection, terms, head.status) {
        return Ok(false);
    }
    drop_body(connection, terms, head);
    stream.wait = Wait::Bytes;
    if !is_file {
        intercept(stream, connection, terms, head, context)?;
    }
    traffic::count_head(stream, head.status, context);
    stream.head_sent = !is_file;
    Ok(true)
}

/// Returns whether the client gets a page in place of a response. A login that is under way goes
/// on.
fn is_intercepted(connection: &Connection, terms: Terms<'_>, status: u16) -> bool {
    let statuses = &terms.policy.settings.intercept_errors;
    connection.pin.is_none() && statuses.iter().any(|(first, last)| (*first..=*last).contains(&status))
}

/// Writes a page in place of a response.
fn intercept(
    stream: &Stream,
    connection: &Connection,
    terms: Terms<'_>,
    head: &ResponseHead<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let to_parse = to_parse(stream, connection, head.status, context);
    let cookie = own_cookie(stream, terms);
    let date = context.shared.date.at(context.event_loop.now_ms());
    let own = Own { date, cookie: cookie.as_deref(), more: stream.response_fields(), ..Own::default() };
    let edits = (Removed { logins: !stream.single_client, ..Removed::default() }, changes(stream, terms.policy));
    let to = (stream.id, stream.request, stream.to_head);
    let written = response::page(&mut context.shared.output.outbox, to, &to_parse, head, edits, own);
    written.map_err(|_| Failure::HeadTooLargeForFrame)
}

/// Skips the body of a response that nobody gets, where all of it has come: the connection can be
/// used again then. Returns its length; 0 where the connection closes.
fn skip_body(connection: &mut Connection, rest: &[u8]) -> usize {
    let whole = matches!(connection.at, At::Exact(length) if u64::try_from(rest.len()) == Ok(length));
    connection.at = At::Exact(0);
    connection.keep &= whole;
    if whole { rest.len() } else { 0 }
}

/// Takes the head of a CGI response. It is always the final one.
fn cgi_head(
    stream: &mut Stream,
    connection: &mut Connection,
    terms: Terms<'_>,
    cgi: &[u8],
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let head = http_head(cgi)?;
    let head = strict_response(&head, terms.backend.lenient_responses)?;
    let head = ResponseHead::parse(&head, stream.to_head, &terms.head)?;
    retried(connection, terms, &head, b"")?;
    lookup::note_head(stream, &head, context);
    if is_replaced(stream, connection, terms, &head, context)? {
        skip_body(connection, b"");
        return Ok(());
    }
    final_head(stream, connection, terms, &head, context)
}

/// Passes on 100 where the client asked for it, 103 always, others never. Those that are dropped
/// cost nobody anything: a server may send 102 as long as the time for its response lasts.
fn interim(
    stream: &mut Stream,
    terms: Terms<'_>,
    head: &ResponseHead<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if head.status == 103 {
        let (remove, mut counts) = (Removed { logins: !stream.single_client, ..Removed::default() }, stream.interims);
        let changes = changes(stream, terms.policy);
        let out = &mut context.shared.output.outbox;
        let written = response::interim(out, stream.id, head, (remove, changes), &mut counts);
        stream.interims = counts;
        return written.map_err(|_| Failure::TooManyInterims);
    }
    if head.status == 100 && stream.wait == Wait::Continue {
        ask_for_body(stream, context);
    }
    Ok(())
}

/// Lets the client send the body that it withholds.
pub(crate) fn ask_for_body(stream: &mut Stream, context: &mut Context<'_>) {
    stream.wait = Wait::FirstByte;
    stream.start_limit(Limit::FirstByte, stream.first_byte_seconds, context);
    response::go_on(&mut context.shared.output.outbox, stream.id);
    // A client that did not wait has used its window up by now: what was not granted then is
    // granted.
    send::queue(stream, context);
}

/// Has a connection read the body that follows a head. Returns its length.
fn begin_body(connection: &mut Connection, head: &ResponseHead<'_>, lenient: bool) -> BodyLength {
    let (at, body) = framing(head, lenient);
    connection.at = match std::mem::replace(&mut connection.at, At::Head) {
        At::Records(records) => At::Records(records.with_body(head.body)),
        _ => {
            connection.keep &= head.keep_alive;
            at
        }
    };
    body
}

fn final_head(
    stream: &mut Stream,
    connection: &mut Connection,
    terms: Terms<'_>,
    head: &ResponseHead<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let now_ms = context.now_ms();
    let body = begin_body(connection, head, terms.backend.lenient_responses);
    lead::offer(stream, head, body, terms.policy, context);
    let large = matches!(connection.at, At::Exact(length) if length >= limits::LEASE_BYTES_MIN);
    let kept: Vec<Field<'_>> = stream.send_file.as_ref().map(|file| file.kept(head).collect()).unwrap_or_default();
    // The application's word on a file goes before that of the file itself.
    let fields = kept.iter().copied().chain(head.fields.iter());
    let (selected, coding) = encoding::select(stream.wanted_coding, terms.policy, (head.status, fields), body);
    let coding = coding.filter(|_| context.shared.can_encode);
    stream.is_encoded = coding.is_some();
    let is_led = stream.cached.as_ref().is_some_and(|cached| cached.lead.is_some());
    let may_lease = terms.may_lease && stream.body == Body::Done && !stream.inspected && !is_led;
    let lease = large && may_lease && coding.is_none();
    stream.lease = if lease { Lease::Wanted } else { Lease::No };
    stream.wait = Wait::Bytes;
    let to_parse = wire::ResponseHead { lease, body, ..to_parse(stream, connection, head.status, context) };
    let cookie = own_cookie(stream, terms);
    let passed = stream.cached.as_ref().map(|cached| cached.status.value(cached.ttl_s));
    let remove = Removed { logins: !stream.single_client, ..Removed::default() };
    let edits = (remove, changes(stream, terms.policy));
    let Shared { date, output, to_encode, .. } = &mut *context.shared;
    let (date, more, cache_status) = (date.at(now_ms), stream.response_fields(), passed.as_deref());
    let own = Own { date, cookie: cookie.as_deref(), more, kept: &kept, cache_status, selected };
    let written = match coding {
        None => response::head(&mut output.outbox, stream.id, &to_parse, head, edits, own),
        Some(coding) => {
            let out = to_encode.as_mut().map_or(&mut output.outbox, |to_encode| &mut to_encode.outbox);
            let to_encode = EncodeHead { response: to_parse, ..before_head(stream, terms.policy, coding) };
            out.frame(stream.id, Kind::Encode, |body| {
                to_encode.encode_fixed(body);
                response::put(body, &to_encode.response, head, edits, own)
            })
        }
    };
    written.map_err(|_| Failure::HeadTooLargeForFrame)?;
    traffic::count_head(stream, head.status, context);
    stream.head_sent = true;
    stream.taken_ms = now_ms;
    Ok(())
}

/// Returns what parse is told of a response, besides its body.
fn to_parse(
    stream: &Stream,
    connection: &Connection,
    status: u16,
    context: &Context<'_>,
) -> wire::ResponseHead<'static> {
    let backend_us = context.event_loop.now_us().saturating_sub(stream.since_us);
    wire::ResponseHead {
        status,
        pinned: connection.pin.is_some(),
        backend: u32::try_from(connection.server).unwrap_or(BACKEND_NONE),
        backend_us: u32::try_from(backend_us).unwrap_or(u32::MAX),
        retries: stream.retries,
        ..Default::default()
    }
}

/// Returns the cookie by which the client finds its server again, where it has to learn it.
fn own_cookie(stream: &Stream, terms: Terms<'_>) -> Option<String> {
    stream.new_owner.map(|id| set_cookie(&terms.backend.sticky_cookie, id, stream.secure))
}

/// Makes the part that precedes the head of a response that is encoded.
pub(crate) fn before_head(stream: &Stream, policy: &Policy, (coding, level): Chosen) -> EncodeHead<'static> {
    EncodeHead {
        coding,
        level,
        no_body: stream.to_head,
        bytes_min: policy.settings.compress.as_ref().map_or(0, |compress| compress.compress_bytes_min),
        connection: stream.client_connection,
        named_source: stream.named_source,
        client: stream.client.addr,
        ..EncodeHead::default()
    }
}

/// Takes a 101: only what was offered, and for WebSocket only with the right key (RFC 6455, section
/// 4.1).
fn switching(
    stream: &mut Stream,
    connection: &mut Connection,
    head: &ResponseHead<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let token = head.upgrade.unwrap_or_default();
    // A body comes before the switch: what follows it is the new protocol's.
    let offered = stream.sent() && !stream.upgrade.is_empty() && token.eq_ignore_ascii_case(&stream.upgrade);
    let websocket = stream.upgrade.eq_ignore_ascii_case(b"websocket");
    if !offered || websocket && !head.accepts_websocket(&stream.key) {
        return Err(Failure::UnaskedUpgrade);
    }
    stream.wait = Wait::Bytes;
    stream.timer.stop();
    connection.keep = false;
    if stream.multiplexed {
        tunnel::begin(stream, connection);
    } else {
        stream.lease = Lease::Wanted;
        connection.at = At::Tunnel;
    }
    let to_parse = wire::ResponseHead {
        status: 101,
        lease: !stream.multiplexed,
        upgrade: true,
        backend: u32::try_from(connection.server).unwrap_or(BACKEND_NONE),
        ..Default::default()
    };
    let date = context.shared.date.at(context.event_loop.now_ms());
    let own = Own { date, more: stream.response_fields(), ..Own::default() };
    let written =
        response::head(&mut context.shared.output.outbox, stream.id, &to_parse, head, Default::default(), own);
    written.map_err(|_| Failure::HeadTooLargeForFrame)?;
    traffic::count_head(stream, head.status, context);
    stream.head_sent = true;
    Ok(())
}

/// Returns the changes that a policy makes to the response of a stream.
pub(crate) fn changes<'a>(stream: &'a Stream, policy: &'a Policy) -> Option<Changes<'a>> {
    let prefixes = policy.settings.prefixes.as_ref();
    if policy.response.is_empty() && prefixes.is_none() {
        return None;
    }
    let values = stream.values.as_deref().unwrap_or(policy.response.constant());
    let outside = prefixes.map(|prefixes| Outside { prefixes, authority: &stream.authority });
    Some(Changes { edits: &policy.response, values, secure: stream.secure, outside })
}
