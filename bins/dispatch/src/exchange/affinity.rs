//! Affinity in requests and responses: the key or the cookie that a request brings, and the cookie
//! of the edge, which the application does not see.

use fosse_http1::same_name;
use fosse_settings::{Backend, Balance, HashBy};
use fosse_source::Source;
use fosse_wire::request::RequestHead;

use crate::upstream::affinity::{Affinity, key};

/// Returns the claim of a request to a server of `backend`.
pub(super) fn of(head: &RequestHead<'_>, source: Source, backend: &Backend) -> Affinity {
    let cookie = match backend.sticky_cookie.as_str() {
        "" => None,
        name => cookies(head, name.as_bytes()).find_map(read_id),
    };
    let key = match backend.balance {
        Balance::Hash => key_of(head, source, &backend.hash_by),
        Balance::RoundRobin | Balance::LeastConnections => None,
    };
    Affinity { cookie, key }
}

fn key_of(head: &RequestHead<'_>, source: Source, hash_by: &HashBy) -> Option<u64> {
    match hash_by {
        HashBy::Source => Some(key(&source.word().to_le_bytes())),
        HashBy::Path => head.target.split(|byte| *byte == b'?').next().map(key),
        HashBy::Header(name) => {
            let mut fields = head.fields.into_iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
            fields.next().map(|(_, value)| key(value))
        }
        HashBy::Cookie(name) => cookies(head, name.as_bytes()).next().map(key),
    }
}

/// Returns the values of the cookies of that name.
fn cookies<'a>(head: &RequestHead<'a>, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let pairs = head.fields.all(b"cookie").flat_map(|field| field.split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| value_of(pair, name))
}

/// Returns the value of a pair of a Cookie field, if it is of that cookie.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    pair.trim_ascii().strip_prefix(name)?.strip_prefix(b"=")
}

/// Returns the value of a Cookie field without the edge's own cookie, empty where nothing is left;
/// `None` where it does not have it, and for all other fields.
pub(super) fn without_own(name: &[u8], value: &[u8], backend: &Backend) -> Option<Vec<u8>> {
    if backend.sticky_cookie.is_empty() || !same_name(name, b"cookie") {
        return None;
    }
    let own = backend.sticky_cookie.as_bytes();
    let pairs = || value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    if !pairs().any(|pair| value_of(pair, own).is_some()) {
        return None;
    }
    let left: Vec<&[u8]> = pairs().filter(|pair| value_of(pair, own).is_none()).collect();
    Some(left.join(&b"; "[..]))
}

/// Returns the value of Set-Cookie with which a client finds its server again.
pub(super) fn set_cookie(name: &str, server_id: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={server_id:016x}; Path=/; HttpOnly; SameSite=Lax{secure}")
}

fn read_id(value: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(value).ok()?;
    // As it is written, and no sign.
    let written = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    written.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use fosse_wire::{cursor::Cursor, fields};

    use super::*;

    fn affinity(list: &[(&[u8], &[u8])], backend: &Backend) -> Affinity {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, list.iter().copied()).unwrap();
        let fields = fields::Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        of(&RequestHead { target: b"/a/b?c", fields, ..RequestHead::default() }, Source::LOCAL, backend)
    }

    #[test]
    fn the_cookie_is_that_of_the_backend_as_the_edge_writes_it() {
        let backend = Backend { sticky_cookie: "srv".into(), ..Backend::default() };
        let cookie = |value: &[u8]| affinity(&[(b"Cookie", value)], &backend).cookie;
        let written = set_cookie("srv", 0xab, true);
        assert_eq!(written, "srv=00000000000000ab; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(cookie(b"a=1;srv=00000000000000ab ; b=2"), Some(0xab));
        assert_eq!(affinity(&[(b"cookie", b"a=1"), (b"COOKIE", b"srv=00000000000000ab")], &backend).cookie, Some(0xab));
        assert_eq!(cookie(b"srv=x; srv=00000000000000ab"), Some(0xab), "one that says nothing hides none");
        for none in [
            &b"Srv=00000000000000ab"[..],
            b"xsrv=00000000000000ab",
            b"srv=ab",
            b"srv=+0000000000000ab",
            b"srv=00000000000000AB",
        ] {
            assert_eq!(cookie(none), None, "{}", none.escape_ascii());
        }
        assert_eq!(affinity(&[(b"Cookie", b"srv=00000000000000ab")], &Backend::default()), Affinity::default());
    }

    #[test]
    fn the_key_is_what_hash_by_names() {
        let by = |hash_by| Backend { balance: Balance::Hash, hash_by, ..Backend::default() };
        let list: [(&[u8], &[u8]); 2] = [(b"X-User", b"7"), (b"Cookie", b"a=1; id=x=y")];
        let keys = |hash_by| affinity(&list, &by(hash_by)).key;
        assert_eq!(keys(HashBy::Path), Some(key(b"/a/b")));
        assert_eq!(keys(HashBy::Header("x-user".into())), Some(key(b"7")));
        assert_eq!(keys(HashBy::Cookie("id".into())), Some(key(b"x=y")));
        assert!(keys(HashBy::Source).is_some());
        assert_eq!((keys(HashBy::Header("x-other".into())), keys(HashBy::Cookie("none".into()))), (None, None));
    }

    #[test]
    fn the_application_gets_the_other_cookies() {
        let cases: [(&[u8], Option<&[u8]>); 6] = [
            (b"a=1; b=2", None),
            (b"srv2=1; xsrv=2", None),
            (b"srv=1", Some(b"")),
            (b"a=1; srv=1; b=2", Some(b"a=1; b=2")),
            (b"srv=1;a=1 ;  srv=2", Some(b"a=1")),
            (b"srv=", Some(b"")),
        ];
        let backend = Backend { sticky_cookie: "srv".into(), ..Backend::default() };
        for (field, expected) in cases {
            assert_eq!(without_own(b"cookie", field, &backend).as_deref(), expected, "{}", field.escape_ascii());
        }
        assert_eq!(without_own(b"X-Cookie", b"srv=1", &backend), None);
        assert_eq!(without_own(b"Cookie", b"srv=1", &Backend::default()), None);
    }
}
