//! What must hold whatever a disk says: no panic, and nobody gets other bytes than were written.

use std::os::fd::OwnedFd;

use fosse_cache::disk::{About, Disk, Keys};
use fosse_sys::file::{read_at, write_at};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

const KEYS: Keys = Keys { hash: (1, 2), seal: (3, 4) };
/// Room for a few responses only, so that they make room for each other.
const INDEX_BYTES: u64 = 4096 + 8 * 72;
const RESPONSES_BYTES: u64 = 64 * 1024;
const LENGTH: usize = 9000;
const COUNT: u64 = 9;

fn file(length: u64) -> Option<OwnedFd> {
    let file = memfd_create("disk", MemfdFlags::CLOEXEC).ok()?;
    ftruncate(&file, length).ok().map(|()| file)
}

/// Returns what was written under a hash.
fn body(hash: u64) -> Vec<u8> {
    let byte = hash.to_le_bytes()[0];
    (0..LENGTH).map(|at| byte.wrapping_mul(31) ^ at.to_le_bytes()[0]).collect()
}

/// Changes to a disk with responses: each is of five bytes, the first two of which choose the file
/// and what is done, the others the place and the byte. After each third of them somebody takes the
/// disk over, reads all that it has, and writes one more.
///
/// # Panics
/// Where a promise is broken.
pub fn disk(data: &[u8]) {
    let (Some(index), Some(responses)) = (file(INDEX_BYTES), file(RESPONSES_BYTES)) else { return };
    let open = || {
        let (index, responses) = (index.try_clone().unwrap(), responses.try_clone().unwrap());
        Disk::open(index, responses, KEYS).map(|(disk, _)| disk).unwrap()
    };
    let mut disk = open();
    for hash in 0..COUNT {
        disk.write(hash, About::default(), &body(hash), |_| ()).unwrap();
    }
    for (n, change) in (COUNT..).zip(data.chunks_exact(5)) {
        let &[which, how, low, high, byte] = change else { return };
        let (file, length) = if which % 2 == 0 { (&index, INDEX_BYTES) } else { (&responses, RESPONSES_BYTES) };
        let place = (u64::from(high) << 8 | u64::from(low)) * 3 % (length - 72);
        let mut piece = [byte; 72];
        match how % 4 {
            0 => read_at(file, &mut piece[..1], place).unwrap(),
            // A slot, or a part of a response, of another place.
            1 => read_at(file, &mut piece, u64::from(byte) * 72 % (length - 72)).unwrap(),
            _ => {}
        }
        let count = if how % 4 == 0 { 1 } else { piece.len() };
        piece[0] ^= if how % 4 == 0 { byte } else { 0 };
        write_at(file, &piece[..count], place).unwrap();
        if n % 3 == 0 {
            disk = open();
            check(&disk);
            disk.write(n, About::default(), &body(n), |_| ()).unwrap();
        }
    }
    check(&open());
}

fn check(disk: &Disk) {
    let mut last = 0;
    for slot in disk.slots() {
        assert!(slot.number > last || last == 0, "numbers grow");
        last = slot.number;
        if let Ok(bytes) = disk.read(slot.number) {
            assert!(bytes == body(slot.hash), "other bytes than were written");
        }
    }
}
