//! Purges through memory and disk, and what a disk has for who takes it over.

use std::os::fd::OwnedFd;
use std::time::Instant;

use fosse_eventloop::slab::Key;
use fosse_sys::page::Page;
use fosse_wire::purge::{By, Purge as Asked};

use super::*;
use crate::{
    disk::{Disk, Keys},
    fill::Waiter,
    purge::Purge,
};

/// A store with `count` responses, of which every third is of another host.
fn store(count: usize) -> Store {
    let bytes = u64::try_from(count).unwrap() * 1100 + (16 << 20);
    let memory = fosse_sys::memfd::page("memory", bytes).unwrap();
    let page = Page::map_of(&memory, usize::try_from(bytes).unwrap()).unwrap();
    let mut store = Store::new(Writer::open(page, (1, 2)), None);
    for n in 0..count {
        let mut key = Vec::new();
        fosse_wire::cache::key::begin(&mut key, 0);
        let (host, target) = (if n % 3 == 0 { "b" } else { "a" }, format!("/{n}"));
        let head =
            RequestHead { method: b"GET", host: host.as_bytes(), target: target.as_bytes(), ..RequestHead::default() };
        head.encode(&mut key).unwrap();
        let hash = store.hash(&key);
        assert!(store.put(hash, &Stored { status: 200, key: &key, body: b"body", ..Stored::default() }).0.is_some());
    }
    store
}

fn purge(store: &mut Store, by: By, host: &str, text: &str) -> Purge {
    let waiter = Waiter { peer: Key::of_token(0).1, tag: 1, way: fosse_wire::cache::Way::None };
    Purge::new(&Asked { by, host: host.as_bytes(), port: 0, text: text.as_bytes() }, waiter, store.next())
}

#[test]
fn a_purge_looks_at_so_many_responses_a_turn_and_no_more() {
    for (by, host, text, kept, turns) in [
        (By::All, "", "", 0, 10),
        (By::All, "a", "", 334, 10),
        (By::Tag, "", "none", 1000, 10),
        (By::Prefix, "a", "/99", 994, 10),
        (By::Target, "a", "/7", 999, 0),
        (By::Target, "a", "/6", 1000, 0),
    ] {
        let mut store = store(1000);
        let mut purge = purge(&mut store, by, host, text);
        let mut seen = 0;
        while !store.purge(&mut purge, 100) {
            seen += 1;
            assert!(purge.responses <= seen * 100);
        }
        assert_eq!((store.len(), seen), (kept, turns), "{by:?} {host} {text}");
        assert_eq!(usize::try_from(purge.responses).unwrap(), 1000 - kept);
    }
}

#[test]
#[ignore = "a measurement"]
fn how_long_a_turn_of_a_purge_of_a_million_takes() {
    use crate::limits::PURGE_TURN_RESPONSES_MAX;
    for (by, host, text) in [(By::Tag, "", "none"), (By::Prefix, "a", "/9"), (By::All, "", "")] {
        let mut store = store(1_000_000);
        let mut purge = purge(&mut store, by, host, text);
        let (begun, mut longest) = (std::time::Instant::now(), std::time::Duration::ZERO);
        loop {
            let turn = std::time::Instant::now();
            let is_over = store.purge(&mut purge, PURGE_TURN_RESPONSES_MAX);
            longest = longest.max(turn.elapsed());
            if is_over {
                break;
            }
        }
        println!("{by:?}: {} gone in {:?}, longest turn {longest:?}", purge.responses, begun.elapsed());
    }
}

#[test]
fn a_target_with_very_many_keys_is_purged_by_parts_too() {
    let mut store = store(1);
    for n in 0..1000_u32 {
        let mut key = Vec::new();
        fosse_wire::cache::key::begin(&mut key, 0);
        let mut fields = Vec::new();
        fosse_wire::fields::put(&mut fields, [(&b"X-Own"[..], &n.to_le_bytes().map(|byte| byte | 64)[..])]).unwrap();
        let fields = fosse_wire::fields::Fields::decode(&mut fosse_wire::cursor::Cursor::new(&fields)).unwrap();
        RequestHead { method: b"GET", host: b"a", target: b"/x", host_port: 80, fields, ..RequestHead::default() }
            .encode(&mut key)
            .unwrap();
        key[..4].copy_from_slice(&n.to_le_bytes());
        let hash = store.hash(&key);
        store.put(hash, &Stored { status: 200, key: &key, ..Stored::default() });
    }
    let mut purge = purge(&mut store, By::Target, "a", "/x");
    let mut turns = 0;
    while !store.purge(&mut purge, 100) {
        turns += 1;
    }
    assert_eq!((store.len(), purge.responses), (1, 1000));
    assert!((9..=10).contains(&turns), "{turns}");
}

const KEYS: Keys = Keys { hash: (1, 2), seal: (3, 4) };

/// Memory and disk, which outlive a store.
struct Place {
    memory: OwnedFd,
    index: OwnedFd,
    responses: OwnedFd,
}

impl Place {
    fn new(memory: u64, responses: u64) -> Self {
        let file = |bytes| fosse_sys::memfd::page("file", bytes).unwrap();
        Self { memory: file(memory), index: file(4096 + 72 * (responses / 512)), responses: file(responses) }
    }

    fn store(&self) -> Store {
        let page = Page::map_of(&self.memory, 1 << 30).unwrap();
        let files = [&self.index, &self.responses].map(|file| file.try_clone().unwrap());
        let [index, responses] = files;
        let (disk, found) = Disk::open(index, responses, KEYS).unwrap();
        Store::new(Writer::with_key(page, disk.hash_key()), Some(Volume::new(disk, found)))
    }

    /// Forgets the memory, as the end of an edge does.
    fn without_memory(self) -> Self {
        let length = fosse_sys::memfd::page("file", 1 << 20).unwrap();
        Self { memory: length, ..self }
    }
}

fn key_of(host: &str, target: &str) -> Vec<u8> {
    let mut key = Vec::new();
    fosse_wire::cache::key::begin(&mut key, 0);
    let (host, target) = (host.as_bytes(), target.as_bytes());
    RequestHead { method: b"GET", host, target, ..RequestHead::default() }.encode(&mut key).unwrap();
    key
}

fn keep(store: &mut Store, host: &str, target: &str, body: &[u8]) {
    let key = key_of(host, target);
    let hash = store.hash(&key);
    assert!(store.put(hash, &Stored { status: 200, key: &key, body, ..Stored::default() }).0.is_some());
    store.write_to_disk(usize::MAX);
}

/// Returns the body that is kept, and whether it came from the disk.
fn kept(store: &mut Store, host: &str, target: &str) -> Option<(Vec<u8>, bool)> {
    let key = key_of(host, target);
    let hash = store.hash(&key);
    let body = |bytes: &[u8]| Stored::decode(bytes).unwrap().body.to_vec();
    if let Some((_, bytes)) = store.find(hash, &key) {
        return Some((body(&bytes), false));
    }
    let (_, bytes) = store.find_on_disk(hash, &key)?;
    store.promote(hash, &bytes).0.unwrap();
    Some((body(&bytes), true))
}

#[test]
fn what_is_kept_again_or_forgotten_in_memory_is_so_on_the_disk_for_who_takes_over() {
    let place = Place::new(1 << 20, 1 << 20);
    let mut store = place.store();
    keep(&mut store, "a", "/1", b"old");
    keep(&mut store, "a", "/1", b"new");
    keep(&mut store, "a", "/2", b"two");
    keep(&mut store, "a", "/3", b"three");
    store.forget_target(&key_of("a", "/2"));
    assert_eq!((store.len(), store.on_disk()), (2, 2));
    let place = place.without_memory();
    let mut store = place.store();
    assert_eq!(kept(&mut store, "a", "/1"), Some((b"new".to_vec(), true)));
    assert_eq!(kept(&mut store, "a", "/1"), Some((b"new".to_vec(), false)));
    assert_eq!(kept(&mut store, "a", "/2"), None);
    // It is on the disk alone.
    assert_eq!((store.forget_target(&key_of("a", "/3")), kept(&mut store, "a", "/3")), (1, None));
    assert_eq!(place.without_memory().store().len(), 1);
}

#[test]
fn of_a_memory_and_a_disk_that_do_not_agree_the_memory_is_believed() {
    let place = Place::new(1 << 20, 1 << 20);
    let mut store = place.store();
    keep(&mut store, "a", "/1", b"old");
    // It is killed before the disk has it.
    let key = key_of("a", "/1");
    let hash = store.hash(&key);
    let number = store.places_of(hash).1.unwrap();
    let mut before = [0; 72];
    let at = 4096 + number * 72;
    fosse_sys::file::read_at(&place.index, &mut before, at).unwrap();
    store.put(hash, &Stored { status: 200, key: &key, body: b"new", ..Stored::default() });
    fosse_sys::file::write_at(&place.index, &before, at).unwrap();
    let mut store = place.store();
    assert_eq!((kept(&mut store, "a", "/1"), store.on_disk()), (Some((b"new".to_vec(), false)), 0));
    // What the memory alone has is written.
    store.write_to_disk(usize::MAX);
    let mut store = place.without_memory().store();
    assert_eq!(kept(&mut store, "a", "/1"), Some((b"new".to_vec(), true)));
}

#[test]
fn a_purge_goes_through_what_is_on_the_disk_alone_a_part_in_a_turn() {
    for (by, host, text, expected) in [
        (By::All, "", "", 500),
        (By::All, "a", "", 250),
        (By::Tag, "", "none", 0),
        (By::Prefix, "b", "/x/3", 55),
        (By::Prefix, "b", "/x/3/", 0),
        (By::Target, "a", "/x/7", 1),
    ] {
        let place = Place::new(1 << 20, 1 << 20);
        let mut store = place.store();
        for n in 0..500 {
            keep(&mut store, if n % 2 == 0 { "b" } else { "a" }, &format!("/x/{n}"), b"body");
        }
        let place = place.without_memory();
        let mut store = place.store();
        let mut purge = purge(&mut store, by, host, text);
        keep(&mut store, "b", "/x/3", b"newer");
        while !store.purge(&mut purge, 100) {}
        assert_eq!(
            (purge.responses, store.len()),
            (expected, 501 - usize::try_from(expected).unwrap()),
            "{by:?} {text}"
        );
        assert_eq!(place.without_memory().store().len(), store.len(), "{by:?} {text}");
    }
}

#[test]
fn a_disk_on_which_nothing_can_be_removed_is_used_no_more_and_says_so() {
    let place = Place::new(1 << 20, 1 << 20);
    let mut store = place.store();
    keep(&mut store, "a", "/1", b"body");
    let page = Page::map_of(&place.memory, 1 << 30).unwrap();
    let read_only = |fd: &OwnedFd| {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(fd));
        OwnedFd::from(std::fs::File::open(path).unwrap())
    };
    let (disk, found) = Disk::open(read_only(&place.index), read_only(&place.responses), KEYS).unwrap();
    let mut store = Store::new(Writer::with_key(page, KEYS.hash), Some(Volume::new(disk, found)));
    assert!(!store.is_disk_unsafe());
    let mut purge = purge(&mut store, By::Target, "a", "/1");
    assert!(store.purge(&mut purge, 100));
    assert_eq!((purge.responses, store.is_disk_unsafe(), store.on_disk()), (1, true, 0));
    assert_eq!(kept(&mut store, "a", "/1"), None);
    keep(&mut store, "a", "/1", b"again");
    assert_eq!((kept(&mut store, "a", "/1"), store.on_disk()), (Some((b"again".to_vec(), false)), 0));
}

#[test]
#[ignore = "a measurement"]
fn what_a_response_on_the_disk_takes_of_memory_and_time() {
    const COUNT: usize = 1_000_000;
    let place = Place::new(1 << 20, 1 << 30);
    let mut store = place.store();
    let begun = Instant::now();
    for n in 0..COUNT {
        keep(&mut store, "a.example", &format!("/shop/{}/{n}", n % 100), b"body");
    }
    println!("{} written in {:?}", store.on_disk(), begun.elapsed());
    drop(store);
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    };
    let place = place.without_memory();
    let (begun, before) = (Instant::now(), resident());
    let mut store = place.store();
    println!("taken over in {:?}, {} bytes each", begun.elapsed(), (resident() - before) / store.on_disk());
    for (by, text) in [(By::Tag, "none"), (By::Prefix, "/shop/7/"), (By::Prefix, "/shop/"), (By::All, "")] {
        let mut purge = purge(&mut store, by, if by == By::Tag { "" } else { "a.example" }, text);
        let (begun, mut longest) = (Instant::now(), std::time::Duration::ZERO);
        loop {
            let turn = Instant::now();
            let is_over = store.purge(&mut purge, 512);
            longest = longest.max(turn.elapsed());
            if is_over {
                break;
            }
        }
        println!("{by:?} {text}: {} gone in {:?}, longest turn {longest:?}", purge.responses, begun.elapsed());
    }
}
