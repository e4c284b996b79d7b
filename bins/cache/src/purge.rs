//! A purge: which kept responses it is about, and how far it has come.

use fosse_caching::Stored;
use fosse_wire::{
    cache::FromCache,
    fields::Fields,
    purge::{self, By},
    request::RequestHead,
};

use crate::{
    about::{self, head_of},
    disk::{About, of_tag, of_target},
    fill::{Fill, Waiter},
};

/// A kept response: by its place in the memory, or its number on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Memory(u64),
    Disk(u64),
}

/// The subjects of responses on the disk that a purge may be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sieve {
    host: Option<u32>,
    target: Option<u64>,
    marks: u64,
    /// It says all: the response need not be read.
    pub(crate) is_enough: bool,
}

impl Sieve {
    /// Returns whether a purge may be about a response.
    pub(crate) fn may_be(&self, about: &About) -> bool {
        let (of_application, of_client) = about.targets;
        self.host.is_none_or(|host| about.host == host)
            && self.target.is_none_or(|target| [of_application, of_client].contains(&target))
            && about.marks & self.marks == self.marks
    }
}

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
    /// The place in the memory and the number on the disk from which on everything is newer than
    /// the purge.
    pub(crate) before: (u64, u64),
    /// The first ones that it has not looked at.
    pub(crate) next: (u64, u64),
    /// It has looked at the whole memory.
    pub(crate) is_through_memory: bool,
    /// Kept responses that have gone.
    pub(crate) responses: u64,
}

impl Purge {
    /// Begins one; `before` is place and number of what is kept next.
    pub(crate) fn new(asked: &purge::Purge<'_>, waiter: Waiter, before: (u64, u64)) -> Self {
        let purge::Purge { by, host, port, text } = *asked;
        let (is_of_lane, host, text, next) = (false, host.to_vec(), text.to_vec(), (0, 0));
        Self { waiter, is_of_lane, by, host, port, text, before, next, is_through_memory: false, responses: 0 }
    }

    /// Begins one of everything, for a lane.
    pub(crate) fn for_lane(waiter: Waiter, before: (u64, u64)) -> Self {
        let all = purge::Purge { by: By::All, host: b"", port: 0, text: b"" };
        Self { is_of_lane: true, ..Self::new(&all, waiter, before) }
    }

    /// Returns whether it is one of the same lane.
    pub(crate) fn is_of_lane_of(&self, other: &Self) -> bool {
        self.is_of_lane && other.is_of_lane && self.waiter.peer == other.waiter.peer
    }

    /// Returns the word of its end. `is_partial`: the disk could not be written.
    pub(crate) const fn reply(&self, is_partial: bool) -> FromCache {
        let Self { waiter: Waiter { tag, .. }, responses, .. } = *self;
        match self.is_of_lane {
            true => FromCache::Forgotten { tag },
            false => FromCache::Purged { tag, responses, is_partial },
        }
    }

    /// Returns what a response on the disk has to be about.
    pub(crate) fn sieve(&self, keys: about::Keys) -> Sieve {
        let marks = match self.by {
            By::All | By::Target => 0,
            By::Tag => of_tag(keys, &self.text),
            By::Prefix => of_target(keys, &self.text),
        };
        Sieve {
            host: (!self.host.is_empty()).then(|| about::host(keys, &self.host)),
            target: self.target().map(|(host, target)| about::target(keys, host, target)),
            marks,
            is_enough: self.is_of_all(),
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

    /// Returns whether it is about a response that was kept there.
    pub(crate) fn has(&self, at: At, stored: &Stored<'_>) -> bool {
        let is_older = match at {
            At::Memory(place) => place < self.before.0,
            At::Disk(number) => number < self.before.1,
        };
        is_older && self.may_have(stored.key) && self.has_tag(stored.fields)
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
        self.by != By::Tag || about::tags(fields).any(|tag| tag == self.text.as_slice())
    }
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
        Purge::new(&asked, waiter, (10, 20))
    }

    fn has(purge: &Purge, place: u64, (target, received): (&str, &str), list: &[(&str, &str)]) -> bool {
        let mut key = Vec::new();
        fosse_wire::cache::key::begin(&mut key, 7);
        let (target, received) = (target.as_bytes(), received.as_bytes());
        RequestHead { method: b"GET", host: b"a.example", host_port: 8080, target, received, ..RequestHead::default() }
            .encode(&mut key)
            .unwrap();
        let mut fields = Vec::new();
        fosse_wire::fields::put(&mut fields, list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
            .unwrap();
        let fields = Fields::decode(&mut Cursor::new(&fields)).unwrap();
        purge.has(At::Memory(place), &Stored { key: &key, fields, ..Stored::default() })
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
