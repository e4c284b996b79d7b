//! Traffic by site and by backend, behind the fixed part of a page: a row for each, so that a
//! reader of the page needs no configuration to show them. parse has a row for each site and a last
//! one for what belongs to none, dispatch one for each backend, waf-filter one for each rule that
//! has denied.

use std::sync::atomic::{Ordering, fence};

use crate::{Counters, PAGE_BYTES, PAGE_WORDS, servers::printable};

/// Upper bounds of the classes of time that are counted, in microseconds; a last one has what is
/// longer. They are round, since people set their goals at round numbers, and no more than a factor
/// of two apart, so that a quantile read off them is at most so far from the truth.
pub const TIME_BOUNDS_US: [u64; 34] = [
    100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 50_000, 75_000,
    100_000, 150_000, 200_000, 300_000, 500_000, 750_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000, 5_000_000,
    7_500_000, 10_000_000, 15_000_000, 20_000_000, 30_000_000, 60_000_000,
];
/// Classes of time.
pub const TIMES: usize = TIME_BOUNDS_US.len() + 1;
/// Classes of status, 1xx to 5xx.
pub const STATUSES: usize = 5;

const ABORTED: usize = STATUSES;
const DENIED: usize = ABORTED + 1;
const SUM_US: usize = DENIED + 1;
const FIRST_TIME: usize = SUM_US + 1;
/// Words of a row that count; its name comes after them.
pub(crate) const ROW_COUNTS: usize = FIRST_TIME + TIMES;
const NAME: usize = ROW_COUNTS;
pub(crate) const NAME_WORDS: usize = 8;
const ROW_WORDS: usize = NAME + NAME_WORDS;

/// Bytes of a row's name; a longer one keeps its end.
const ROW_NAME_BYTES_MAX: usize = 64;
const _: () = assert!(ROW_NAME_BYTES_MAX == NAME_WORDS * 8);
/// Rows of a page: the most sites or backends of a configuration, and one for what belongs to none.
/// A lane of such an edge has 8 MiB of them; one of ten sites has 5 KiB.
pub const ROWS_MAX: usize = 10_001;
/// Rows of waf-filter's page: the rules that have denied something, in the order in which each did
/// so first, and one for all further ones. The Core Rule Set has 250 that find attacks.
pub const RULE_ROWS: usize = 512;
/// The name of the row for what belongs to none: no host and no backend has it.
pub const ROW_NONE: &str = "-";

const _: () = assert!(PAGE_WORDS + ROWS_MAX * ROW_WORDS <= fosse_sys::page::PAGE_BYTES_MAX / 8);

/// Returns the size of a page with this number of rows, in bytes.
#[must_use]
pub fn page_bytes(rows: usize) -> u64 {
    // 4 MiB at most.
    PAGE_BYTES + u64::try_from(rows.min(ROWS_MAX) * ROW_WORDS * 8).unwrap_or(0)
}

/// The traffic of one site or backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Responses by class of status, 1xx first.
    pub statuses: [u64; STATUSES],
    /// Exchanges that ended without a whole response.
    pub aborted: u64,
    /// Exchanges that a rule denied.
    pub denied: u64,
    /// Responses by class of time.
    pub times: Times,
}

/// A histogram of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// Sum of all times, in microseconds.
    pub sum_us: u64,
    /// The number of times in each class.
    pub counts: [u64; TIMES],
}

impl Default for Times {
    fn default() -> Self {
        Self { sum_us: 0, counts: [0; TIMES] }
    }
}

impl Traffic {
    /// Returns the number of responses.
    #[must_use]
    pub fn responses(&self) -> u64 {
        self.statuses.iter().fold(0, |all, count| all.wrapping_add(*count))
    }

    /// Adds what another process has counted.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, u64::wrapping_add);
    }

    /// Returns what has been counted since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut grown = self.clone();
        // A process that has ended may be counted neither as living nor as dead in one look.
        grown.combine(before, |now, before| now.max(before) - before);
        grown
    }

    fn combine(&mut self, other: &Self, each: impl Fn(u64, u64) -> u64) {
        let pairs =
            [(&mut self.statuses[..], &other.statuses[..]), (&mut self.times.counts[..], &other.times.counts[..])];
        for (mine, theirs) in pairs {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = each(*mine, *theirs));
        }
        self.aborted = each(self.aborted, other.aborted);
        self.denied = each(self.denied, other.denied);
        self.times.sum_us = each(self.times.sum_us, other.times.sum_us);
    }
}

impl Times {
    /// Returns the number of times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |all, count| all.wrapping_add(*count))
    }

    /// Returns the microseconds that `percent` of all times do not exceed, within its class as if
    /// they were spread evenly there; `None` where nothing was counted. What is beyond the last
    /// bound is that bound.
    #[must_use]
    pub fn quantile_us(&self, percent: u64) -> Option<u64> {
        let all = u128::from(self.count());
        let wanted = (all * u128::from(percent)).div_ceil(100).max(1);
        let mut before = 0;
        for (at, count) in self.counts.iter().enumerate() {
            let here = u128::from(*count);
            if here > 0 && before + here >= wanted {
                let low = at.checked_sub(1).map_or(0, |below| TIME_BOUNDS_US[below]);
                let width = TIME_BOUNDS_US.get(at).map_or(0, |high| high - low);
                return Some(low + u64::try_from(u128::from(width) * (wanted - before) / here).unwrap_or(width));
            }
            before += here;
        }
        None
    }
}

impl Counters {
    /// Names a row: what has no name is not shown.
    pub fn name_row(&self, row: usize, name: &str) {
        self.set_name(place(row) + NAME, name);
    }

    /// Writes a name, whose first word is `at`.
    pub(crate) fn set_name(&self, at: usize, name: &str) {
        let bytes = name.as_bytes();
        let tail = bytes.last_chunk::<ROW_NAME_BYTES_MAX>().map_or(bytes, |tail| tail);
        for (word, piece) in (at..at + NAME_WORDS).zip(tail.chunks(8)).rev() {
            // The first word comes last: whoever sees it sees the whole name.
            fence(Ordering::Release);
            self.set(word, piece.iter().rev().fold(0, |all, byte| (all << 8) | u64::from(*byte)));
        }
    }

    /// Counts a response by its status.
    #[inline]
    pub fn count_status(&self, row: usize, status: u16) {
        // 600 to 999 are to be taken for 5xx (RFC 9110, section 15).
        if let class @ 1..=9 = status / 100 {
            self.add(place(row) + usize::from(class.min(5)) - 1, 1);
        }
    }

    /// Counts the time that a response took.
    #[inline]
    pub fn count_time(&self, row: usize, us: u64) {
        let at = place(row);
        self.add(at + FIRST_TIME + TIME_BOUNDS_US.partition_point(|bound| *bound < us), 1);
        self.add(at + SUM_US, us);
    }

    /// Counts an exchange that has ended without a whole response.
    pub fn count_aborted(&self, row: usize) {
        self.add(place(row) + ABORTED, 1);
    }

    /// Counts an exchange that a rule denied.
    pub fn count_denied(&self, row: usize) {
        self.add(place(row) + DENIED, 1);
    }
}

/// Returns the number of rows of a page of `words`.
#[must_use]
pub fn rows(words: usize) -> usize {
    words.checked_sub(PAGE_WORDS).map_or(0, |words| words / ROW_WORDS).min(ROWS_MAX)
}

/// Reads the name of a row through `word`, which gives any word of its page; `None` where it has
/// none. The page may hold anything; a name comes out printable, without spaces, quotes and
/// backslashes.
pub fn row_name(row: usize, word: impl Fn(usize) -> u64) -> Option<String> {
    name_at(place(row) + NAME, word)
}

/// Reads the name whose first word is `at`, in the same way.
pub(crate) fn name_at(at: usize, word: impl Fn(usize) -> u64) -> Option<String> {
    let first = word(at);
    fence(Ordering::Acquire);
    let words = [first].into_iter().chain((at + 1..at + NAME_WORDS).map(word));
    let bytes = words.flat_map(u64::to_le_bytes).take_while(|byte| *byte != 0);
    (first != 0).then(|| bytes.map(printable).collect())
}

/// Reads the traffic of a row in the same way.
pub fn row_traffic(row: usize, word: impl Fn(usize) -> u64) -> Traffic {
    traffic_at(place(row), word)
}

/// Reads all words of a row that count, in their order.
pub fn row_counts(row: usize, word: impl Fn(usize) -> u64) -> [u64; ROW_COUNTS] {
    std::array::from_fn(|index| word(place(row) + index))
}

/// Reads the traffic whose first word is `at`.
pub(crate) fn traffic_at(at: usize, word: impl Fn(usize) -> u64) -> Traffic {
    Traffic {
        statuses: std::array::from_fn(|class| word(at + class)),
        aborted: word(at + ABORTED),
        denied: word(at + DENIED),
        times: Times { sum_us: word(at + SUM_US), counts: std::array::from_fn(|class| word(at + FIRST_TIME + class)) },
    }
}

/// Returns the first word of a row. One beyond the page is written to nowhere.
const fn place(row: usize) -> usize {
    let row = if row < ROWS_MAX { row } else { ROWS_MAX };
    PAGE_WORDS + row * ROW_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_sys::page::Page;

    fn page(rows: usize) -> (Counters, usize) {
        let fd = fosse_sys::memfd::page("test", page_bytes(rows)).unwrap();
        let page = Page::map(&fd).unwrap();
        let words = page.words().len();
        (Counters::shared(page), words)
    }

    /// Returns the rows of a page that have names.
    fn traffic(words: usize, word: impl Fn(usize) -> u64) -> Vec<(String, Traffic)> {
        (0..rows(words)).filter_map(|row| Some((row_name(row, &word)?, row_traffic(row, &word)))).collect()
    }

    #[test]
    fn a_row_comes_back_with_its_name_and_no_other_is_touched() {
        let (counters, words) = page(3);
        counters.name_row(0, "a.example");
        counters.name_row(2, &format!("{}.b\"\u{e9}", "x".repeat(100)));
        counters.count_status(0, 204);
        counters.count_status(0, 599);
        counters.count_status(0, 99);
        counters.count_status(0, 999);
        counters.count_status(0, 1000);
        counters.count_aborted(0);
        counters.count_denied(0);
        for us in [0, 100, 101, 60_000_000, 60_000_001] {
            counters.count_time(0, us);
        }
        for row in [3, ROWS_MAX, usize::MAX] {
            counters.count_status(row, 200);
            counters.count_time(row, 1);
        }
        let rows = traffic(words, |at| counters.get(at));
        let mut counts = [0; TIMES];
        (counts[0], counts[1], counts[TIMES - 2], counts[TIMES - 1]) = (2, 1, 1, 1);
        let times = Times { sum_us: 120_000_202, counts };
        assert_eq!(rows.len(), 2);
        let expected = Traffic { statuses: [0, 1, 0, 0, 2], aborted: 1, denied: 1, times };
        assert_eq!(rows[0], ("a.example".to_owned(), expected));
        assert!(rows[1].0.ends_with(".b???") && rows[1].0.len() == ROW_NAME_BYTES_MAX, "{rows:?}");
        assert_eq!(rows[1].1, Traffic::default());
    }

    #[test]
    fn a_page_without_rows_has_none_and_one_full_of_anything_is_bounded() {
        assert!(traffic(PAGE_WORDS, |_| u64::MAX).is_empty() && traffic(0, |_| u64::MAX).is_empty());
        let rows = traffic(usize::MAX, |_| u64::MAX);
        assert_eq!(rows.len(), ROWS_MAX);
        assert!(rows.iter().all(|(name, _)| name.chars().all(|c| c == '?')));
        // Sums of anything wrap.
        assert!(rows[0].1.times.quantile_us(99).is_some());
        assert!(rows[0].1.since(&rows[1].1) == Traffic::default());
    }

    #[test]
    fn bounds_rise_by_no_more_than_a_factor_of_two() {
        assert!(TIME_BOUNDS_US.windows(2).all(|pair| pair[0] < pair[1] && pair[1] <= pair[0] * 2));
    }

    #[test]
    fn a_quantile_lies_in_the_class_in_which_it_is() {
        let mut times = Times::default();
        assert_eq!(times.quantile_us(50), None);
        times.counts[5] = 98;
        times.counts[17] = 2;
        let (half, most) = (times.quantile_us(50).unwrap(), times.quantile_us(99).unwrap());
        assert!((751..=1000).contains(&half) && (75_001..=100_000).contains(&most), "{half} {most}");
        assert_eq!(times.quantile_us(100), Some(100_000));
        times.counts = [0; TIMES];
        times.counts[0] = 1;
        assert_eq!(times.quantile_us(99), Some(100));
    }
}
