//! A writer beside readers, and after another one.

use std::os::fd::OwnedFd;

use fosse_sys::page::PageReader;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

use super::*;
use crate::{Found, Reader};

fn memory(bytes: u64) -> OwnedFd {
    fosse_sys::memfd::page("arena", bytes).unwrap()
}

fn writer(fd: &OwnedFd) -> Writer {
    Writer::open(Page::map(fd).unwrap(), (1, 2))
}

#[test]
fn an_arena_is_taken_over_under_its_own_key_alone() {
    let fd = memory(1 << 20);
    let mut first = writer(&fd);
    first.put(first.hash(b"a"), b"a", |_| ());
    let next = |key| Writer::with_key(Page::map(&fd).unwrap(), key);
    assert_eq!((key_of(&Page::map(&fd).unwrap()), next((1, 2)).records().count()), (Some((1, 2)), 1));
    let other = next((1, 3));
    assert_eq!((other.records().count(), reader(&fd).hash(b"a")), (0, Some(other.hash(b"a"))));
}

fn reader(fd: &OwnedFd) -> Reader {
    Reader::new(PageReader::map(fd).unwrap())
}

fn body(n: u64, length: usize) -> Vec<u8> {
    let mut state = n;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect()
}

#[test]
fn a_record_is_found_by_its_name_alone_and_a_newer_one_takes_its_place() {
    let fd = memory(1 << 20);
    let (reader, mut out) = (reader(&fd), Vec::new());
    assert_eq!(reader.hash(b"a"), None);
    let mut writer = writer(&fd);
    let hash = reader.hash(b"a").unwrap();
    assert_eq!(hash, writer.hash(b"a"));
    for length in [0, 1, 7, 8, 9, 1000] {
        let record = writer.put(hash, &body(7, length), |_| panic!("there is room")).unwrap();
        assert_eq!(reader.find(hash, &mut out), Some(record.place));
        assert_eq!((out.as_slice(), writer.bytes(record.place)), (&body(7, length)[..], body(7, length)));
        assert!(reader.find(reader.hash(b"b").unwrap(), &mut out).is_none() && out.is_empty());
    }
    let last = writer.records().last().unwrap();
    assert!(writer.holds(last));
    writer.remove(last);
    assert!(reader.find(hash, &mut out).is_none() && !writer.holds(last));
}

#[test]
fn the_oldest_make_room_and_are_reported_and_what_is_found_is_always_whole() {
    let fd = memory(1 << 20);
    let (reader, mut writer, mut out) = (reader(&fd), writer(&fd), Vec::new());
    let (mut live, mut found) = (std::collections::BTreeSet::new(), 0);
    for n in 0..1000_u64 {
        let length = usize::try_from(n * 7919 % 9000).unwrap();
        let hash = writer.hash(&n.to_le_bytes());
        let mut gone = Vec::new();
        let record = writer.put(hash, &body(n, length), |record| gone.push(record.hash)).unwrap();
        live.insert(record.hash);
        gone.iter().for_each(|hash| assert!(live.remove(hash)));
        for old in (n - n.min(280)..=n).step_by(40) {
            let hash = writer.hash(&old.to_le_bytes());
            if reader.find(hash, &mut out).is_some() {
                assert!(live.contains(&hash));
                assert_eq!(out, body(old, usize::try_from(old * 7919 % 9000).unwrap()));
                found += 1;
            }
        }
    }
    assert!(found > 1000, "{found}");
    assert!(writer.put(1, &vec![0; 1 << 19], |_| ()).is_none());
}

#[test]
fn who_takes_over_has_what_was_there_and_a_damaged_arena_is_empty() {
    let fd = memory(1 << 20);
    let hashes: Vec<u64> = {
        let mut writer = writer(&fd);
        (0..2000_u64)
            .map(|n| {
                let hash = writer.hash(&n.to_le_bytes());
                writer.put(hash, &body(n, 900), |_| ());
                hash
            })
            .collect()
    };
    let (reader, mut out) = (reader(&fd), Vec::new());
    let there = |out: &mut Vec<u8>| hashes.iter().filter(|hash| reader.find(**hash, out).is_some()).count();
    let before = there(&mut out);
    let next = Writer::open(Page::map(&fd).unwrap(), (8, 9));
    assert!(before > 500 && there(&mut out) == before && next.records().count() >= before);
    let page = Page::map(&fd).unwrap();
    let place = next.records().nth(9).unwrap().place;
    page.words()[next.layout.word(place) + RECORD_HEADER_WORDS + 5].fetch_xor(1, Ordering::Relaxed);
    let emptied = Writer::open(Page::map(&fd).unwrap(), (8, 9));
    assert_eq!((emptied.records().count(), there(&mut out)), (0, 0));
}

#[test]
fn whatever_the_memory_holds_a_read_ends_and_stays_inside() {
    let fd = memory(1 << 20);
    let (reader, mut writer, mut out) = (reader(&fd), writer(&fd), Vec::new());
    let hash = writer.hash(b"a");
    let record = writer.put(hash, &body(1, 500), |_| ()).unwrap();
    let at = writer.layout.word(record.place);
    for word in [0, u64::MAX, 1 << 40, length_word(RECORD_BYTES_MAX), length_word(499) + (1 << 32)] {
        writer.store(at, word);
        assert!(!reader.read(record.place, hash, &mut out) && out.is_empty(), "{word:x}");
    }
    for place in [record.place + 1, u64::MAX, 1 << 47] {
        assert!(!reader.read(place, hash, &mut out));
    }
    writer.cells(hash).for_each(|cell| cell.store(u64::MAX, Ordering::Relaxed));
    assert_eq!(reader.find(u64::MAX, &mut out), None);
}

#[test]
fn a_reader_beside_a_writer_never_gets_a_torn_record() {
    let fd = memory(1 << 20);
    let mut writer = writer(&fd);
    let hash = writer.hash(b"a");
    let copy = fd.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let (reader, mut out, mut seen) = (reader(&copy), Vec::new(), 0);
        loop {
            if reader.find(hash, &mut out).is_some() {
                let first = out[0];
                assert!(out.iter().step_by(97).all(|byte| *byte == first), "torn");
                seen += 1;
                if first == 255 {
                    return seen;
                }
            }
        }
    });
    for n in 0..3000_u32 {
        writer.put(hash, &vec![n.to_le_bytes()[0] % 255; 5000], |_| ());
    }
    writer.put(hash, &[255; 100], |_| ());
    assert!(reading.join().unwrap() > 0);
}

/// Takes hold of the pages of a record, as a reader does that does not copy them.
fn hold(fd: &OwnedFd, found: Found) -> Option<OwnedFd> {
    let (from, to) = pipe_with(PipeFlags::NONBLOCK).unwrap();
    let mut at = found.at;
    let held = splice(fd, Some(&mut at), &to, None, found.bytes, SpliceFlags::NONBLOCK).unwrap();
    assert_eq!(held, found.bytes);
    reader(fd).holds(found.place).then_some(from)
}

fn read_all(pipe: &OwnedFd, bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes);
    while out.len() < bytes {
        assert!(rustix::io::read(pipe, rustix::buffer::spare_capacity(&mut out)).unwrap() > 0);
    }
    out
}

#[test]
fn pages_that_a_reader_has_taken_hold_of_never_change_whoever_writes_next() {
    let fd = memory(1 << 20);
    let (reader, mut out) = (reader(&fd), Vec::new());
    let mut writer = writer(&fd);
    let mut held = Vec::new();
    // Records that share their pages with others, and end at every place of a page.
    let put = |writer: &mut Writer, n: u64| {
        let length = usize::try_from(n * 7919 % 40_000).unwrap();
        let hash = writer.hash(&n.to_le_bytes());
        writer.put(hash, &body(n, length), |_| ()).unwrap();
        (hash, length)
    };
    for n in 0..60 {
        let (hash, length) = put(&mut writer, n);
        let found = reader.find_first(hash, 10, &mut out).unwrap();
        assert_eq!((found.bytes, out.as_slice()), (length, &body(n, length.min(10))[..]));
        held.extend((length > 0).then(|| (n, length, hold(&fd, found).unwrap())));
        // Another one takes over, now and then one that finds it damaged and begins with nothing.
        match n {
            20 => writer = Writer::open(Page::map(&fd).unwrap(), (8, 9)),
            40 => writer = Writer::with_key(Page::map(&fd).unwrap(), (8, 9)),
            _ => {}
        }
    }
    for n in 60..200 {
        put(&mut writer, n);
    }
    for (n, length, pipe) in held {
        assert!(read_all(&pipe, length) == body(n, length), "{n}");
    }
}

#[test]
fn a_memory_that_is_begun_again_in_the_middle_of_held_pages_leaves_them_alone() {
    let fd = memory(1 << 20);
    let (reader, mut out) = (reader(&fd), Vec::new());
    let mut writer = writer(&fd);
    let hash = writer.hash(b"a");
    writer.put(hash, &body(1, 5000), |_| ()).unwrap();
    let held = hold(&fd, reader.find_first(hash, 1, &mut out).unwrap()).unwrap();
    writer.store(HEAD_AT, 8);
    // One finds it damaged and ends before it has kept anything.
    drop(Writer::open(Page::map(&fd).unwrap(), (1, 2)));
    let mut next = Writer::open(Page::map(&fd).unwrap(), (1, 2));
    assert_eq!(next.put(hash, &body(2, 5000), |_| ()).unwrap().place, 8);
    assert!(read_all(&held, 5000) == body(1, 5000));
}

#[test]
fn what_a_reader_takes_hold_of_beside_a_writer_is_of_one_record() {
    let fd = memory(1 << 20);
    let mut writer = writer(&fd);
    let hash = writer.hash(b"a");
    let copy = fd.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let (reader, mut out, mut held, mut seen) = (reader(&copy), Vec::new(), VecDeque::new(), 0);
        loop {
            let Some(found) = reader.find_first(hash, 1, &mut out) else { continue };
            held.extend(hold(&copy, found).map(|pipe| (out[0], found.bytes, pipe)));
            // The writer goes on meanwhile.
            if held.len() > 30 || out[0] == 255 {
                let (first, bytes, pipe) = held.pop_front().unwrap();
                assert!(read_all(&pipe, bytes).iter().all(|byte| *byte == first), "torn");
                seen += 1;
                if first == 255 {
                    return seen;
                }
            }
        }
    });
    for n in 0..3000_u32 {
        writer.put(hash, &vec![n.to_le_bytes()[0] % 255; 50_000 - n as usize], |_| ());
    }
    writer.put(hash, &[255; 100], |_| ());
    assert!(reading.join().unwrap() > 30);
}
