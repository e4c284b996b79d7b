//! Backend servers in dispatch's page, after its counters: a place of 20 words each, so that a
//! reader of the page needs no configuration to show them.

use crate::Counters;

/// The first word of the first server.
const FIRST_WORD: usize = 64;
/// Words of one server: state, numbers, backend and weight, address, name.
const SERVER_WORDS: usize = 20;
/// Words before its name.
const NAME_AT: usize = 5;
/// Bytes of a name: the longest address fits. A longer one keeps its end, which tells servers
/// apart.
pub(crate) const SERVER_NAME_BYTES_MAX: usize = 120;
/// Servers that have a place in a page; further ones are served, but not shown.
pub const SERVERS_SHOWN_MAX: usize = 406;

const _: () = assert!(FIRST_WORD + SERVERS_SHOWN_MAX * SERVER_WORDS <= crate::PAGE_WORDS);
const _: () = assert!(SERVER_NAME_BYTES_MAX == (SERVER_WORDS - NAME_AT) * 8);

const PRESENT: u64 = 1;
const UP: u64 = 2;
const UNHEALTHY: u64 = 4;
const DRAINED: u64 = 8;
const BACKUP: u64 = 16;
const NAMED: u64 = 32;
const ABSENT: u64 = 64;

/// One server as one lane sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// As the configuration writes it, or its end; printable ASCII without spaces, whatever the
    /// page holds.
    pub name: String,
    /// The row of its backend in the page.
    pub backend: u32,
    /// Its part of the requests beside the weights of the others.
    pub weight: u32,
    /// It is given requests only where no other may have them.
    pub backup: bool,
    /// Only clients that belong to it are served by it, as somebody has said.
    pub drained: bool,
    /// It is given requests.
    pub up: bool,
    /// It is given none because its checks fail.
    pub unhealthy: bool,
    /// Failures in a row.
    pub fails: u32,
    /// Connections open.
    pub open: u32,
    /// Requests under way.
    pub busy: u32,
    /// The address that its name stands for, IPv4 mapped into IPv6, where it has a name and that
    /// an address.
    pub address: Option<[u8; 16]>,
    /// Its name has fewer addresses than it may have: there is no such server now.
    pub absent: bool,
}

impl Server {
    /// Returns whether it is the server of that name, as far as a page has it.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        let bytes = name.as_bytes();
        let tail = bytes.last_chunk::<SERVER_NAME_BYTES_MAX>().map_or(bytes, |tail| tail);
        self.name.bytes().eq(tail.iter().map(|byte| printable(*byte)).map(|c| c as u8))
    }
}

impl Counters {
    /// Shows a server at its place; one that has no place is left out.
    pub fn set_server(&self, index: usize, server: &Server) {
        let Some(at) = place(index) else { return };
        let bytes = server.name.as_bytes();
        let tail = bytes.last_chunk::<SERVER_NAME_BYTES_MAX>().map_or(bytes, |tail| tail);
        for (word, piece) in (at + NAME_AT..).zip(padded(tail).chunks_exact(8)) {
            self.set(word, piece.iter().rev().fold(0, |all, byte| (all << 8) | u64::from(*byte)));
        }
        self.set(at + 1, (u64::from(server.open) << 32) | u64::from(server.busy));
        self.set(at + 2, (u64::from(server.backend) << 32) | u64::from(server.weight));
        let bit = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let state = PRESENT | bit(server.up, UP) | bit(server.unhealthy, UNHEALTHY);
        let state = state | bit(server.drained, DRAINED) | bit(server.backup, BACKUP);
        let state = state | bit(server.address.is_some(), NAMED) | bit(server.absent, ABSENT);
        let (halves, _) = server.address.as_ref().map_or(&[][..], |address| address).as_chunks();
        for (word, half) in (at + 3..).zip(halves) {
            self.set(word, u64::from_be_bytes(*half));
        }
        self.set(at, (u64::from(server.fails) << 8) | state);
    }
}

/// Reads the servers of a page through `word`, which gives any word of it. The page may hold
/// anything.
pub fn servers(word: impl Fn(usize) -> u64) -> Vec<Server> {
    let mut all = Vec::new();
    for at in (0..SERVERS_SHOWN_MAX).filter_map(place) {
        let state = word(at);
        if state & PRESENT == 0 {
            break;
        }
        let (numbers, more) = (word(at + 1), word(at + 2));
        let bytes = (at + NAME_AT..at + SERVER_WORDS).flat_map(|w| word(w).to_le_bytes());
        all.push(Server {
            name: bytes.take_while(|byte| *byte != 0).map(printable).collect(),
            backend: low(more >> 32),
            weight: low(more),
            backup: state & BACKUP != 0,
            drained: state & DRAINED != 0,
            up: state & UP != 0,
            unhealthy: state & UNHEALTHY != 0,
            fails: low(state >> 8),
            open: low(numbers >> 32),
            busy: low(numbers),
            absent: state & ABSENT != 0,
            address: (state & NAMED != 0)
                .then(|| (u128::from(word(at + 3)) << 64 | u128::from(word(at + 4))).to_be_bytes()),
        });
    }
    all
}

fn place(index: usize) -> Option<usize> {
    (index < SERVERS_SHOWN_MAX).then(|| FIRST_WORD + index * SERVER_WORDS)
}

fn padded(bytes: &[u8]) -> [u8; SERVER_NAME_BYTES_MAX] {
    let mut out = [0; SERVER_NAME_BYTES_MAX];
    out[..bytes.len()].copy_from_slice(bytes);
    out
}

pub(crate) fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\') { char::from(byte) } else { '?' }
}

fn low(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_comes_back_and_keeps_the_end_of_a_long_name() {
        let counters = Counters::private();
        let one = Server {
            name: "unix:/run/a.sock".into(),
            backend: 9999,
            weight: 256,
            backup: true,
            drained: true,
            up: true,
            unhealthy: false,
            fails: 2,
            open: 3,
            busy: 4,
            address: Some(*b"0123456789abcdef"),
            absent: true,
        };
        counters.set_server(0, &one);
        let long = format!("unix:/{}/b.sock", "x".repeat(200));
        counters.set_server(1, &Server { name: long.clone(), ..Server::default() });
        counters.set_server(SERVERS_SHOWN_MAX, &one);
        let read = servers(|word| counters.get(word));
        assert_eq!(read.len(), 2);
        assert_eq!(read[0], one);
        assert!(read[0].is_named(&one.name) && read[1].is_named(&long) && !read[1].is_named(&one.name));
        assert!(!read[1].up && long.ends_with(&read[1].name) && read[1].name.len() == SERVER_NAME_BYTES_MAX);
    }

    #[test]
    fn whatever_a_page_holds_comes_out_printable() {
        for word in [u64::MAX, 0x2220_5c0a_1b7f_0101, 3] {
            let all = servers(|_| word);
            assert_eq!(all.len(), SERVERS_SHOWN_MAX);
            let ok = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
            assert!(all.iter().all(|server| server.name.chars().all(ok)), "{all:?}");
        }
        assert!(servers(|_| 0).is_empty());
    }

    #[test]
    fn servers_come_after_the_counters() {
        assert!(crate::FIRST + crate::dispatch::TABLE.len() <= FIRST_WORD);
    }
}
