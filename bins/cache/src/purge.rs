//! A purge: which kept responses it is about, and how far it has come.

use fosse_caching::Stored;
use fosse_http1::{members, trim};
use fosse_wire::{
    cache::FromCache,
    fields::Fields,
    purge::{self, By},
    request::RequestHead,
};

use crate::{
    fill::{Fill, Waiter},
    key::head_of,
};

/// A purge under way.
#[derive(Debug)]
pub(crate) struct Purge {
    /// The one who is told of its end.
    pub(crate) waiter: Waiter,
    /// It is a lane.
    is_of_lane: bool,
    by: By,
    host: Vec<u8>,
    port: u16,
    text: Vec<u8>,
    /// The place from which on everything is newer than the purge.
    pub(crate) before: u64,
    /// The first place that it has not looked at.
    pub(crate) next: u64,
    /// Kept responses that have gone.
    pub(crate) responses: u64,
}

impl Purge {
    /// Begins one; `before` is the place of the next record.
    pub(crate) fn new(asked: &purge::Purge<'_>, waiter: Waiter, before: u64) -> Self {
        let purge::Purge { by, host, port, text } = *asked;
        let (is_of_lane, host, text) = (false, host.to_vec(), text.to_vec());
        Self { waiter, is_of_lane, by, host, port, text, before, next: 0, responses: 0 }
    }

    /// Begins one of everything, for a lane.
    pub(crate) fn for_lane(waiter: Waiter, before: u64) -> Self {
        let all = purge::Purge { by: By::All, host: b"", port: 0, text: b"" };
        Self { is_of_lane: true, ..Self::new(&all, waiter, before) }
    }

    /// Returns whether it is one of the same lane.
    pub(crate) fn is_of_lane_of(&self, other: &Self) -> bool {
        self.is_of_lane && other.is_of_lane && self.waiter.peer == other.waiter.peer
    }

    /// Returns the word of its end.
    pub(crate) const fn reply(&self) -> FromCache {
        match self.is_of_lane {
            true => FromCache::Forgotten { tag: self.waiter.tag },
            false => FromCache::Purged { tag: self.waiter.tag, responses: self.responses },
        }
    }

    /// Returns host and target, where it is about exactly one.
    pub(crate) fn target(&self) -> Option<(&[u8], &[u8])> {
        (self.by == By::Target).then_some((&self.host, &self.text))
    }

    /// Returns whether it is about all that is kept.
    pub(crate) fn is_of_all(&self) -> bool {
        self.by == By::All && self.host.is_empty()
    }

    /// Returns whether it is about a response that was kept at a place.
    pub(crate) fn has(&self, place: u64, stored: &Stored<'_>) -> bool {
        place < self.before && self.may_have(stored.key) && self.has_tag(stored.fields)
    }

    /// Returns whether it is, or may be, about what is asked for: tags are not known before a head.
    pub(crate) fn may_have_fill(&self, fill: &Fill) -> bool {
        let fields = fill.head.as_ref().map(|head| head.decoded());
        self.may_have(&fill.key) && fields.is_none_or(|fields| self.has_tag(fields))
    }

    /// Returns whether it may be about the response of a key, whatever its tags.
    fn may_have(&self, key: &[u8]) -> bool {
        let head = head_of(key);
        let RequestHead { host, host_port, target, .. } = head;
        let is_of_host = (self.host.is_empty() || self.host == host) && (self.port == 0 || self.port == host_port);
        // Clients know the one, applications the other.
        let targets = [target, head.received_target()];
        is_of_host
            && match self.by {
                By::All | By::Tag => true,
                By::Target => targets.contains(&self.text.as_slice()),
                By::Prefix => targets.iter().any(|target| target.starts_with(&self.text)),
            }
    }

    fn has_tag(&self, fields: Fields<'_>) -> bool {
        self.by != By::Tag || tags(fields).any(|tag| tag == self.text.as_slice())
    }
}

/// Returns the tags of a response: those of Cache-Tag have commas between them, those of
/// Surrogate-Key spaces.
fn tags(fields: Fields<'_>) -> impl Iterator<Item = &[u8]> {
    fields.into_iter().flat_map(|(name, value)| {
        let with_commas = Some(value).filter(|_| name.eq_ignore_ascii_case(b"cache-tag"));
        let with_spaces = Some(value).filter(|_| name.eq_ignore_ascii_case(b"surrogate-key"));
        let spaced = with_spaces.into_iter().flat_map(|value| value.split(|byte| *byte == b' ').map(trim));
        with_commas.into_iter().flat_map(members).chain(spaced)
    })
}

#[cfg(test)]
mod tests {
    use fosse_eventloop::slab::Key;
    use fosse_wire::cursor::Cursor;

    use super::*;

    fn purge(by: By, host: &'static str, port: u16, text: &'static str) -> Purge {
        let waiter = Waiter { peer: Key::of_token(0).1, tag: 1, way: fosse_wire::cache::Way::None };
        let asked = purge::Purge { by, host: host.as_bytes(), port, text: text.as_bytes() };
        asked.check().unwrap();
        Purge::new(&asked, waiter, 10)
    }

    fn has(purge: &Purge, place: u64, (target, received): (&str, &str), list: &[(&str, &str)]) -> bool {
        let mut key = 7_u64.to_le_bytes().to_vec();
        let (target, received) = (target.as_bytes(), received.as_bytes());
        RequestHead { method: b"GET", host: b"a.example", host_port: 8080, target, received, ..RequestHead::default() }
            .encode(&mut key)
            .unwrap();
        let mut fields = Vec::new();
        fosse_wire::fields::put(&mut fields, list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
            .unwrap();
        let fields = Fields::decode(&mut Cursor::new(&fields)).unwrap();
        purge.has(place, &Stored { key: &key, fields, ..Stored::default() })
    }

    #[test]
    fn a_url_is_that_of_the_client_or_of_the_application_and_of_a_port_where_it_has_one() {
        let target = ("/x?y", "/api/x?y");
        for (host, port, text, expected) in [
            ("a.example", 0, "/x?y", true),
            ("a.example", 8080, "/api/x?y", true),
            ("a.example", 80, "/x?y", false),
            ("b.example", 0, "/x?y", false),
            ("a.example", 0, "/x", false),
            ("a.example", 0, "/X?y", false),
        ] {
            assert_eq!(has(&purge(By::Target, host, port, text), 9, target, &[]), expected, "{host} {port} {text}");
        }
        for (text, expected) in [("/", true), ("/api/", true), ("/x?", true), ("/y", false)] {
            assert_eq!(has(&purge(By::Prefix, "a.example", 0, text), 9, target, &[]), expected, "{text}");
        }
    }

    #[test]
    fn tags_are_whole_words_of_either_field() {
        let fields = [("Cache-Tag", "a, b c,d"), ("surrogate-key", "e f"), ("Surrogate-Key", "g"), ("X-Tag", "h")];
        for (tag, expected) in
            [("a", true), ("d", true), ("e", true), ("f", true), ("g", true), ("b", false), ("h", false), ("A", false)]
        {
            assert_eq!(has(&purge(By::Tag, "", 0, tag), 9, ("/", ""), &fields), expected, "{tag}");
        }
        assert!(!has(&purge(By::Tag, "b.example", 0, "a"), 9, ("/", ""), &fields));
    }

    #[test]
    fn what_was_kept_after_it_had_begun_stays() {
        let all = purge(By::All, "", 0, "");
        assert!(has(&all, 9, ("/", ""), &[]) && !has(&all, 10, ("/", ""), &[]));
    }
}
