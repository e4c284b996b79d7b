//! The files are believed only where they say what was written.

use super::*;

const KEYS: Keys = Keys { hash: (1, 2), seal: (3, 4) };

/// Two files with room for this number of responses in the index, and of bytes.
fn files(slots: u64, bytes: u64) -> (OwnedFd, OwnedFd) {
    let file = |length| fosse_sys::memfd::page("disk", length).unwrap();
    (file(HEADER_BYTES + slots * number(SLOT_BYTES)), file(bytes))
}

fn open((index, responses): &(OwnedFd, OwnedFd), keys: Keys) -> (Disk, Found) {
    Disk::open(index.try_clone().unwrap(), responses.try_clone().unwrap(), keys).unwrap()
}

fn body(n: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| (n as usize * 31 + at * 7 + at / 251).to_le_bytes()[0]).collect()
}

fn put(disk: &mut Disk, n: u64, length: usize) -> u64 {
    disk.write(n, About::default(), &body(n, length), |_| ()).unwrap().unwrap()
}

#[test]
fn what_was_written_is_there_for_who_takes_over_and_what_was_removed_is_not() {
    let files = files(100, 1 << 20);
    let (mut disk, found) = open(&files, KEYS);
    assert_eq!(found, Found::New);
    let numbers: Vec<u64> = (0..50).map(|n| put(&mut disk, n, 1000 + usize::try_from(n).unwrap())).collect();
    disk.remove(numbers[7]).unwrap();
    disk.remove(numbers[49]).unwrap();
    // It is killed: nothing is said to the files. Other keys are those of a new disk.
    let (mut next, found) = open(&files, Keys { hash: (5, 6), seal: (7, 8) });
    assert_eq!((found, next.len(), next.hash_key()), (Found::Kept { altered: 0 }, 48, KEYS.hash));
    for (n, number) in (0_u64..).zip(&numbers) {
        let read = next.read(*number);
        let expected = if [7, 49].contains(&n) { Err(Unread::Gone) } else { Ok(body(n, 1000 + n as usize)) };
        assert_eq!(read, expected, "{n}");
    }
    let number = put(&mut next, 99, 5000);
    assert_eq!(open(&files, KEYS).0.read(number), Ok(body(99, 5000)));
}

#[test]
fn the_oldest_make_room_where_bytes_or_slots_are_used_up_and_are_reported() {
    for (slots, bytes, length) in [(1000, 1 << 16, 3000), (10, 1 << 20, 3000)] {
        let files = files(slots, bytes);
        let (mut disk, _) = open(&files, KEYS);
        let mut kept = std::collections::BTreeMap::new();
        for n in 0..200 {
            let length = length + usize::try_from(n * 7919 % 2000).unwrap();
            let mut gone = Vec::new();
            let number = disk.write(n, About::default(), &body(n, length), |slot| gone.push(slot.number)).unwrap();
            kept.insert(number.unwrap(), (n, length));
            gone.iter().for_each(|number| assert!(kept.remove(number).is_some()));
            assert!(kept.iter().all(|(number, (n, length))| disk.read(*number) == Ok(body(*n, *length))), "{n}");
            if n % 17 == 0 {
                let (next, found) = open(&files, KEYS);
                assert_eq!((found, next.len()), (Found::Kept { altered: 0 }, kept.len()), "{n}");
                disk = next;
            }
        }
        assert!(kept.len() >= 8, "{}", kept.len());
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let (mut disk, _) = open(&files(10, 1 << 16), KEYS);
    assert_eq!(disk.write(1, About::default(), &body(1, (1 << 14) + 1), |_| ()), Ok(None));
    assert_eq!(disk.write(1, About::default(), &[], |_| ()), Ok(None));
    let (index, responses) = files(0, 1 << 16);
    assert_eq!(Disk::open(index, responses, KEYS).err(), Some(Errno::INVAL));
}

#[test]
fn a_write_that_was_cut_off_anywhere_leaves_no_response_and_the_others() {
    let files = files(100, 1 << 20);
    let (mut disk, _) = open(&files, KEYS);
    let first = put(&mut disk, 1, 5000);
    // The bytes, and no slot.
    write_at(&files.1, &body(2, 5000), 5056).unwrap();
    let (next, found) = open(&files, KEYS);
    assert_eq!((found, next.len(), next.read(first)), (Found::Kept { altered: 0 }, 1, Ok(body(1, 5000))));
    // A slot, and not all of its bytes: the machine has stopped.
    let second = put(&mut disk, 2, 5000);
    write_at(&files.1, &[0; 100], 5056 + 4900).unwrap();
    let (next, _) = open(&files, KEYS);
    assert_eq!((next.read(first), next.read(second)), (Ok(body(1, 5000)), Err(Unread::Altered)));
    // A part of a slot.
    write_at(&files.0, &[0; 10], HEADER_BYTES + second * number(SLOT_BYTES) + 60).unwrap();
    let (next, found) = open(&files, KEYS);
    assert_eq!((found, next.len(), next.read(second)), (Found::Kept { altered: 1 }, 1, Err(Unread::Gone)));
}

#[test]
fn a_byte_that_was_changed_anywhere_gives_nobody_other_bytes() {
    let files = files(8, 1 << 16);
    let (mut disk, _) = open(&files, KEYS);
    let numbers: Vec<u64> = (0..6).map(|n| put(&mut disk, n, 500)).collect();
    let ends = [HEADER_BYTES + 8 * number(SLOT_BYTES), 6 * 512];
    for (file, end) in [&files.0, &files.1].into_iter().zip(ends) {
        for at in (0..end).filter(|at| *at < 64 || *at > HEADER_BYTES - 2 || at % 61 == 0) {
            let mut byte = [0];
            read_at(file, &mut byte, at).unwrap();
            write_at(file, &[byte[0] ^ 0x20], at).unwrap();
            let copies = (copy(&files.0), copy(&files.1));
            let (altered, _) = open(&copies, Keys { hash: (9, 9), seal: (9, 9) });
            for (n, number) in (0_u64..).zip(&numbers) {
                assert!(altered.read(*number).is_err() || altered.read(*number) == Ok(body(n, 500)), "{at} {n}");
            }
            write_at(file, &byte, at).unwrap();
        }
    }
}

fn copy(file: &OwnedFd) -> OwnedFd {
    let length = fstat(file).unwrap().st_size;
    let (copy, mut bytes) =
        (fosse_sys::memfd::page("copy", length as u64).unwrap(), vec![0; usize::try_from(length).unwrap()]);
    read_at(file, &mut bytes, 0).unwrap();
    write_at(&copy, &bytes, 0).unwrap();
    copy
}

#[test]
fn responses_and_slots_that_were_swapped_are_not_those_of_other_keys() {
    let files = files(8, 1 << 16);
    let (mut disk, _) = open(&files, KEYS);
    let (a, b) = (put(&mut disk, 1, 500), put(&mut disk, 2, 500));
    let swap = |file: &OwnedFd, [one, other]: [u64; 2], length: usize| {
        let (mut first, mut second) = (vec![0; length], vec![0; length]);
        read_at(file, &mut first, one).unwrap();
        read_at(file, &mut second, other).unwrap();
        write_at(file, &second, one).unwrap();
        write_at(file, &first, other).unwrap();
    };
    swap(&files.1, [0, 512], 512);
    assert_eq!([disk.read(a), disk.read(b)], [Err(Unread::Altered), Err(Unread::Altered)]);
    let slots = [a, b].map(|n| HEADER_BYTES + n * number(SLOT_BYTES));
    swap(&files.0, slots, SLOT_BYTES);
    let (next, found) = open(&files, KEYS);
    assert_eq!((found, next.len()), (Found::Kept { altered: 2 }, 0));
}

#[test]
fn files_of_another_form_or_length_are_begun_again() {
    let files = files(8, 1 << 16);
    let (mut disk, _) = open(&files, KEYS);
    put(&mut disk, 1, 500);
    let longer = (files.0.try_clone().unwrap(), fosse_sys::memfd::page("disk", 1 << 17).unwrap());
    let (next, found) = open(&longer, Keys { hash: (5, 6), seal: (7, 8) });
    assert_eq!((found, next.len(), next.hash_key()), (Found::Other, 0, (5, 6)));
    write_at(&files.0, b"#!/bin/sh\n", 0).unwrap();
    let (next, found) = open(&files, KEYS);
    assert_eq!((found, next.len(), open(&files, KEYS).1), (Found::Other, 0, Found::Kept { altered: 0 }));
}

#[test]
fn one_that_lies_in_the_older_half_is_old() {
    let (mut disk, _) = open(&files(100, 1 << 16), KEYS);
    let first = put(&mut disk, 1, 8000);
    let others: Vec<u64> = (2..5).map(|n| put(&mut disk, n, 8000)).collect();
    assert!(!disk.is_old(first));
    put(&mut disk, 9, 8000);
    assert!(disk.is_old(first) && !disk.is_old(others[0]));
}

#[test]
fn what_cannot_be_written_is_said_and_not_kept() {
    let (index, responses) = files(8, 1 << 16);
    let (mut disk, _) = open(&(index.try_clone().unwrap(), responses.try_clone().unwrap()), KEYS);
    let number = put(&mut disk, 1, 500);
    let read_only = |fd: &OwnedFd| {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(fd));
        OwnedFd::from(std::fs::File::open(path).unwrap())
    };
    let (mut disk, _) = Disk::open(read_only(&index), read_only(&responses), KEYS).unwrap();
    assert_eq!(disk.write(2, About::default(), &body(2, 500), |_| ()), Err(Errno::BADF));
    assert_eq!((disk.len(), disk.read(number)), (1, Ok(body(1, 500))));
    assert_eq!((disk.remove(number), disk.read(number)), (Err(Errno::BADF), Err(Unread::Gone)));
}
