//! The connections of clients as people may see them: what each lane says to a question of
//! fosse-status, in words of its own counter page.
//!
//! A lane says what it has some 300 connections at a time, and wipes it when the question is over.
//! Whoever reads believes nothing: numbers come out as they are, texts in printable ASCII.

use std::sync::atomic::Ordering::Acquire;

use fosse_sys::page::PageReader;

use crate::{
    Counters, PAGE_WORDS,
    questions::{address, halves},
    servers::printable,
};

/// The first word of a counter page in which a lane says something: its counters end before it.
const FIRST_WORD: usize = 512;
/// The words before the rows: the number of the question, the number of rows, whether that is all,
/// and the number of connections that were ended.
const HEADER_WORDS: usize = 4;
/// Words of a connection.
const ROW_WORDS: usize = 24;
/// Words of its numbers.
const NUMBER_WORDS: usize = 8;
/// Bytes of the name of its site.
const SITE_BYTES_MAX: usize = 48;
/// Bytes of its request: method and path.
pub const SHOWN_REQUEST_BYTES_MAX: usize = (ROW_WORDS - NUMBER_WORDS) * 8 - SITE_BYTES_MAX;
/// Connections that a lane shows at a time.
const ROWS_MAX: usize = (PAGE_WORDS - FIRST_WORD - HEADER_WORDS) / ROW_WORDS;

/// The state of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionState {
    /// It waits for a request.
    #[default]
    Idle,
    /// A request comes.
    Request,
    /// The request has come, and no response yet.
    Waits,
    /// A response goes out.
    Response,
    /// It has changed its protocol.
    Upgraded,
    /// It ends.
    Ends,
}

impl ConnectionState {
    const ALL: [Self; 6] = [Self::Idle, Self::Request, Self::Waits, Self::Response, Self::Upgraded, Self::Ends];

    /// Returns its word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Request => "request",
            Self::Waits => "waits",
            Self::Response => "response",
            Self::Upgraded => "upgraded",
            Self::Ends => "ends",
        }
    }
}

/// One connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionRow {
    /// accept's number.
    pub id: u64,
    /// The client, IPv4 mapped into IPv6: behind a trusted proxy the one that it names.
    pub client: [u8; 16],
    /// Its port.
    pub port: u16,
    /// Number of its listener.
    pub listener: u16,
    /// The port of that.
    pub listener_port: u16,
    /// Its state.
    pub state: ConnectionState,
    /// The time since which it is there, on the monotonic clock in milliseconds.
    pub since_ms: u64,
    /// Requests so far.
    pub requests: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that went.
    pub bytes_out: u64,
    /// Name of the site of its request; empty without one.
    pub site: String,
    /// Method and path of its request, as far as they are kept.
    pub request: String,
}

/// A lane's side of what it says.
#[derive(Debug)]
pub struct Saying<'a> {
    counters: &'a Counters,
    rows: usize,
}

impl<'a> Saying<'a> {
    /// Begins to say something.
    #[must_use]
    pub const fn begin(counters: &'a Counters) -> Self {
        Self::go_on(counters, 0)
    }

    /// Goes on after `rows` rows.
    #[must_use]
    pub const fn go_on(counters: &'a Counters, rows: usize) -> Self {
        Self { counters, rows }
    }

    /// Returns the number of rows so far.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Returns whether there is no room for another row.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX
    }

    /// Adds a row, where there is room.
    pub fn push(&mut self, row: &ConnectionRow) {
        if self.is_full() {
            return;
        }
        let [upper, lower] = halves(&row.client);
        let state =
            ConnectionState::ALL.iter().position(|state| *state == row.state).and_then(|at| u16::try_from(at).ok());
        let parts = [row.port, row.listener, row.listener_port, state.unwrap_or(0)];
        let parts = parts.iter().rev().fold(0, |word, part| word << 16 | u64::from(*part));
        let numbers = [row.id, upper, lower, parts, row.since_ms, row.requests, row.bytes_in, row.bytes_out];
        let mut texts = [0; (ROW_WORDS - NUMBER_WORDS) * 8];
        for (text, room) in [(&row.site, 0..SITE_BYTES_MAX), (&row.request, SITE_BYTES_MAX..texts.len())] {
            texts[room].iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
        }
        let texts = texts.as_chunks().0.iter().map(|piece| u64::from_le_bytes(*piece));
        let at = FIRST_WORD + HEADER_WORDS + self.rows * ROW_WORDS;
        numbers.into_iter().chain(texts).enumerate().for_each(|(word, value)| self.counters.set(at + word, value));
        self.rows += 1;
    }

    /// Publishes it as what is said to that question: whether these rows are the last, and how many
    /// connections were ended.
    pub fn publish(&self, number: u64, is_all: bool, ended: u64) {
        let rows = u64::try_from(self.rows).unwrap_or(0);
        for (at, value) in [(1, rows), (2, u64::from(is_all)), (3, ended)] {
            self.counters.set(FIRST_WORD + at, value);
        }
        self.counters.publish(FIRST_WORD, number);
    }

    /// Wipes everything that was said.
    pub fn wipe(counters: &Counters) {
        (FIRST_WORD..PAGE_WORDS).filter(|at| counters.get(*at) != 0).for_each(|at| counters.set(at, 0));
    }
}

/// A lane's response to a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Some of its connections.
    pub rows: Vec<ConnectionRow>,
    /// Those are the last.
    pub is_all: bool,
    /// Connections that it has ended.
    pub ended: u64,
}

impl Said {
    /// Reads what a counter page says to the question of that number; `None` as long as it says
    /// nothing to it.
    #[must_use]
    pub fn read(number: u64, page: &PageReader) -> Option<Self> {
        let header = |at| page.get(FIRST_WORD + at);
        if header(0) != number {
            return None;
        }
        std::sync::atomic::fence(Acquire);
        let rows = usize::try_from(header(1)).unwrap_or(0).min(ROWS_MAX);
        let rows = (0..rows).map(|row| read_row(page, FIRST_WORD + HEADER_WORDS + row * ROW_WORDS)).collect();
        Some(Self { rows, is_all: header(2) != 0, ended: header(3) })
    }
}

fn read_row(page: &PageReader, at: usize) -> ConnectionRow {
    let word = |index: usize| page.get(at + index);
    let part = |number: u32| u16::try_from(word(3) >> (16 * number) & 0xffff).unwrap_or(0);
    let text = |from: usize, bytes: usize| {
        let words = (from..from + bytes / 8).flat_map(|index| word(index).to_le_bytes());
        words.take_while(|byte| *byte != 0).map(|byte| if byte == b' ' { ' ' } else { printable(byte) }).collect()
    };
    ConnectionRow {
        id: word(0),
        client: address([word(1), word(2)]),
        port: part(0),
        listener: part(1),
        listener_port: part(2),
        state: ConnectionState::ALL.get(usize::from(part(3))).copied().unwrap_or_default(),
        since_ms: word(4),
        requests: word(5),
        bytes_in: word(6),
        bytes_out: word(7),
        site: text(NUMBER_WORDS, SITE_BYTES_MAX),
        request: text(NUMBER_WORDS + SITE_BYTES_MAX / 8, SHOWN_REQUEST_BYTES_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_sys::page::Page;
    use std::sync::atomic::Ordering::Relaxed;

    fn lane() -> (Counters, PageReader) {
        let fd = fosse_sys::memfd::page("test", crate::PAGE_BYTES).unwrap();
        (Counters::shared(Page::map(&fd).unwrap()), PageReader::map(&fd).unwrap())
    }

    fn row(id: u64) -> ConnectionRow {
        ConnectionRow {
            id,
            client: [7; 16],
            port: 1,
            listener: 2,
            listener_port: 65_535,
            state: ConnectionState::Upgraded,
            since_ms: 3,
            requests: 4,
            bytes_in: u64::MAX,
            bytes_out: 5,
            site: "a.example".into(),
            request: "GET /a".into(),
        }
    }

    #[test]
    fn rows_come_over_whole_and_what_is_too_long_is_cut() {
        let (counters, page) = lane();
        let mut saying = Saying::begin(&counters);
        let long = ConnectionRow { site: "s".repeat(100), request: "r\u{e9}\n".repeat(100), ..row(2) };
        [row(1), long].iter().for_each(|row| saying.push(row));
        assert_eq!(Said::read(5, &page), None, "nothing is published");
        saying.publish(5, true, 0);
        let said = Said::read(5, &page).unwrap();
        assert_eq!((said.rows.len(), &said.rows[0], said.is_all), (2, &row(1), true));
        assert_eq!((said.rows[1].site.len(), said.rows[1].request.len()), (SITE_BYTES_MAX, SHOWN_REQUEST_BYTES_MAX));
        assert!(said.rows[1].request.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", said.rows[1]);
        assert_eq!(Said::read(4, &page), None);
        Saying::wipe(&counters);
        assert!((0..PAGE_WORDS).all(|at| page.get(at) == 0));
    }

    #[test]
    fn a_page_has_room_for_some_hundred_and_none_is_written_beyond_it() {
        let (counters, page) = lane();
        let mut saying = Saying::begin(&counters);
        (0..1000).for_each(|id| saying.push(&row(id)));
        assert!(saying.is_full());
        saying.publish(1, false, 7);
        let said = Said::read(1, &page).unwrap();
        assert_eq!(
            (said.rows.len(), said.rows.last(), said.is_all, said.ended),
            (ROWS_MAX, Some(&row(ROWS_MAX as u64 - 1)), false, 7)
        );
        assert!(crate::FIRST + crate::parse::TABLE.len() <= FIRST_WORD);
    }

    #[test]
    fn pages_that_hold_anything_are_read_all_the_same() {
        let fd = fosse_sys::memfd::page("test", crate::PAGE_BYTES).unwrap();
        let page = Page::map(&fd).unwrap();
        page.words().iter().for_each(|word| word.store(u64::MAX, Relaxed));
        let said = Said::read(u64::MAX, &PageReader::map(&fd).unwrap()).unwrap();
        assert_eq!((said.rows.len(), said.rows[0].state), (ROWS_MAX, ConnectionState::Idle));
    }
}
