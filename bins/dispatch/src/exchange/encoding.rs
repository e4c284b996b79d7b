//! Whether the body of a response is encoded on its way to the client, and in which coding. Decided
//! once, here: encode does it, and parse learns of it by the way that the response comes.

use std::borrow::Cow;

use fosse_http1::{AcceptEncoding, Field, members, trim};
use fosse_settings::{Coding, Compress};
use fosse_wire::{
    encode,
    request::{BodyLength, RequestHead, Version},
};

use crate::policies::Policy;

/// Media types of which a response is the same for everybody, whatever it is asked with: others may
/// have a secret in them.
const WITHOUT_SECRETS: [&str; 6] = [
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "application/wasm",
    "image/svg+xml",
];
/// Kinds of which the same holds.
const KINDS_WITHOUT_SECRETS: [&str; 2] = ["image/", "font/"];

/// The codings that a request lets the body of its response have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing: its policy does not ask for it.
    #[default]
    Nothing,
    /// Its client takes no coding, but others do.
    Identity,
    /// The coding with this place in the policy's list.
    Coded {
        place: u8,
        /// It carries a secret, and a text that somebody else may have chosen.
        mixes: bool,
    },
}

impl Wanted {
    /// Returns what a request of a policy wants.
    pub(crate) fn of(head: &RequestHead<'_>, policy: &Policy) -> Self {
        let Some(compress) = &policy.settings.compress else { return Self::Nothing };
        // A body without length ends an HTTP/1.0 connection, and what is cut looks whole to some.
        let coding = if head.version == Version::Http10 { None } else { accepted(head, compress) };
        match coding {
            Some(place) => Self::Coded { place, mixes: mixes(head) },
            None => Self::Identity,
        }
    }

    /// Returns whether its client may hold an encoded response, whose ETag is weak.
    pub(crate) const fn is_coded(self) -> bool {
        matches!(self, Self::Coded { .. })
    }
}

/// Returns the place of the coding that the client likes most, of those it likes as much the first.
fn accepted(head: &RequestHead<'_>, compress: &Compress) -> Option<u8> {
    let accepts = AcceptEncoding::of(head.fields.all(b"accept-encoding"));
    let offered: Vec<(u8, Coding)> = (0..).zip(compress.compress.iter().map(|(coding, _)| *coding)).collect();
    let accepted = accepts.accepted(&offered, |(_, coding)| match coding {
        Coding::Brotli => &["br"],
        Coding::Zstd => &["zstd"],
        Coding::Gzip => &["gzip", "x-gzip"],
    });
    accepted.first().map(|(place, _)| *place)
}

/// Returns whether a request proves who sent it, and brings along a text that the response may show
/// again.
fn mixes(head: &RequestHead<'_>) -> bool {
    let has = |name| head.fields.has(name);
    let has_text = head.body != BodyLength::None || head.received_target().contains(&b'?');
    has_text && (has(b"cookie") || has(b"authorization"))
}

/// The changes that the coding of a response, or of others to the same request, make to its head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selected {
    /// The coding in which it is sent differs by client.
    pub(crate) varies: bool,
    /// Its ETag is that of a response which may have been encoded.
    pub(crate) weakens: bool,
}

impl Selected {
    /// Returns the value that a field of the response gets. After a Vary it needs no other.
    pub(crate) fn changed<'a>(&mut self, field: &Field<'a>) -> Cow<'a, [u8]> {
        if self.varies && field.is("vary") {
            self.varies = false;
            return with_accept_encoding(field.value);
        }
        if self.weakens && field.is("etag") && field.value.starts_with(b"\"") {
            return Cow::Owned([b"W/", field.value].concat());
        }
        Cow::Borrowed(field.value)
    }
}

/// The coding and the level of a response that is encoded.
pub(crate) type Chosen = (encode::Coding, u8);

/// Decides about a response with this status and these fields; of several types the first counts.
/// Returns what its head gets, and the coding and level where it is encoded. `body` is its length
/// as the client would be told it.
pub(crate) fn select<'a>(
    wanted: Wanted,
    policy: &Policy,
    (status, fields): (u16, impl Iterator<Item = Field<'a>> + Clone),
    body: BodyLength,
) -> (Selected, Option<Chosen>) {
    let Some(compress) = policy.settings.compress.as_ref().filter(|_| wanted != Wanted::Nothing) else {
        return (Selected::default(), None);
    };
    if status == 304 {
        // It stands for one that is here no more, and mostly does not say its type.
        let may_be = media_type(fields).is_none_or(|of| is_one_of(of, &compress.compress_types));
        return (Selected { varies: may_be, weakens: may_be && wanted.is_coded() }, None);
    }
    let Some(media_type) = encodable_type(status, fields, body, compress) else { return (Selected::default(), None) };
    let selected = Selected { varies: true, weakens: false };
    let Wanted::Coded { place, mixes } = wanted else { return (selected, None) };
    if mixes && !compress.compress_secrets && may_have_secrets(media_type) {
        return (selected, None);
    }
    let coding = compress.compress.get(usize::from(place)).map(|(coding, level)| (on_the_ring(*coding), *level));
    (selected, coding)
}

/// Returns the media type of a response that may be encoded, whatever its client accepts.
fn encodable_type<'a>(
    status: u16,
    fields: impl Iterator<Item = Field<'a>> + Clone,
    body: BodyLength,
    compress: &Compress,
) -> Option<&'a [u8]> {
    let is_short = matches!(body, BodyLength::Exact(length) if length < u64::from(compress.compress_bytes_min));
    let values = |name| fields.clone().filter(move |field| field.is(name)).map(|field| field.value);
    let is_coded = values("content-encoding").flat_map(members).any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    let no_transform = values("cache-control").flat_map(members).any(|one| one.eq_ignore_ascii_case(b"no-transform"));
    let is_whole = !matches!(status, 204..=206) && values("content-range").next().is_none();
    let media_type = media_type(fields.clone()).filter(|of| is_one_of(of, &compress.compress_types))?;
    (is_whole && !is_short && !is_coded && !no_transform).then_some(media_type)
}

/// Returns the media type, without parameters.
fn media_type<'a>(mut fields: impl Iterator<Item = Field<'a>>) -> Option<&'a [u8]> {
    let field = fields.find(|field| field.is("content-type"))?;
    field.value.split(|byte| *byte == b';').next().map(trim)
}

fn is_one_of(media_type: &[u8], patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => ends_with(media_type, end.as_bytes()),
        (None, Some(kind)) => begins_with(media_type, kind.as_bytes()),
        (None, None) => media_type.eq_ignore_ascii_case(pattern.as_bytes()),
    })
}

fn begins_with(text: &[u8], begin: &[u8]) -> bool {
    text.get(..begin.len()).is_some_and(|part| part.eq_ignore_ascii_case(begin))
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let at = text.len().checked_sub(end.len());
    at.is_some_and(|at| text[at..].eq_ignore_ascii_case(end))
}

fn may_have_secrets(media_type: &[u8]) -> bool {
    let is_public = WITHOUT_SECRETS.iter().any(|one| media_type.eq_ignore_ascii_case(one.as_bytes()))
        || KINDS_WITHOUT_SECRETS.iter().any(|kind| begins_with(media_type, kind.as_bytes()));
    !is_public
}

const fn on_the_ring(coding: Coding) -> encode::Coding {
    match coding {
        Coding::Brotli => encode::Coding::Brotli,
        Coding::Zstd => encode::Coding::Zstd,
        Coding::Gzip => encode::Coding::Gzip,
    }
}

/// The name that Vary has where codings differ by client.
pub(crate) const ACCEPT_ENCODING: &[u8] = b"Accept-Encoding";

/// Returns the value of a Vary with Accept-Encoding in it (RFC 9110, section 12.5.5).
fn with_accept_encoding(value: &[u8]) -> Cow<'_, [u8]> {
    let has = members(value).any(|name| name == b"*" || name.eq_ignore_ascii_case(ACCEPT_ENCODING));
    let is_empty = members(value).next().is_none();
    match (has, is_empty) {
        (true, _) => Cow::Borrowed(value),
        (false, true) => Cow::Borrowed(ACCEPT_ENCODING),
        (false, false) => Cow::Owned([value, b", ", ACCEPT_ENCODING].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_http1::{HeadLimits, ResponseHead};
    use fosse_settings::DispatchPolicy;
    use fosse_wire::{cursor::Cursor, fields};

    fn policy(secrets: bool) -> Policy {
        let compress = Compress {
            compress: vec![(Coding::Zstd, 3), (Coding::Brotli, 4), (Coding::Gzip, 5)],
            compress_types: vec!["text/*".into(), "application/javascript".into(), "*+json".into()],
            compress_bytes_min: 1000,
            compress_secrets: secrets,
        };
        Policy::from(DispatchPolicy { compress: Some(compress), ..DispatchPolicy::default() })
    }

    fn wanted(policy: &Policy, list: &[(&str, &str)], target: &str) -> Wanted {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).unwrap();
        let fields = fields::Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        let head = RequestHead { method: b"GET", target: target.as_bytes(), fields, ..RequestHead::default() };
        Wanted::of(&head, policy)
    }

    /// The decision about a response with these lines.
    fn selected(wanted: Wanted, policy: &Policy, lines: &str) -> (Selected, Option<&'static str>) {
        let text = format!("HTTP/1.1 {lines}\r\n");
        let head = ResponseHead::parse(text.as_bytes(), false, &HeadLimits::DEFAULT).unwrap();
        let length = head.announced.map_or(BodyLength::Chunked, BodyLength::Exact);
        let (selected, coding) = select(wanted, policy, (head.status, head.fields.iter()), length);
        (selected, coding.map(|(coding, _)| coding.name()))
    }

    const PAGE: &str = "200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 1000\r\n";

    #[test]
    fn clients_get_what_they_like_most_and_of_that_what_the_site_does() {
        let policy = policy(false);
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("gzip, br", Some("br")),
            ("gzip;q=0.9, br;q=0.8", Some("gzip")),
            ("*", Some("zstd")),
            ("*;q=0.5, zstd;q=0", Some("br")),
            ("identity;q=0, gzip;q=0.1", Some("gzip")),
            ("identity, gzip;q=0.5", None),
            ("deflate", None),
        ] {
            let wanted = wanted(&policy, &[("Accept-Encoding", accept)], "/");
            let varies = Selected { varies: true, weakens: false };
            assert_eq!(selected(wanted, &policy, PAGE), (varies, expected), "{accept}");
        }
        let old = RequestHead { version: Version::Http10, method: b"GET", target: b"/", ..RequestHead::default() };
        assert_eq!(Wanted::of(&old, &policy), Wanted::Identity);
        assert_eq!(Wanted::of(&old, &Policy::default()), Wanted::Nothing);
    }

    #[test]
    fn what_is_short_coded_partial_or_not_to_be_transformed_stays_as_it_is() {
        let policy = policy(false);
        let wanted = wanted(&policy, &[("Accept-Encoding", "gzip")], "/");
        let none = (Selected::default(), None);
        for lines in [
            "200 OK\r\nContent-Type: text/html\r\nContent-Length: 999\r\n",
            "200 OK\r\nContent-Type: image/png\r\nContent-Length: 5000\r\n",
            "200 OK\r\nContent-Length: 5000\r\n",
            "200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br\r\nContent-Length: 5000\r\n",
            "200 OK\r\nContent-Type: text/html\r\nCache-Control: public, No-Transform\r\nContent-Length: 5000\r\n",
            "206 P\r\nContent-Type: text/html\r\nContent-Range: bytes 0-4999/9000\r\nContent-Length: 5000\r\n",
            "204 N\r\nContent-Type: text/html\r\n",
        ] {
            assert_eq!(selected(wanted, &policy, lines), none, "{lines}");
        }
        for lines in [
            "404 N\r\nContent-Type: text/html\r\nContent-Encoding: identity\r\nContent-Length: 5000\r\n",
            "200 OK\r\nContent-Type: Application/Problem+JSON\r\n",
        ] {
            assert_eq!(selected(wanted, &policy, lines).1, Some("gzip"), "{lines}");
        }
    }

    #[test]
    fn a_page_that_may_mix_a_secret_with_a_strangers_text_is_encoded_only_where_that_is_asked_for() {
        let accepts = ("Accept-Encoding", "gzip");
        let script = "200 OK\r\nContent-Type: application/javascript\r\nContent-Length: 5000\r\n";
        for (field, target, mixes) in [
            (("Cookie", "a=b"), "/?q=x", true),
            (("Authorization", "Basic x"), "/?q=x", true),
            (("Cookie", "a=b"), "/", false),
            (("X-A", "a=b"), "/?q=x", false),
        ] {
            for secrets in [false, true] {
                let policy = policy(secrets);
                let wanted = wanted(&policy, &[accepts, field], target);
                let expected = if mixes && !secrets { None } else { Some("gzip") };
                assert_eq!(selected(wanted, &policy, PAGE).1, expected, "{field:?} {target}");
                assert!(selected(wanted, &policy, PAGE).0.varies);
                assert_eq!(selected(wanted, &policy, script).1, Some("gzip"), "it is the same for everybody");
            }
        }
        let policy = policy(false);
        let mut bytes = Vec::new();
        fields::put(&mut bytes, [(&b"Cookie"[..], &b"a=b"[..]), (b"Accept-Encoding", b"gzip")]).unwrap();
        let fields = fields::Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        let post = RequestHead { body: BodyLength::Exact(3), target: b"/", fields, ..RequestHead::default() };
        assert_eq!(Wanted::of(&post, &policy), Wanted::Coded { place: 2, mixes: true });
    }

    #[test]
    fn not_modified_stands_for_a_response_whose_etag_was_weak() {
        let policy = policy(false);
        let lines = "304 N\r\nETag: \"x\"\r\n";
        let both = Selected { varies: true, weakens: true };
        assert_eq!(selected(wanted(&policy, &[("Accept-Encoding", "gzip")], "/"), &policy, lines), (both, None));
        let varies = Selected { varies: true, weakens: false };
        assert_eq!(selected(wanted(&policy, &[], "/"), &policy, lines), (varies, None));
        let image = "304 N\r\nETag: \"x\"\r\nContent-Type: image/png\r\n";
        assert_eq!(selected(wanted(&policy, &[], "/"), &policy, image), (Selected::default(), None));
    }
}
