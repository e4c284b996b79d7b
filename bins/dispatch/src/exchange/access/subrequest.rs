//! The request by which a server is asked: what the client asked for in fields, with its cookies
//! and credentials, and no body.

use fosse_http1::{HeadWriter, Name, NameSet};
use fosse_settings::{Backend, ForwardAuth};
use fosse_wire::request::RequestHead;

use crate::{
    exchange::{
        affinity,
        forwarded::{self, put_authority},
        passing::{declared, is_dropped, named},
        refused::Refused,
        request,
    },
    policies::Policy,
};

const HOST: Name = Name::new("Host");
const X_FORWARDED_METHOD: Name = Name::new("X-Forwarded-Method");
const X_FORWARDED_URI: Name = Name::new("X-Forwarded-Uri");
const X_ORIGINAL_METHOD: Name = Name::new("X-Original-Method");
const X_ORIGINAL_URL: Name = Name::new("X-Original-URL");

/// Fields of the client that do not go along: those of a body that is not sent, those that ask for
/// a part of a response or for none, and those written here.
static DROPPED: NameSet<18> = NameSet::new([
    "accept-encoding",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "range",
    "x-forwarded-method",
    "x-forwarded-uri",
    "x-original-method",
    "x-original-url",
]);

/// Fields that decide who somebody is: they go along also where the response sets them.
const CREDENTIALS: [&[u8]; 2] = [b"authorization", b"cookie"];

/// Writes the question about a request. It says the method, the host and the target with which the
/// request will go on, and in X-Original-URL the address that the client asked for.
///
/// # Errors
/// [`Refused`]; `out` is then as before.
pub(super) fn write(
    out: &mut Vec<u8>,
    head: &RequestHead<'_>,
    policy: &Policy,
    auth: &ForwardAuth,
    backend: &Backend,
) -> Result<(), Refused> {
    let mut to = HeadWriter::request(out, b"GET", auth.path.as_bytes())?;
    to.own_by(HOST, |value| put_authority(value, head.host, head.host_port))?;
    put_client_fields(&mut to, head, policy, backend)?;
    // What a policy changes of these is for its application.
    forwarded::put(&mut to, head, &Policy::default())?;
    request::put_request_id(&mut to, head)?;
    to.own(X_FORWARDED_METHOD, head.method)?;
    to.own(X_FORWARDED_URI, head.target)?;
    to.own(X_ORIGINAL_METHOD, head.method)?;
    to.own_by(X_ORIGINAL_URL, |value| {
        value.extend_from_slice(if head.secure { b"https://" } else { b"http://" });
        put_authority(value, head.host, head.host_port);
        value.extend_from_slice(head.received_target());
    })?;
    to.finish();
    Ok(())
}

fn put_client_fields(
    to: &mut HeadWriter<'_>,
    head: &RequestHead<'_>,
    policy: &Policy,
    backend: &Backend,
) -> Result<(), Refused> {
    let hop = declared(head);
    let of_proxy = forwarded::has_fields_of_proxy(head);
    for (name, value) in head.fields {
        let is_set_by_check = policy.is_of_checks(name) && !named(&CREDENTIALS, name);
        if is_dropped(name, of_proxy)
            || DROPPED.contains(name)
            || named(&hop, name)
            || is_set_by_check
            // Nobody asks for one here, and some servers would take it for another.
            || name.contains(&b'_')
        {
            continue;
        }
        match affinity::without_own(name, value, backend) {
            Some(rest) if rest.is_empty() => {}
            Some(rest) => to.field(name, &rest)?,
            None => to.field(name, value)?,
        }
    }
    Ok(())
}
