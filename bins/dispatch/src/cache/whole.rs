//! Requests with which an application may be asked as they are for what others get too.
//!
//! A shared cache passes a client's request on and keeps the response for everybody. What of the
//! request is not in the key must not change what others get, and nobody but the application knows
//! what does. So a request goes on whole only where nothing in it is known to steer applications:
//! what names another host, path, method, scheme, client or coding, and all that is private to
//! proxies and frameworks. For any other request the application is asked with the key alone.

use fosse_settings::CachePolicy;
use fosse_wire::{WireError, fields::Fields, request::RequestHead};

use super::key;

/// Bytes of the name of a field that is looked at: no usual one is longer.
const NAME_BYTES_MAX: usize = 64;

/// The beginnings of names of fields that proxies and frameworks have made up, and those of a body,
/// which a GET has none of.
const STEERING_PREFIXES: [&[u8]; 9] =
    [b"x-", b"cf-", b"fastly-", b"akamai-", b"cloudfront-", b"http-", b"proxy-", b"surrogate-", b"content-"];

/// Parts of names of fields that say what stands in the request line, the Host field or the address
/// of the client.
const STEERING_PARTS: [&[u8]; 8] = [b"host", b"url", b"uri", b"forward", b"override", b"rewrite", b"scheme", b"proto"];

/// Names of others: of CORS, of WebDAV, of intermediaries, and those by which a client gets a part.
const STEERING_NAMES: [&[u8]; 15] = [
    b"origin",
    b"from",
    b"destination",
    b"translate",
    b"depth",
    b"via",
    b"te",
    b"expect",
    b"redirect",
    b"profile",
    b"front-end-https",
    b"range",
    b"if-range",
    b"cookie",
    b"authorization",
];

/// Fields that say what a client has, or wants of caches: they are nothing to ask for others with.
const OWN_NAMES: [&[u8]; 6] =
    [b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"cache-control", b"pragma"];

/// Returns whether the application may be asked with a request as it is: what it has besides its
/// key steers none, and what stands in the key stands there as it is in the request. `varied` are
/// the fields of the key's variant.
pub(super) fn may_lead(head: &RequestHead<'_>, policy: &CachePolicy, varied: Fields<'_>) -> bool {
    let is_usual = |(name, _): (&[u8], &[u8])| {
        let is_in_key = key::has_field(policy, name) || varied.has(name);
        if name.eq_ignore_ascii_case(b"accept-encoding") {
            return is_in_key;
        }
        // Of cookies some are in the key.
        is_in_key && !name.eq_ignore_ascii_case(b"cookie") || !steers(name)
    };
    !policy.cache_key_only
        && head.method == b"GET"
        && (policy.cache_key_query.is_none() || !head.target.contains(&b'?'))
        && key::has_usual_codings(head.fields)
        && head.fields.into_iter().all(is_usual)
}

/// Writes the fields of a request besides those of its key.
///
/// # Errors
/// [`WireError::Field`] where they are too many.
pub(super) fn more(
    out: &mut Vec<u8>,
    fields: Fields<'_>,
    (policy, varied): (&CachePolicy, Fields<'_>),
) -> Result<(), WireError> {
    let is_own = |name: &[u8]| OWN_NAMES.iter().any(|own| name.eq_ignore_ascii_case(own));
    let is_more = |(name, _): &(&[u8], &[u8])| !key::has_field(policy, name) && !varied.has(name) && !is_own(name);
    fosse_wire::fields::put(out, fields.into_iter().filter(is_more))
}

/// Returns whether a field is known to steer applications.
fn steers(name: &[u8]) -> bool {
    let mut lower = [0; NAME_BYTES_MAX];
    let Some(lower) = lower.get_mut(..name.len()) else { return true };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let name: &[u8] = lower;
    STEERING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name.ends_with(b"-ip")
        || STEERING_NAMES.contains(&name)
        || STEERING_PARTS.iter().any(|part| name.windows(part.len()).any(|window| window == *part))
}

#[cfg(test)]
mod tests {
    use fosse_wire::{cursor::Cursor, fields};

    use super::*;

    fn leads(target: &str, list: &[(&str, &str)], policy: &CachePolicy) -> bool {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).unwrap();
        let fields = Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        let head = RequestHead { method: b"GET", target: target.as_bytes(), fields, ..Default::default() };
        may_lead(&head, policy, Fields::default())
    }

    fn usual() -> CachePolicy {
        CachePolicy { cache_key_headers: vec!["accept-encoding".into()], ..CachePolicy::default() }
    }

    #[test]
    fn what_browsers_send_by_themselves_goes_on_as_it_is() {
        let list = [
            ("Host", "a.example"),
            ("User-Agent", "Mozilla/5.0"),
            ("Accept", "text/html,*/*;q=0.8"),
            ("Accept-Language", "de,en;q=0.5"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("Referer", "https://a.example/"),
            ("Upgrade-Insecure-Requests", "1"),
            ("Sec-Fetch-Dest", "document"),
            ("Sec-CH-UA-Platform", "\"Linux\""),
            ("DNT", "1"),
            ("Priority", "u=0, i"),
            ("If-None-Match", "\"a\""),
            ("Cache-Control", "max-age=0"),
        ];
        assert!(leads("/a?b=c", &list, &usual()));
        assert!(!leads("/a", &list, &CachePolicy { cache_key_only: true, ..usual() }));
    }

    #[test]
    fn what_steers_applications_does_not() {
        for name in [
            "X-Forwarded-Host",
            "X-HTTP-Method-Override",
            "x-original-url",
            "X-Anything",
            "Forwarded",
            "Origin",
            "Via",
            "True-Client-IP",
            "CF-Connecting-IP",
            "Fastly-Host",
            "Base-Url",
            "Request-Uri",
            "Proxy-Host",
            "Real-Ip",
            "Front-End-Https",
            "Content-Type",
            "Range",
            "If-Range",
            "Cookie",
            "Authorization",
            "TE",
            "Zuul-Host",
            "Content-Encoding",
            "Destination",
            "Http-Host",
            "Url-Scheme",
        ] {
            assert!(!leads("/a", &[(name, "1")], &usual()), "{name}");
        }
        assert!(!leads("/a", &[(&"a".repeat(NAME_BYTES_MAX + 1), "1")], &usual()));
    }

    #[test]
    fn what_is_in_the_key_may_stand_there_as_it_is_in_the_request_alone() {
        let by_tenant = CachePolicy { cache_key_headers: vec!["x-tenant".into()], ..CachePolicy::default() };
        assert!(leads("/a", &[("X-Tenant", "1")], &by_tenant));
        assert!(!leads("/a", &[("Accept-Encoding", "gzip")], &by_tenant));
        let some = CachePolicy { cache_key_cookies: Some(vec!["lang".into()]), ..usual() };
        assert!(!leads("/a", &[("Cookie", "lang=de; session=1")], &some) && leads("/a", &[], &some));
        let of_page = CachePolicy { cache_key_query: Some(vec!["page".into()]), ..usual() };
        assert!(!leads("/a?page=1&utm=2", &[], &of_page) && leads("/a", &[], &of_page));
        assert!(!leads("/a", &[("Accept-Encoding", "gzip, x-evil")], &usual()));
        assert!(leads("/a", &[("Accept-Encoding", "GZIP;q=0.5, identity, *;q=0")], &usual()));
        let authorized = CachePolicy { cache_authorized: true, ..usual() };
        assert!(leads("/a", &[("Authorization", "Basic YQ==")], &authorized));
    }

    #[test]
    fn what_its_response_varies_by_is_in_the_key_of_its_variant() {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, [(&b"x-tenant"[..], &b"1"[..])]).unwrap();
        let varied = Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        let head = RequestHead { method: b"GET", target: b"/a", fields: varied, ..Default::default() };
        assert!(may_lead(&head, &usual(), varied) && !may_lead(&head, &usual(), Fields::default()));
        let left = |varied| {
            let mut out = Vec::new();
            more(&mut out, head.fields, (&usual(), varied)).unwrap();
            out.len()
        };
        assert!(left(varied) < left(Fields::default()));
    }
}
