//! Inherited descriptors, blobs and pages.

use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use fosse_sys::blob::{self, BlobError};
use fosse_sys::fd::{self, Kind};
use fosse_sys::memfd;
use fosse_sys::page::{PAGE_BYTES_MAX, Page, PageReader, RENEWED_WORDS};
use fosse_sys::process::{Fork, exit_now, fork};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket, socketpair};
use rustix::process::{WaitOptions, waitpid};

/// A number as if it had come through exec: no owner in this process, not close-on-exec.
fn as_inherited(fd: OwnedFd, at_least: i32) -> i32 {
    let high = fcntl_dupfd_cloexec(&fd, at_least).unwrap();
    fcntl_setfd(&high, FdFlags::empty()).unwrap();
    high.into_raw_fd()
}

#[test]
fn takes_an_inherited_number_once() {
    let number = as_inherited(memfd::page("t", 4096).unwrap(), 300);
    assert!(fd::is_inherited(number));
    let taken = fd::take(number).unwrap();
    assert_eq!(taken.as_raw_fd(), number);
    assert!(rustix::io::fcntl_getfd(&taken).unwrap().contains(FdFlags::CLOEXEC));
    assert!(fd::take(number).is_none());
}

#[test]
fn takes_as_high_a_number_as_the_largest_edge_has() {
    let number = as_inherited(memfd::page("t", 4096).unwrap(), 1030);
    assert!(number >= 1030 && fd::is_inherited(number));
    assert_eq!(fd::take(number).unwrap().as_raw_fd(), number);
    assert!(fd::take(number).is_none());
}

#[test]
fn a_child_that_goes_on_with_one_descriptor_keeps_none_that_was_handed_to_its_parent() {
    let number = as_inherited(memfd::page("t", 4096).unwrap(), 500);
    let taken = fd::take(number).unwrap();
    let kept = memfd::page("t", 4096).unwrap();
    let pid = match fork().unwrap() {
        Fork::Parent(pid) => pid,
        Fork::Child => {
            let is_open = |fd: &OwnedFd| rustix::io::fcntl_getfd(fd).is_ok();
            let is_closed = fd::close_all_but(kept.as_fd()).is_ok() && is_open(&kept) && !is_open(&taken);
            exit_now(i32::from(!is_closed))
        }
    };
    let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0));
}

#[test]
fn does_not_take_what_this_process_opened() {
    let own = fcntl_dupfd_cloexec(memfd::page("t", 4096).unwrap(), 400).unwrap();
    assert!(fd::take(own.as_raw_fd()).is_none());
}

#[test]
fn does_not_take_numbers_that_are_closed_or_out_of_range() {
    for number in [-1, i32::MIN, 999, fd::INHERITED_FDS_MAX, i32::MAX] {
        assert!(fd::take(number).is_none(), "{number}");
    }
}

#[test]
fn names_what_a_descriptor_is() {
    let pair = |kind| socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap().0;
    let inet = |kind| socket(AddressFamily::INET, kind, None).unwrap();
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    let listener: OwnedFd = std::net::TcpListener::bind("127.0.0.1:0").unwrap().into();
    let file: OwnedFd = std::fs::File::open("/proc/version").unwrap().into();
    let cases = [
        (pair(SocketType::STREAM), Kind::UnixStream),
        (pair(SocketType::SEQPACKET), Kind::UnixSeqpacket),
        (pair(SocketType::DGRAM), Kind::UnixDatagram),
        (inet(SocketType::STREAM), Kind::InetStream),
        (inet(SocketType::DGRAM), Kind::InetDatagram),
        (listener, Kind::InetListener),
        (reader, Kind::Pipe),
        (memfd::sealed("t", b"x").unwrap(), Kind::Memfd),
        (std::fs::File::open("/").unwrap().into(), Kind::Directory),
        (std::fs::File::open("/dev/null").unwrap().into(), Kind::Device),
        (file, Kind::File),
        (event, Kind::Anonymous),
    ];
    for (descriptor, expected) in cases {
        assert_eq!(fd::kind(descriptor.as_fd()).unwrap(), expected);
    }
}

#[test]
fn reads_a_sealed_blob_whole() {
    for len in [0, 1, 4095, 4096, 100_000] {
        let bytes: Vec<u8> = (0..len).map(|i: u32| i.to_le_bytes()[0]).collect();
        assert_eq!(blob::read(memfd::sealed("t", &bytes).unwrap(), 100_000).unwrap(), bytes);
    }
}

#[test]
fn a_sealed_blob_is_read_from_its_start_by_a_program_that_takes_it_for_a_file() {
    let mut text = String::new();
    let file = std::fs::File::from(memfd::sealed("t", b"root:x:0:0::/:\n").unwrap());
    std::io::Read::read_to_string(&mut &file, &mut text).unwrap();
    assert_eq!(text, "root:x:0:0::/:\n");
}

#[test]
fn maps_a_sealed_blob_as_it_is_and_nothing_that_could_change() {
    for len in [0, 1, 4096, 100_000] {
        let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let mapped = blob::map(memfd::sealed("t", &bytes).unwrap(), 100_000).unwrap();
        assert_eq!(mapped.as_ref(), bytes);
    }
    assert_eq!(blob::map(memfd::sealed("t", b"four").unwrap(), 3).unwrap_err(), BlobError::TooLong(4, 3));
    assert_eq!(blob::map(memfd::page("t", 4).unwrap(), 9).unwrap_err(), BlobError::NotSealed);
}

#[test]
fn refuses_a_blob_that_is_too_long_or_not_sealed() {
    assert_eq!(blob::read(memfd::sealed("t", b"four").unwrap(), 3), Err(BlobError::TooLong(4, 3)));
    assert_eq!(blob::read(memfd::page("t", 4).unwrap(), 9), Err(BlobError::NotSealed));
    let file = std::fs::File::open("/proc/version").unwrap();
    assert_eq!(blob::read(file.into(), 9999), Err(BlobError::NotSealed));
}

#[test]
fn what_is_sealed_cannot_be_changed() {
    let blob = memfd::sealed("t", b"four").unwrap();
    assert!(rustix::io::pwrite(&blob, b"x", 0).is_err());
    assert!(rustix::fs::ftruncate(&blob, 0).is_err());
    let page = memfd::page("t", 4096).unwrap();
    assert!(rustix::fs::ftruncate(&page, 0).is_err());
    assert!(rustix::fs::ftruncate(&page, 8192).is_err());
}

#[test]
fn a_reader_sees_what_the_writer_counts() {
    let memory = memfd::page("t", 4096).unwrap();
    let reader = PageReader::map(&memory).unwrap();
    let page = Page::map(&memory).unwrap();
    assert_eq!((page.words().len(), reader.len()), (512, 512));
    page.words()[511].store(7, Ordering::Relaxed);
    assert_eq!((reader.get(511), reader.get(0), reader.get(512), reader.get(usize::MAX)), (7, 0, 0, 0));
}

#[test]
fn renews_whole_pieces_of_a_page_and_leaves_the_others_and_what_a_pipe_holds() {
    let words = 2 * RENEWED_WORDS + 8;
    let memory = memfd::page("t", words as u64 * 8).unwrap();
    let (page, reader) = (Page::map(&memory).unwrap(), PageReader::map(&memory).unwrap());
    page.words().iter().for_each(|word| word.store(7, Ordering::Relaxed));
    let (from, to) = rustix::pipe::pipe().unwrap();
    let mut at = RENEWED_WORDS as u64 * 8;
    rustix::pipe::splice(&memory, Some(&mut at), &to, None, 8, rustix::pipe::SpliceFlags::empty()).unwrap();
    let refused = [1..RENEWED_WORDS, 0..RENEWED_WORDS - 1, 0..words + 1];
    assert!(refused.into_iter().all(|range| page.renew(range).is_err()));
    assert!(page.words().iter().all(|word| word.load(Ordering::Relaxed) == 7));
    page.renew(RENEWED_WORDS..2 * RENEWED_WORDS).unwrap();
    assert_eq!([0, RENEWED_WORDS, words - 1].map(|word| reader.get(word)), [7, 0, 7]);
    page.renew(2 * RENEWED_WORDS..words).unwrap();
    assert_eq!([RENEWED_WORDS - 1, 2 * RENEWED_WORDS, words - 1].map(|word| reader.get(word)), [7, 0, 0]);
    page.words()[RENEWED_WORDS].store(9, Ordering::Relaxed);
    let mut held = [0; 8];
    rustix::io::read(&from, &mut held).unwrap();
    assert_eq!((u64::from_ne_bytes(held), reader.get(RENEWED_WORDS)), (7, 9));
}

#[test]
fn copies_words_as_they_lie_in_memory_as_far_as_there_are_any() {
    let memory = memfd::page("t", 4096).unwrap();
    let page = Page::map(&memory).unwrap();
    page.words().iter().zip(0..).for_each(|(word, n)| word.store(n, Ordering::Relaxed));
    let reader = PageReader::map(&memory).unwrap();
    let words = |words: std::ops::Range<u64>| words.flat_map(u64::to_ne_bytes);
    let mut out = b"before".to_vec();
    for (from, count, copied) in [(0, 3, 0..3), (500, 12, 500..512), (510, 9, 510..512), (512, 1, 0..0), (9, 0, 0..0)] {
        out.truncate(6);
        reader.copy(from, count, &mut out);
        assert!(out.iter().copied().eq(b"before".iter().copied().chain(words(copied))), "{from}");
    }
}

#[test]
fn maps_only_sealed_pages_of_a_sane_size() {
    let unsealed = rustix::fs::memfd_create("t", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&unsealed, 4096).unwrap();
    assert!(Page::map(&unsealed).is_err());
    assert!(Page::map(memfd::page("t", 7).unwrap()).is_err());
    assert!(Page::map(memfd::page("t", PAGE_BYTES_MAX as u64 + 8).unwrap()).is_err());
    assert!(PageReader::map(memfd::page("t", 0).unwrap()).is_err());
}
