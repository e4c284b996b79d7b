//! The renewals of certificates that are ordered, in a page that fosse-acme alone writes and
//! fosse-status reads: when each is ordered again, and what went wrong last.
//!
//! The first row begins with the number of the rows behind it, which are by the number of the
//! certificate. A row is one value: `edition | next | failures (u32), names (u16), error (u16) |
//! bytes of the names and of the error`. Its edition is odd while it is being written, and who
//! reads then reads nothing.

use std::sync::atomic::{
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use fosse_sys::page::{Page, PageReader};

/// Certificates that there can be.
pub const RENEWALS_COUNT_MAX: usize = 10_000;
/// Size of the page in bytes. Memory is used for rows that are written.
pub const RENEWALS_PAGE_BYTES: u64 = ((1 + RENEWALS_COUNT_MAX) * ROW_WORDS * 8) as u64;

const ROW_WORDS: usize = 64;
const TEXT_AT: usize = 3;
const TEXT_BYTES: usize = (ROW_WORDS - TEXT_AT) * 8;
/// Bytes of the names that are kept, so that the error has its place.
const NAMES_BYTES_MAX: usize = 200;

const _: () = assert!(RENEWALS_PAGE_BYTES <= fosse_sys::page::PAGE_BYTES_MAX as u64);

/// The renewal of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// The second since 1970 at which it is ordered; 0 where that is not known yet.
    pub next: u64,
    /// Failures since it was had last.
    pub failures: u32,
    /// Its names with commas between them, as far as they have room.
    pub names: String,
    /// The last error; empty without.
    pub error: String,
}

/// The writer's side.
#[derive(Debug)]
pub struct RenewalsPage {
    page: Page,
    written: Vec<Renewal>,
}

impl RenewalsPage {
    /// Takes over a page for a number of certificates; what an earlier writer has left in it is
    /// gone. `None` where it is shorter than such a page.
    #[must_use]
    pub fn new(page: Page, count: usize) -> Option<Self> {
        let words = page.words();
        (words.len() >= (1 + count) * ROW_WORDS).then(|| words[0].store(0, Release))?;
        Some(Self { page, written: Vec::with_capacity(count.min(RENEWALS_COUNT_MAX)) })
    }

    /// Writes the rows of all certificates, as far as they have changed.
    pub fn show(&mut self, all: impl Iterator<Item = Renewal>) {
        let mut count = 0;
        for (at, renewal) in all.enumerate() {
            count = at + 1;
            let Some(row) = self.page.words().get(count * ROW_WORDS..).and_then(|rest| rest.get(..ROW_WORDS)) else {
                return;
            };
            match self.written.get_mut(at) {
                Some(before) if *before == renewal => {}
                Some(before) => {
                    write(row, &renewal);
                    *before = renewal;
                }
                None => {
                    write(row, &renewal);
                    self.written.push(renewal);
                }
            }
        }
        self.page.words()[0].store(u64::try_from(count).unwrap_or(0), Release);
    }
}

fn write(row: &[std::sync::atomic::AtomicU64], renewal: &Renewal) {
    let names = cut(&renewal.names, NAMES_BYTES_MAX);
    let error = cut(&renewal.error, TEXT_BYTES - names.len());
    let edition = row[0].load(Relaxed) & !1;
    row[0].store(edition.wrapping_add(1), Relaxed);
    // Whoever sees one of the words below sees that the edition is odd.
    fence(Release);
    row[1].store(renewal.next, Relaxed);
    let short = |length: usize| u64::try_from(length).unwrap_or(0);
    row[2].store(u64::from(renewal.failures) << 32 | short(names.len()) << 16 | short(error.len()), Relaxed);
    let text = [names, error].concat();
    for (word, bytes) in row[TEXT_AT..].iter().zip(text.chunks(8)) {
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_ne_bytes(eight), Relaxed);
    }
    row[0].store(edition.wrapping_add(2), Release);
}

fn cut(text: &str, bytes_max: usize) -> &[u8] {
    &text.as_bytes()[..text.floor_char_boundary(bytes_max)]
}

/// A reader's side. The page may hold anything.
#[derive(Debug)]
pub struct RenewalsReader(PageReader);

impl RenewalsReader {
    /// Reads a page. A shorter one has nothing in the rows it lacks.
    #[must_use]
    pub const fn new(page: PageReader) -> Self {
        Self(page)
    }

    /// Returns the rows with their numbers, without those that are being written.
    pub fn rows(&self) -> impl Iterator<Item = (usize, Renewal)> {
        let count = usize::try_from(self.0.get(0)).unwrap_or(usize::MAX).min(RENEWALS_COUNT_MAX);
        (0..count).filter_map(|at| Some((at, self.row((1 + at) * ROW_WORDS)?)))
    }

    fn row(&self, first: usize) -> Option<Renewal> {
        let edition = self.0.get(first);
        fence(Acquire);
        let mut words = Vec::with_capacity(ROW_WORDS);
        self.0.copy(first + 1, ROW_WORDS - 1, &mut words);
        fence(Acquire);
        if edition == 0 || !edition.is_multiple_of(2) || self.0.get(first) != edition {
            return None;
        }
        let word = |at: usize| words.get(at * 8..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
        let (next, lengths) = (word(0)?, word(1)?);
        let length = |shift: u32| usize::try_from(lengths >> shift & 0xffff).unwrap_or(usize::MAX);
        let text = words.get((TEXT_AT - 1) * 8..)?;
        let (names, rest) = text.split_at_checked(length(16))?;
        let error = rest.get(..length(0))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let failures = u32::try_from(lengths >> 32).unwrap_or(u32::MAX);
        Some(Renewal { next, failures, names: text(names), error: text(error) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> (RenewalsPage, RenewalsReader) {
        let fd = fosse_sys::memfd::page("test", RENEWALS_PAGE_BYTES).unwrap();
        let reader = RenewalsReader::new(PageReader::map(&fd).unwrap());
        (RenewalsPage::new(Page::map(&fd).unwrap(), 2).unwrap(), reader)
    }

    fn renewal(next: u64, error: &str) -> Renewal {
        Renewal { next, failures: 3, names: "a.example,b.example".to_owned(), error: error.to_owned() }
    }

    #[test]
    fn rows_come_back_as_they_were_written_and_change() {
        let (mut page, reader) = page();
        assert_eq!(reader.rows().count(), 0);
        page.show([renewal(7, ""), renewal(8, "no such name")].into_iter());
        assert_eq!(reader.rows().collect::<Vec<_>>(), [(0, renewal(7, "")), (1, renewal(8, "no such name"))]);
        page.show([renewal(7, ""), renewal(9, "x")].into_iter());
        assert_eq!(reader.rows().last(), Some((1, renewal(9, "x"))));
    }

    #[test]
    fn names_and_errors_that_are_too_long_are_cut_between_characters() {
        let (mut page, reader) = page();
        let long = Renewal { names: "é".repeat(300), error: "ü".repeat(300), ..Renewal::default() };
        page.show([long].into_iter());
        let (_, cut) = reader.rows().next().unwrap();
        assert_eq!((cut.names, cut.error), ("é".repeat(100), "ü".repeat((TEXT_BYTES - 200) / 2)));
    }

    #[test]
    fn a_page_that_holds_anything_is_read_all_the_same_and_a_row_that_is_being_written_is_not() {
        let fd = fosse_sys::memfd::page("test", 4096).unwrap();
        let (mut short, full) = (Page::map(&fd).unwrap(), Page::map(&fd).unwrap());
        let reader = RenewalsReader::new(PageReader::map(&fd).unwrap());
        full.words().iter().for_each(|word| word.store(u64::MAX - 1, Relaxed));
        assert_eq!(reader.rows().count(), 0, "lengths beyond the row");
        assert!(RenewalsPage::new(short, 8).is_none());
        short = Page::map(&fd).unwrap();
        let mut page = RenewalsPage::new(short, 1).unwrap();
        page.show([renewal(7, "")].into_iter());
        full.words()[ROW_WORDS].fetch_add(1, Relaxed);
        assert_eq!(reader.rows().count(), 0);
    }
}
