//! What has to survive: accounts, and how often what has failed and when it is tried again. It lies
//! in a file of two slots, `magic | u64 edition | u32 length | body | SHA-256` each; the next
//! edition goes into the other slot, so that whoever is killed at any moment leaves the old or the
//! new one.

use std::os::fd::{AsFd, OwnedFd};

use fosse_wire::blob;
use rustix::fs::fdatasync;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::limits::STATE_BYTES_MAX;

const MAGIC: [u8; 8] = *b"fosseac1";
const HEAD_BYTES: usize = 20;
const HASH_BYTES: usize = 32;

/// The last edition that is believed. No program lives to write it, and the one after it overflows
/// nothing.
const EDITION_MAX: u64 = u64::MAX / 2;

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The accounts, by the URL of the directory: what instant-acme wants to have kept, as JSON.
    pub(crate) accounts: Vec<(String, String)>,
    /// Certificates that could not be had, by the name that the plan gives them.
    pub(crate) failures: Vec<([u8; 16], Failures)>,
}

/// The failures since a certificate was had last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failures {
    pub(crate) count: u32,
    /// The second since 1970 at which it is tried again.
    pub(crate) next: u64,
    pub(crate) last_error: String,
}

impl State {
    /// Returns the credentials of an account.
    pub(crate) fn account(&self, directory: &str) -> Option<&str> {
        self.accounts.iter().find(|(of, _)| of == directory).map(|(_, account)| account.as_str())
    }

    /// Keeps those of an account, or forgets them.
    pub(crate) fn set_account(&mut self, directory: &str, account: Option<String>) {
        self.accounts.retain(|(of, _)| of != directory);
        self.accounts.extend(account.map(|account| (directory.to_owned(), account)));
    }

    /// Returns the failures of a certificate.
    pub(crate) fn failures(&self, id: &[u8; 16]) -> Option<&Failures> {
        self.failures.iter().find(|(of, _)| of == id).map(|(_, failures)| failures)
    }

    /// Notes those of a certificate, or that there are none any more.
    pub(crate) fn set_failures(&mut self, id: &[u8; 16], failures: Option<Failures>) {
        self.failures.retain(|(of, _)| of != id);
        self.failures.extend(failures.map(|failures| (*id, failures)));
    }
}

/// The file.
#[derive(Debug)]
pub struct StateFile {
    file: OwnedFd,
    edition: u64,
    written: State,
}

impl StateFile {
    /// Reads what an earlier process has left. A file that has nothing whole in it is as a new one.
    #[must_use]
    pub fn read(file: OwnedFd) -> Self {
        let slots = [0, 1].map(|slot| read_slot(&file, slot));
        let newest = slots.into_iter().flatten().max_by_key(|(edition, _)| *edition);
        let (edition, written) = newest.unwrap_or_default();
        Self { file, edition, written }
    }

    /// Returns what was read or written last.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.written
    }

    /// Writes a state that differs from the last one, and waits until it is on the disk.
    ///
    /// # Errors
    /// Those of pwrite(2) and fdatasync(2), and `FBIG`.
    pub fn write(&mut self, state: &State) -> Result<(), Errno> {
        if *state == self.written {
            return Ok(());
        }
        let edition = self.edition + 1;
        let body = blob::encode(state).map_err(|_| Errno::FBIG)?;
        let length = u32::try_from(body.len()).map_err(|_| Errno::FBIG)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&edition.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&body);
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        if bytes.len() > STATE_BYTES_MAX {
            return Err(Errno::FBIG);
        }
        fosse_sys::file::write_at(&self.file, &bytes, place(edition))?;
        fdatasync(&self.file)?;
        (self.edition, self.written) = (edition, state.clone());
        Ok(())
    }
}

/// Returns the place of an edition's slot.
const fn place(edition: u64) -> u64 {
    (edition % 2) * STATE_BYTES_MAX as u64
}

fn read_slot(file: impl AsFd, slot: u64) -> Option<(u64, State)> {
    let mut head = [0; HEAD_BYTES];
    fosse_sys::file::read_at(&file, &mut head, place(slot)).ok()?;
    let edition = u64::from_le_bytes(head[8..16].try_into().ok()?);
    let length = usize::try_from(u32::from_le_bytes(head[16..].try_into().ok()?)).ok()?;
    if head[..8] != MAGIC || length > STATE_BYTES_MAX || edition > EDITION_MAX || edition % 2 != slot {
        return None;
    }
    let mut bytes = head.to_vec();
    bytes.resize(HEAD_BYTES + length + HASH_BYTES, 0);
    fosse_sys::file::read_at(file, &mut bytes[HEAD_BYTES..], place(slot) + HEAD_BYTES as u64).ok()?;
    let (body, hash) = bytes.split_at(HEAD_BYTES + length);
    if *Sha256::digest(body) != *hash {
        return None;
    }
    blob::decode(&body[HEAD_BYTES..]).ok().map(|state| (edition, state))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    fn file() -> std::fs::File {
        let path = std::env::temp_dir().join(format!(
            "fosse-acme-state-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        let file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file
    }

    fn state(count: u32) -> State {
        let mut state = State::default();
        state.set_account("https://ca.example/", Some("{}".into()));
        state.set_failures(&[7; 16], Some(Failures { count, next: 99, last_error: "no".into() }));
        state
    }

    #[test]
    fn the_last_state_comes_back_and_a_write_that_was_cut_off_leaves_the_one_before() {
        let disk = file();
        let copy = || OwnedFd::from(disk.try_clone().unwrap());
        let mut first = StateFile::read(copy());
        assert_eq!(first.state(), &State::default());
        first.write(&state(1)).unwrap();
        first.write(&state(2)).unwrap();
        assert_eq!(StateFile::read(copy()).state(), &state(2));
        let mut bytes = vec![0; 200];
        let read = disk.read_at(&mut bytes, 0).unwrap();
        // The second edition lies in the first slot: whatever byte of it is missing or another one.
        for at in 0..read.min(150) {
            disk.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
            let found = StateFile::read(copy()).state().clone();
            assert!(found == state(1) || found == state(2), "{at}");
            disk.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
        disk.write_all_at(&[0; 30], 0).unwrap();
        let mut after = StateFile::read(copy());
        assert_eq!(after.state(), &state(1));
        after.write(&state(3)).unwrap();
        assert_eq!(StateFile::read(copy()).state(), &state(3));
    }

    #[test]
    fn an_edition_that_nobody_has_written_is_as_nothing_and_the_next_one_is_written() {
        let disk = file();
        for edition in [u64::MAX, u64::MAX - 1, EDITION_MAX + 1] {
            let slot = [&MAGIC[..], &edition.to_le_bytes(), &2_u32.to_le_bytes(), &[0, 0]].concat();
            let hash = Sha256::digest(&slot);
            disk.write_all_at(&[&slot[..], &hash].concat(), place(edition)).unwrap();
            let mut file = StateFile::read(disk.try_clone().unwrap().into());
            (1..4).for_each(|count| file.write(&state(count)).unwrap());
        }
    }
}
