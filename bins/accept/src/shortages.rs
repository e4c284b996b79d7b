//! The lines about a want of what a connection needs: the first time at once, then one a window
//! with the number of times. Nobody is to blame for it, so it is no line about a source.

use std::collections::BTreeMap;

use fosse_die::warning;

use crate::PROGRAM;
use crate::limits::REFUSALS_WINDOW_MS;

/// The thing that is wanting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Want {
    /// Descriptors or memory of the kernel.
    Descriptors,
    /// Room in any lane.
    Lanes,
    /// Room in the edge.
    Connections,
}

impl Want {
    /// Returns its word, and what raises the limit.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Descriptors => ("descriptors", "cure=\"a higher limit of open files for fosse-start\""),
            Self::Lanes => ("lanes", "limit=lane_connections_max"),
            Self::Connections => ("connections", "limit=connections_max"),
        }
    }
}

/// The wants of which a line spoke lately.
#[derive(Debug, Default)]
pub(crate) struct Shortages(BTreeMap<Want, Window>);

#[derive(Debug)]
struct Window {
    until_ms: u64,
    /// Times since its line.
    times: u64,
}

impl Shortages {
    /// Notes a want, where `live` connections are held.
    pub(crate) fn note(&mut self, want: Want, live: usize, now_ms: u64) {
        if let Some(window) = self.0.get_mut(&want) {
            window.times += 1;
        } else {
            report(want, 1, live);
            self.0.insert(want, Window { until_ms: now_ms.saturating_add(REFUSALS_WINDOW_MS), times: 0 });
        }
    }

    /// Reports the numbers of windows that have ended. A want that did not come again is over.
    pub(crate) fn tick(&mut self, live: usize, now_ms: u64) {
        self.0.retain(|want, window| {
            if now_ms < window.until_ms || window.times == 0 {
                return now_ms < window.until_ms;
            }
            report(*want, window.times, live);
            *window = Window { until_ms: now_ms.saturating_add(REFUSALS_WINDOW_MS), times: 0 };
            true
        });
    }
}

fn report(want: Want, times: u64, live: usize) {
    let (what, cure) = want.words();
    warning(PROGRAM, format_args!("event=exhausted what={what} times={times} live={live} {cure}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_want_has_a_line_a_window_and_is_over_once_a_window_has_none() {
        let mut shortages = Shortages::default();
        let times = |shortages: &Shortages| shortages.0.get(&Want::Lanes).map(|window| window.times);
        for now_ms in 0..5 {
            shortages.note(Want::Lanes, 7, now_ms);
        }
        shortages.note(Want::Descriptors, 7, 0);
        shortages.tick(7, REFUSALS_WINDOW_MS - 1);
        assert_eq!(times(&shortages), Some(4));
        shortages.tick(7, REFUSALS_WINDOW_MS);
        assert_eq!((times(&shortages), shortages.0.len()), (Some(0), 1));
        shortages.tick(7, 2 * REFUSALS_WINDOW_MS);
        assert_eq!(times(&shortages), None);
    }
}
