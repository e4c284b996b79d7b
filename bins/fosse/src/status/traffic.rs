//! The traffic of an edge, by site and by backend: what fosse-status says of it, and the tables
//! that show it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use fosse_counters::{ROW_NONE, Traffic};

/// Rows of a table without `--all`: two tables and the summary fit a screen.
const ROWS_SHOWN_MAX: usize = 10;
/// Columns of a name in a table.
const NAME_COLUMNS: usize = 22;

/// The order of the rows of a table: most of it first, names from a to z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Requests,
    ClientErrors,
    ServerErrors,
    Time,
    Name,
}

impl Order {
    /// Returns the order that a word of the command line means; without one the default.
    pub(super) fn of_word(word: Option<&str>) -> Self {
        match word {
            Some("4xx") => Self::ClientErrors,
            Some("5xx") => Self::ServerErrors,
            Some("p99") => Self::Time,
            Some("name") => Self::Name,
            _ => Self::Requests,
        }
    }

    /// Returns the order that a key means.
    pub(super) const fn of_key(key: u8) -> Option<Self> {
        Some(match key {
            b'r' => Self::Requests,
            b'4' => Self::ClientErrors,
            b'5' => Self::ServerErrors,
            b'p' => Self::Time,
            b'n' => Self::Name,
            _ => return None,
        })
    }
}

/// The traffic of all sites or of all backends, by name.
pub(super) type ByName = BTreeMap<String, Traffic>;

/// The traffic of an edge.
#[derive(Clone, Debug, Default)]
pub(super) struct ByKind {
    pub(super) sites: ByName,
    pub(super) backends: ByName,
}

impl ByKind {
    /// Reads lines `site|backend name 1xx 2xx 3xx 4xx 5xx aborted denied sum_us times`; what is no
    /// such line is left out.
    pub(super) fn read(lines: &str) -> Self {
        let mut all = Self::default();
        for line in lines.lines() {
            let mut words = line.split(' ');
            let of = match words.next() {
                Some("site") => &mut all.sites,
                Some("backend") => &mut all.backends,
                _ => continue,
            };
            if let Some(name) = words.next() {
                of.insert(name.to_owned(), row(words));
            }
        }
        all
    }

    /// Returns the sum over all sites.
    pub(super) fn sum(&self) -> Traffic {
        let mut sum = Traffic::default();
        self.sites.values().for_each(|traffic| sum.add(traffic));
        sum
    }
}

fn row<'a>(mut words: impl Iterator<Item = &'a str>) -> Traffic {
    let number = |text: &str| text.parse().unwrap_or(0);
    let mut next = || words.next().map_or(0, number);
    let mut traffic = Traffic { statuses: std::array::from_fn(|_| next()), ..Traffic::default() };
    (traffic.aborted, traffic.denied, traffic.times.sum_us) = (next(), next(), next());
    let times = words.next().unwrap_or_default().split(',').map(number);
    traffic.times.counts.iter_mut().zip(times).for_each(|(count, time)| *count = time);
    traffic
}

/// Returns what has been counted since an earlier look, by name.
pub(super) fn since(now: &ByName, before: &ByName) -> ByName {
    let nothing = Traffic::default();
    let earlier = |name: &str| before.get(name).unwrap_or(&nothing);
    now.iter().map(|(name, traffic)| (name.clone(), traffic.since(earlier(name)))).collect()
}

/// One table: its title, and everything that it shows.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) title: &'a str,
    /// All that was ever counted.
    pub(super) total: &'a ByName,
    /// That of the last seconds, and their number in milliseconds; without, quantiles are of all.
    pub(super) recent: Option<(&'a ByName, u64)>,
    pub(super) order: Order,
    /// All rows are shown.
    pub(super) all: bool,
}

impl Table<'_> {
    /// Returns the table, in 80 columns.
    pub(super) fn page(&self) -> String {
        let titles = ["RESPONSES", "PER S", "4XX", "5XX", "P50 MS", "P99 MS"];
        let mut out = format!("\n{:NAME_COLUMNS$}{}\n", self.title, columns(&titles.map(str::to_owned)));
        // What belongs to no site is no line before there is any.
        let mut rows: Vec<_> = self.total.iter().filter(|(name, t)| *name != ROW_NONE || t.responses() > 0).collect();
        rows.sort_by_cached_key(|(name, total)| (self.key(name, total), (*name).clone()));
        let shown = if self.all { rows.len() } else { ROWS_SHOWN_MAX };
        for (name, total) in rows.iter().take(shown) {
            let _ = writeln!(out, "{:NAME_COLUMNS$}{}", short(name), columns(&self.row(name, total)));
        }
        if rows.len() > shown {
            let _ = writeln!(out, "and {} more: --all", rows.len() - shown);
        }
        out
    }

    /// Returns the traffic of a row in the last seconds, or all of it.
    fn latest<'t>(&'t self, name: &str, total: &'t Traffic) -> &'t Traffic {
        self.recent.and_then(|(recent, _)| recent.get(name)).unwrap_or(total)
    }

    /// Returns the place of a row in the order: by the last seconds first.
    fn key(&self, name: &str, total: &Traffic) -> Reverse<(u64, u64)> {
        let value = |traffic: &Traffic| match self.order {
            Order::Requests => traffic.responses(),
            Order::ClientErrors => traffic.statuses[3],
            Order::ServerErrors => traffic.statuses[4],
            Order::Time => traffic.times.quantile_us(99).unwrap_or(0),
            Order::Name => 0,
        };
        Reverse((value(self.latest(name, total)), value(total)))
    }

    fn row(&self, name: &str, total: &Traffic) -> [String; 6] {
        let latest = self.latest(name, total);
        let rate = |(_, ms): (&ByName, u64)| per_second(latest.responses(), ms).to_string();
        [
            total.responses().to_string(),
            self.recent.map_or("-".to_owned(), rate),
            total.statuses[3].to_string(),
            total.statuses[4].to_string(),
            milliseconds(latest.times.quantile_us(50)),
            milliseconds(latest.times.quantile_us(99)),
        ]
    }
}

/// Columns of each number of a table, with the space before it.
const WIDTHS: [usize; 6] = [13, 8, 10, 10, 8, 8];

fn columns(all: &[String; 6]) -> String {
    let column = |(text, width): (&String, usize)| format!("{:>width$}", fitted(text, width - 1));
    all.iter().zip(WIDTHS).map(column).collect()
}

/// Returns a number as it is, or where it is too wide, in thousands, millions and so on.
pub(super) fn fitted(text: &str, width: usize) -> String {
    let mut short = text.to_owned();
    for unit in ["k", "M", "G", "T", "P", "E"] {
        if short.len() <= width {
            break;
        }
        let digits = short.trim_end_matches(|c: char| !c.is_ascii_digit());
        short = format!("{}{unit}", &digits[..digits.len() - digits.len().min(3)]);
    }
    short
}

/// Returns a name that fits its column: a long one loses its middle.
fn short(name: &str) -> String {
    if name.len() <= NAME_COLUMNS {
        return name.to_owned();
    }
    // Names are printable ASCII, whatever fosse-status was sent.
    let half = NAME_COLUMNS / 2 - 1;
    format!("{}..{}", &name[..half], &name[name.len() - half..])
}

/// Returns how many of a count were in one second of some milliseconds.
pub(super) fn per_second(count: u64, ms: u64) -> u64 {
    u64::try_from(u128::from(count) * 1000 / u128::from(ms.max(1))).unwrap_or(u64::MAX)
}

/// Returns a time as milliseconds, with a tenth where it is short.
pub(super) fn milliseconds(us: Option<u64>) -> String {
    match us {
        None => "-".to_owned(),
        Some(us) if us < 10_000 => format!("{}.{}", us / 1000, us / 100 % 10),
        Some(us) => (us / 1000).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(all: &[(&str, u64, u64, u64)]) -> ByName {
        let traffic = |responses, client_errors, class: u64| {
            let mut traffic = Traffic { statuses: [0, responses, 0, client_errors, 0], ..Traffic::default() };
            traffic.times.counts[usize::try_from(class).unwrap()] = responses;
            traffic
        };
        all.iter()
            .map(|(name, responses, errors, class)| ((*name).into(), traffic(*responses, *errors, *class)))
            .collect()
    }

    fn names(table: &Table<'_>) -> Vec<String> {
        let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        table.page().lines().skip(2).map(first).collect()
    }

    #[test]
    fn a_line_is_read_and_what_is_none_is_left_out() {
        let all = ByKind::read("site a 1 2 3 4 5 6 7 8 9,0,10\nbackend b 0 1\nserver c 1\nsite\n\n");
        let a = &all.sites["a"];
        assert_eq!((a.statuses, a.aborted, a.denied, a.times.sum_us), ([1, 2, 3, 4, 5], 6, 7, 8));
        assert_eq!((&a.times.counts[..4], a.responses()), (&[9, 0, 10, 0][..], 15));
        assert_eq!((all.sites.len(), all.backends["b"].responses()), (1, 1));
    }

    #[test]
    fn rows_come_in_the_order_that_is_asked_for() {
        let total = named(&[("a", 5, 9, 1), ("b", 7, 1, 3), ("c", 7, 2, 2), ("-", 0, 0, 0)]);
        let table = |order| Table { title: "SITE", total: &total, recent: None, order, all: false };
        for (word, expected) in [
            (None, ["a", "c", "b"]),
            (Some("4xx"), ["a", "c", "b"]),
            (Some("p99"), ["b", "c", "a"]),
            (Some("name"), ["a", "b", "c"]),
        ] {
            assert_eq!(names(&table(Order::of_word(word))), expected, "{word:?}");
        }
        // The last seconds come first.
        let recent = named(&[("a", 0, 0, 0), ("b", 20, 0, 1), ("c", 0, 0, 0)]);
        let table = Table { recent: Some((&recent, 2000)), ..table(Order::Requests) };
        assert_eq!(names(&table), ["b", "a", "c"]);
        assert!(table.page().contains("      10         1"), "{}", table.page());
    }

    #[test]
    fn a_table_fits_a_terminal_whatever_it_holds_and_says_how_much_it_leaves_out() {
        let name = |at: usize| format!("{at}{}", "x".repeat(63));
        let huge = Traffic { statuses: [0, u64::MAX, 0, u64::MAX, u64::MAX], ..Traffic::default() };
        let total: ByName = (10..30).map(|at| (name(at), huge.clone())).collect();
        let mut table =
            Table { title: "BACKEND", total: &total, recent: Some((&total, 1)), order: Order::Name, all: false };
        let text = table.page();
        assert!(text.lines().all(|line| line.len() <= 79), "{text}");
        assert!(text.lines().count() == 13 && text.ends_with("and 10 more: --all\n"), "{text}");
        table.all = true;
        assert_eq!(table.page().lines().count(), 22);
    }

    #[test]
    fn times_are_in_milliseconds_and_numbers_too_wide_lose_their_ends() {
        assert_eq!([None, Some(0), Some(9_999), Some(10_000)].map(milliseconds), ["-", "0.0", "9.9", "10"]);
        assert_eq!(
            (fitted("1234567", 7), fitted("12345678", 7), fitted("1234567890123", 4)),
            ("1234567".into(), "12345k".into(), "1T".into())
        );
    }
}
