//! Questions about the connections of clients, in a page that fosse-status alone writes and every
//! lane reads.

use std::sync::atomic::{
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use fosse_sys::page::{Page, PageReader};

/// Words of the page of the question.
const QUESTION_WORDS: usize = 8;
/// Size of that page in bytes.
pub const QUESTION_PAGE_BYTES: u64 = (QUESTION_WORDS * 8) as u64;

/// A question of fosse-status to all lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The first connections.
    List,
    /// Those after them.
    Rest,
    /// The end of the connection of this number.
    End(u64),
    /// The end of the connections of a network: its first address and the bits that count.
    EndAll([u8; 16], u8),
}

impl Wanted {
    fn words(self) -> [u64; 4] {
        match self {
            Self::List => [1, 0, 0, 0],
            Self::Rest => [2, 0, 0, 0],
            Self::End(id) => [3, id, 0, 0],
            Self::EndAll(address, bits) => {
                let [upper, lower] = halves(&address);
                [4, upper, lower, u64::from(bits)]
            }
        }
    }

    fn of_words([kind, one, two, three]: [u64; 4]) -> Option<Self> {
        match (kind, u8::try_from(three)) {
            (1, _) => Some(Self::List),
            (2, _) => Some(Self::Rest),
            (3, _) => Some(Self::End(one)),
            (4, Ok(bits @ 0..=128)) => Some(Self::EndAll(address([one, two]), bits)),
            _ => None,
        }
    }
}

/// The side that asks.
#[derive(Debug)]
pub struct Question(Page);

impl Question {
    /// Takes over a page, whatever an earlier writer has asked. `None` where it is shorter than
    /// such a page.
    #[must_use]
    pub fn new(page: Page) -> Option<Self> {
        (page.words().len() >= QUESTION_WORDS).then_some(Self(page))
    }

    /// Asks something, and returns the number of the question.
    #[must_use]
    pub fn ask(&self, wanted: Wanted) -> u64 {
        let words = self.0.words();
        // Numbers go on over the death of who asks: a lane never says to one what it said to
        // another.
        let number = words[1].load(Relaxed).wrapping_add(1).max(1);
        words[0].store(0, Release);
        words[1].store(number, Relaxed);
        words[2..].iter().zip(wanted.words()).for_each(|(word, value)| word.store(value, Release));
        words[0].store(number, Release);
        number
    }

    /// Wants nothing any more.
    pub fn end(&self) {
        self.0.words()[0].store(0, Release);
    }
}

/// A lane's look at the question.
#[derive(Debug)]
pub struct QuestionReader(PageReader);

impl QuestionReader {
    /// Reads a page, which may hold anything.
    #[must_use]
    pub const fn new(page: PageReader) -> Self {
        Self(page)
    }

    /// Returns the number of the question that is open; 0 for none.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.get(0)
    }

    /// Returns the open question with its number. `None` where there is none, or it is being
    /// written.
    #[must_use]
    pub fn read(&self) -> Option<(u64, Wanted)> {
        let number = self.number();
        fence(Acquire);
        let wanted = Wanted::of_words([2, 3, 4, 5].map(|at| self.0.get(at)))?;
        fence(Acquire);
        (number != 0 && self.number() == number).then_some((number, wanted))
    }
}

pub(crate) fn halves(address: &[u8; 16]) -> [u64; 2] {
    let number = u128::from_be_bytes(*address);
    [u64::try_from(number >> 64).unwrap_or(0), u64::try_from(number & u128::from(u64::MAX)).unwrap_or(0)]
}

pub(crate) fn address([upper, lower]: [u64; 2]) -> [u8; 16] {
    (u128::from(upper) << 64 | u128::from(lower)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> (Question, QuestionReader) {
        let fd = fosse_sys::memfd::page("test", QUESTION_PAGE_BYTES).unwrap();
        let reader = QuestionReader::new(PageReader::map(&fd).unwrap());
        (Question::new(Page::map(&fd).unwrap()).unwrap(), reader)
    }

    #[test]
    fn a_question_comes_over_as_it_was_asked_and_ends() {
        let (question, reader) = question();
        assert_eq!((reader.read(), reader.number()), (None, 0));
        let all =
            [Wanted::List, Wanted::Rest, Wanted::End(9), Wanted::EndAll([3; 16], 128), Wanted::EndAll([0; 16], 0)];
        for (wanted, number) in all.into_iter().zip(1..) {
            assert_eq!((question.ask(wanted), reader.read()), (number, Some((number, wanted))));
        }
        question.end();
        assert_eq!(reader.read(), None);
        assert_eq!(question.ask(Wanted::List), 6, "numbers are not used again");
    }

    #[test]
    fn a_page_that_holds_anything_asks_nothing() {
        let fd = fosse_sys::memfd::page("test", QUESTION_PAGE_BYTES).unwrap();
        Page::map(&fd).unwrap().words().iter().for_each(|word| word.store(u64::MAX, Relaxed));
        assert_eq!(QuestionReader::new(PageReader::map(&fd).unwrap()).read(), None);
    }
}
