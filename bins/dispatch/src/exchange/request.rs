//! The request as the backend gets it: written again from the typed fields, the client's own fields
//! after them.

use std::borrow::Cow;

use fosse_http1::{
    HeadWriter, Name, Unwritable, VIA_NAME, check_field, has_underscore, is_request_id, members, same_name,
    write_number,
};
use fosse_settings::{Backend, Underscores};
use fosse_wire::request::{BodyLength, RequestHead, Version};

use super::{
    affinity,
    forwarded::{self, put_authority},
    headers::{Values, text, with_facts},
    passing::{declared, hinders_inspection, is_dropped, is_identity, named, reads_as_dropped},
    refused::Refused,
};
use crate::{limits::REPLACED_BYTES_MAX, policies::Policy};

const HOST: Name = Name::new("Host");
const X_REQUEST_ID: Name = Name::new("X-Request-ID");
const VIA: Name = Name::new("Via");
const MAX_FORWARDS: Name = Name::new("Max-Forwards");
const TRANSFER_ENCODING: Name = Name::new("Transfer-Encoding");
const TE: Name = Name::new("TE");
const EXPECT: Name = Name::new("Expect");
const CONNECTION: Name = Name::new("Connection");
const UPGRADE: Name = Name::new("Upgrade");

/// Writes the head into `out`. `expect`: the body waits for 100 Continue.
///
/// # Errors
/// [`Refused`]; `out` is then as before.
pub(crate) fn write(
    out: &mut Vec<u8>,
    head: &RequestHead<'_>,
    policy: &Policy,
    backend: &Backend,
    expect: bool,
) -> Result<(), Refused> {
    let mut to = HeadWriter::request(out, head.method, head.target)?;
    let host = policy.settings.host.as_ref().map(|host| text(host, head)).filter(|host| !host.is_empty());
    match &host {
        Some(host) => to.own(HOST, host)?,
        None => to.own_by(HOST, |value| put_authority(value, head.host, head.host_port)).map(drop)?,
    }
    let values = match policy.request.is_empty() {
        true => Values::default(),
        false => with_facts(head, |facts| policy.request.values(facts)),
    };
    put_client_fields(&mut to, head, policy, &values, backend)?;
    if backend.via && !policy.request.drop(VIA.as_bytes()) {
        let protocol: &[u8] = if head.version == Version::Http10 { b"1.0 " } else { b"1.1 " };
        to.own_by(VIA, |via| [protocol, VIA_NAME.as_bytes()].iter().for_each(|part| via.extend_from_slice(part)))?;
    }
    if policy.settings.inspect_responses {
        to.field(b"Accept-Encoding", b"identity")?;
    }
    forwarded::put(&mut to, head, policy)?;
    if !policy.request.drop(X_REQUEST_ID.as_bytes()) {
        put_request_id(&mut to, head)?;
    }
    put_edited_fields(&mut to, head, policy, &values)?;
    if backend.http2 && takes_trailers(head) {
        to.own(TE, b"trailers")?;
    }
    match head.body {
        BodyLength::None => {}
        BodyLength::Exact(length) => to.content_length(length),
        BodyLength::Chunked => to.own(TRANSFER_ENCODING, b"chunked")?,
    }
    if expect {
        to.own(EXPECT, b"100-continue")?;
    }
    if offers_upgrade(head, backend) {
        to.own(CONNECTION, b"Upgrade")?;
        to.own(UPGRADE, head.upgrade)?;
    }
    to.finish();
    Ok(())
}

/// Returns whether the client takes trailers. TE is said again for each connection (RFC 9110,
/// section 10.1.4); servers of HTTP/2, gRPC's among them, look for this word of it.
fn takes_trailers(head: &RequestHead<'_>) -> bool {
    head.fields.all(b"te").flat_map(members).any(|member| member.eq_ignore_ascii_case(b"trailers"))
}

/// Writes the fields that the policy adds.
fn put_edited_fields(
    to: &mut HeadWriter<'_>,
    head: &RequestHead<'_>,
    policy: &Policy,
    values: &Values,
) -> Result<(), Refused> {
    if policy.request.is_empty() {
        return Ok(());
    }
    let has =
        |name: &[u8]| head.fields.into_iter().any(|(field, _)| same_name(field, name) && !is_dropped(field, false));
    let mut written = policy.request.written(values, head.secure, has);
    written.try_for_each(|(name, value)| Ok(to.field(name, value)?))
}

/// Writes the fields of the client that pass.
fn put_client_fields(
    to: &mut HeadWriter<'_>,
    head: &RequestHead<'_>,
    policy: &Policy,
    values: &Values,
    backend: &Backend,
) -> Result<(), Refused> {
    let mut bytes_left = REPLACED_BYTES_MAX;
    let dropped = declared(head);
    let counts_hops = matches!(head.method, b"OPTIONS" | b"TRACE");
    let text = head.fields.text();
    // The end of the lines that are written, or left out.
    let mut done = 0;
    for (line, name, value) in head.fields.lines() {
        // Most fields of a browser: what follows one another is written at once.
        if dropped.is_empty() && !policy.has_rule(name) {
            check_field(name, value)?;
            continue;
        }
        to.checked_lines(&text[done..line.start]);
        done = line.end;
        if named(&dropped, name) || is_left_out(name, head, policy) {
            continue;
        }
        if has_underscore(name) {
            match policy.settings.underscores {
                Underscores::Refuse => return Err(Refused::Underscore),
                Underscores::Drop => continue,
                Underscores::Pass if reads_as_dropped(name, policy) => continue,
                Underscores::Pass => {}
            }
        }
        if counts_hops && same_name(name, b"max-forwards") {
            one_hop_less(to, value)?;
            continue;
        }
        let kept = affinity::without_own(name, value, backend).map_or(Cow::Borrowed(value), Cow::Owned);
        let replaced = policy.request.replaced(name, kept, values, &mut bytes_left)?;
        if !replaced.is_empty() || value.is_empty() {
            to.field(name, &replaced)?;
        }
    }
    to.checked_lines(&text[done..]);
    Ok(())
}

/// Returns whether a field of the client does not pass, whatever its value.
fn is_left_out(name: &[u8], head: &RequestHead<'_>, policy: &Policy) -> bool {
    let of_proxy = forwarded::has_fields_of_proxy(head);
    is_dropped(name, of_proxy)
        || policy.settings.inspect_responses && hinders_inspection(name)
        || policy.request.drop(name)
        || policy.is_of_checks(name)
        || of_proxy && (forwarded::is_own_prefix(name, policy) || !forwarded::may_pass(name, policy))
        || !head.trusted && is_identity(name, policy)
}

/// Returns whether the client's token goes on: where the backend's configuration names it. A body
/// (docker exec has one) is sent before the protocol changes.
pub(crate) fn offers_upgrade(head: &RequestHead<'_>, backend: &Backend) -> bool {
    !head.upgrade.is_empty() && backend.upgrade.iter().any(|u| u.as_bytes().eq_ignore_ascii_case(head.upgrade))
}

/// Writes Max-Forwards for the next proxy (RFC 9110, section 7.6.2). parse lets no request pass
/// that may go no further; a number that is too large for us stays larger than any way is long.
fn one_hop_less(to: &mut HeadWriter<'_>, value: &[u8]) -> Result<(), Unwritable> {
    let text = core::str::from_utf8(value).map_err(|_| Unwritable::Value)?;
    let hops = match text.parse::<u64>() {
        Ok(hops) => hops - u64::from(hops > 0),
        Err(_) => u64::from(u32::MAX),
    };
    to.own_by(MAX_FORWARDS, |value| write_number(value, hops)).map(drop)
}

/// Writes X-Request-ID: a trusted proxy's own, where it sends one, else the number that the logs
/// have.
pub(super) fn put_request_id(to: &mut HeadWriter<'_>, head: &RequestHead<'_>) -> Result<(), Unwritable> {
    let theirs = if head.trusted { head.fields.all(b"x-request-id").next() } else { None };
    to.own_by(X_REQUEST_ID, |value| match theirs.filter(|id| is_request_id(id)) {
        Some(id) => value.extend_from_slice(id),
        None => put_hexadecimal(value, head.request),
    })
    .map(drop)
}

/// Writes all 16 digits, as logs and pages do.
fn put_hexadecimal(text: &mut Vec<u8>, number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.extend((0..16).rev().map(|place| DIGITS[usize::try_from(number >> (place * 4) & 0xf).unwrap_or(0)]));
}

#[cfg(test)]
mod tests;
