//! The key of a request: the head of a request that an application is asked with, where nothing
//! that is not in it may reach the application. So no part of a request can change what others get
//! without being part of what tells them apart, whatever the application makes of it: fields,
//! cookies and parameters that are not in the key are not in the request, and those that are stand
//! there as they were compared, byte for byte.

use fosse_http1::{members, trim};
use fosse_settings::CachePolicy;
use fosse_wire::{
    WireError,
    cache::{
        KEY_BYTES_MAX,
        key::{Key, begin, tag_of},
    },
    fields::{Fields, FieldsWriter},
    request::RequestHead,
};

/// Codings that a client may accept, in the order in which a key names them. Others are none that
/// an application sends.
const CODINGS: [&[u8]; 4] = [b"br", b"deflate", b"gzip", b"zstd"];

/// Writes the key of a request for `method` GET or HEAD into `out`, in place of what was there.
///
/// # Errors
/// [`WireError`] for one that is too long.
pub(crate) fn write(out: &mut Vec<u8>, head: &RequestHead<'_>, policy: &CachePolicy) -> Result<(), WireError> {
    begin(out, policy.tag);
    let (target, received);
    let names = policy.cache_key_query.as_deref();
    let (target, received) = match names {
        None => (head.target, head.received),
        Some(names) => {
            target = with_parameters(head.target, names);
            received = head.received.split(|byte| *byte == b'?').next().unwrap_or_default();
            (target.as_slice(), received)
        }
    };
    let key = RequestHead {
        secure: head.secure,
        method: b"GET",
        host: head.host,
        host_port: head.host_port,
        target,
        received,
        ..RequestHead::default()
    };
    key.encode_fixed(out)?;
    put_fields(out, head, policy)?;
    if out.len() > KEY_BYTES_MAX { Err(WireError::Field("key")) } else { Ok(()) }
}

/// Writes the fields that are in the key.
fn put_fields(out: &mut Vec<u8>, head: &RequestHead<'_>, policy: &CachePolicy) -> Result<(), WireError> {
    let mut fields = FieldsWriter::new(out);
    for name in &policy.cache_key_headers {
        let values = head.fields.into_iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
        if name == "accept-encoding" {
            let codings = codings(values.map(|(_, value)| value));
            if !codings.is_empty() {
                fields.push(b"Accept-Encoding", &codings)?;
            }
            continue;
        }
        for (_, value) in values {
            fields.push(name.as_bytes(), value)?;
        }
    }
    if let Some(names) = &policy.cache_key_cookies {
        let cookies = cookies(head, names);
        if !cookies.is_empty() {
            fields.push(b"Cookie", &cookies)?;
        }
    }
    if policy.cache_authorized {
        head.fields.all(b"authorization").try_for_each(|value| fields.push(b"Authorization", value))?;
    }
    fields.finish();
    Ok(())
}

/// Returns whether a request names no coding of bodies but usual ones: what else stands there is
/// not in the key.
pub(super) fn has_usual_codings(fields: Fields<'_>) -> bool {
    let is_usual = |member: &[u8]| {
        let name = trim(member.split(|byte| *byte == b';').next().unwrap_or_default());
        name.is_empty()
            || name == b"*"
            || name.eq_ignore_ascii_case(b"identity")
            || CODINGS.iter().any(|usual| name.eq_ignore_ascii_case(usual))
    };
    fields.all(b"accept-encoding").flat_map(members).all(is_usual)
}

/// Returns whether the responses of a policy that vary by this field of requests are told apart by
/// their keys.
pub(crate) fn has_field(policy: &CachePolicy, name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"host")
        || policy.cache_key_headers.iter().any(|header| name.eq_ignore_ascii_case(header.as_bytes()))
        || policy.cache_key_cookies.is_some() && name.eq_ignore_ascii_case(b"cookie")
        || policy.cache_authorized && name.eq_ignore_ascii_case(b"authorization")
}

/// Returns whether two keys are of one host and target.
pub(crate) fn have_one_target(one: &[u8], other: &[u8]) -> bool {
    let target = |key| Key::decode(key).map(|Key { head, .. }| (head.host, head.host_port, head.target));
    target(one).is_ok_and(|one| Ok(one) == target(other))
}

/// Returns the key of a request for what a reference names, which stands in the response to the
/// request of `key`; `None` for one to another host, and for a relative one.
pub(super) fn of_reference(key: &[u8], reference: &[u8]) -> Option<Vec<u8>> {
    let head = Key::decode(key).ok()?.head;
    let reference = trim(reference.split(|byte| *byte == b'#').next()?);
    let target = path_at(reference, head.host)?;
    let mut out = Vec::new();
    begin(&mut out, tag_of(key));
    let RequestHead { secure, host, host_port, .. } = head;
    RequestHead { secure, method: b"GET", host, host_port, target, ..RequestHead::default() }.encode(&mut out).ok()?;
    Some(out)
}

/// Returns path and query of a reference to a host, of whatever port.
fn path_at<'r>(reference: &'r [u8], host: &[u8]) -> Option<&'r [u8]> {
    let after = |prefix: &[u8]| {
        reference.get(prefix.len()..).filter(|_| reference[..prefix.len()].eq_ignore_ascii_case(prefix))
    };
    let Some(rest) = [&b"http://"[..], b"https://", b"//"].iter().find_map(|prefix| after(prefix)) else {
        return reference.starts_with(b"/").then_some(reference);
    };
    let end = rest.iter().position(|byte| *byte == b'/')?;
    let (authority, path) = rest.split_at(end);
    let is_port = |rest: &[u8]| rest.is_empty() || rest.first() == Some(&b':');
    let is_host = authority.len() >= host.len()
        && authority[..host.len()].eq_ignore_ascii_case(host)
        && is_port(&authority[host.len()..]);
    is_host.then_some(path)
}

/// Returns a target with those parameters of its query alone that are named, as they are written.
fn with_parameters(target: &[u8], names: &[String]) -> Vec<u8> {
    let Some(at) = target.iter().position(|byte| *byte == b'?') else { return target.to_vec() };
    let (path, query) = (&target[..at], &target[at + 1..]);
    let is_named = |part: &&[u8]| {
        let name = part.split(|byte| *byte == b'=').next().unwrap_or_default();
        names.iter().any(|wanted| wanted.as_bytes() == name)
    };
    let parts: Vec<&[u8]> = query.split(|byte| *byte == b'&').filter(is_named).collect();
    let query = parts.join(&b'&');
    if query.is_empty() { path.to_vec() } else { [path, b"?", &query].concat() }
}

/// Returns the codings that a client accepts of those that there are.
pub(super) fn codings<'f>(values: impl Iterator<Item = &'f [u8]>) -> Vec<u8> {
    let mut accepted = [false; CODINGS.len()];
    for member in values.flat_map(members) {
        let mut parts = member.split(|byte| *byte == b';').map(trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            let weight = part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q="));
            weight.is_some_and(|weight| weight.iter().all(|byte| b"0.".contains(byte)))
        });
        for (coding, accepted) in CODINGS.iter().zip(&mut accepted) {
            *accepted |= !refused && name.eq_ignore_ascii_case(coding);
        }
    }
    let all: Vec<&[u8]> =
        CODINGS.iter().zip(accepted).filter(|(_, accepted)| *accepted).map(|(name, _)| *name).collect();
    all.join(&b", "[..])
}

/// Returns the cookies of these names, in the order of the names; of one that is there twice the
/// first.
fn cookies(head: &RequestHead<'_>, names: &[String]) -> Vec<u8> {
    let pairs = || head.fields.all(b"cookie").flat_map(|line| line.split(|byte| *byte == b';')).map(trim);
    let of = |name: &String| {
        pairs().find(|pair| pair.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'=')))
    };
    let all: Vec<&[u8]> = names.iter().filter_map(of).collect();
    all.join(&b"; "[..])
}

#[cfg(test)]
mod tests {
    use fosse_wire::{cursor::Cursor, fields, fields::Fields};

    use super::*;

    fn key(target: &str, list: &[(&str, &str)], policy: &CachePolicy) -> (String, Vec<(String, String)>) {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).unwrap();
        let fields = Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        let (method, host, target) = (&b"HEAD"[..], &b"a.example"[..], target.as_bytes());
        let client = fosse_wire::request::Endpoint::from_socket("192.0.2.9:80".parse().unwrap());
        let head =
            RequestHead { method, host, target, fields, client, request: 9, connection: 8, ..Default::default() };
        let mut out = Vec::new();
        write(&mut out, &head, policy).unwrap();
        let key = Key::decode(&out).unwrap().head;
        assert_eq!((key.method, key.client, key.request, key.connection), (&b"GET"[..], Default::default(), 0, 0));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(key.target), key.fields.into_iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    #[test]
    fn what_is_not_named_is_not_in_the_request_that_is_sent() {
        let list = [("X-Forwarded-Host", "evil"), ("Cookie", "a=b"), ("User-Agent", "x"), ("Authorization", "y")];
        assert_eq!(key("/a?b=c", &list, &CachePolicy::default()), ("/a?b=c".into(), vec![]));
    }

    #[test]
    fn a_client_accepts_one_of_few_sets_of_codings() {
        let policy = CachePolicy { cache_key_headers: vec!["accept-encoding".into()], ..CachePolicy::default() };
        for (value, expected) in [
            ("gzip, deflate, br, zstd", "br, deflate, gzip, zstd"),
            ("GZIP;q=0.5,x-evil", "gzip"),
            ("gzip;q=0, br;q=0.0", ""),
            ("identity, *", ""),
        ] {
            let (_, fields) = key("/", &[("Accept-Encoding", value)], &policy);
            assert_eq!(fields.first().map_or("", |(_, value)| value), expected, "{value}");
        }
    }

    #[test]
    fn what_a_response_refers_to_is_a_target_where_it_is_of_the_same_host() {
        let mut one = Vec::new();
        begin(&mut one, 7);
        let (host, target) = (&b"a.example"[..], &b"/a"[..]);
        RequestHead { method: b"GET", host, target, ..RequestHead::default() }.encode(&mut one).unwrap();
        let of = |reference: &str| {
            let key = of_reference(&one, reference.as_bytes())?;
            assert_eq!(tag_of(&key), 7);
            let head = Key::decode(&key).unwrap().head;
            assert_eq!(head.host, host);
            Some(String::from_utf8(head.target.to_vec()).unwrap())
        };
        for (reference, expected) in [
            ("/b?c=d#e", Some("/b?c=d")),
            (" http://A.example/b", Some("/b")),
            ("HTTPS://a.example:8443/b", Some("/b")),
            ("//a.example/b", Some("/b")),
            ("http://b.example/b", None),
            ("http://a.example.evil/b", None),
            ("http://a.examplez/b", None),
            ("http://a.example", None),
            ("http:/", None),
            ("b", None),
            ("", None),
        ] {
            assert_eq!(of(reference).as_deref(), expected, "{reference}");
        }
        assert_eq!(of_reference(b"short", b"/b"), None);
    }

    #[test]
    fn named_cookies_and_parameters_are_all_that_is_left_of_them() {
        let policy = CachePolicy {
            cache_key_cookies: Some(vec!["lang".into()]),
            cache_key_query: Some(vec!["page".into(), "id".into()]),
            ..CachePolicy::default()
        };
        let list = [("Cookie", "session=1; lang=de;xlang=no"), ("Cookie", "lang=en")];
        let (target, fields) = key("/a?utm=1&page=2&x;id=3&id=4&page", &list, &policy);
        assert_eq!((target.as_str(), fields), ("/a?page=2&id=4&page", vec![("Cookie".into(), "lang=de".into())]));
        assert_eq!(key("/a?utm=1", &[], &policy).0, "/a");
    }
}
