//! When a certificate is due: never before its last failure is long enough ago, at once where there
//! is none, in the window that its authority has named, and else at two thirds of its life.

use crate::limits::{BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN};
use crate::state::Failures;

/// The life of a certificate, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
}

impl Life {
    /// Returns its length; 0 where it ends before it begins.
    pub(crate) fn length(self) -> u64 {
        self.not_after.max(self.not_before) - self.not_before
    }
}

/// The window in which an authority wants a certificate to be renewed (RFC 9773, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Returns the second at which a certificate is ordered. `spread` is a number of its own, by which
/// certificates of one age are not all renewed at once.
pub(crate) fn due(life: Option<Life>, window: Option<Window>, failures: Option<&Failures>, spread: u64) -> u64 {
    let earliest = failures.map_or(0, |failures| failures.next);
    let wanted = match (life, window) {
        (None, _) => 0,
        (Some(life), Some(window)) => {
            // A place within the window that is the same at each look (section 4.2). Never so late
            // that nothing is served: what the authority says may be wrong.
            let at = window.start + part(window.end - window.start.min(window.end), spread);
            at.min(last_moment(life))
        }
        (Some(life), None) => {
            let length = life.length();
            let two_thirds = life.not_before + length / 3 * 2;
            // Up to a thirtieth of its life earlier.
            two_thirds - part(length / 30, spread).min(two_thirds)
        }
    };
    wanted.max(earliest)
}

/// Returns a moment with a tenth of the life left, by which it is renewed whatever the authority
/// says.
fn last_moment(life: Life) -> u64 {
    life.not_after - life.length() / 10
}

fn part(of: u64, spread: u64) -> u64 {
    // In 128 bits nothing overflows, and the result is below `of`.
    u64::try_from(u128::from(of) * u128::from(spread % 1024) / 1024).unwrap_or(of)
}

/// Returns the pause after this many failures in a row, `spread` as with [`due`].
pub(crate) fn backoff(count: u32, spread: u64) -> u64 {
    let doubled = BACKOFF_SECONDS_MIN << (count.clamp(1, 21) - 1);
    let most = doubled.min(BACKOFF_SECONDS_MAX);
    // An eighth less at most: those that failed together do not come back together.
    most - part(most / 8, spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;
    const LIFE: Life = Life { not_before: 1_000 * DAY, not_after: 1_090 * DAY };

    #[test]
    fn without_a_certificate_it_is_due_at_once_and_after_a_failure_when_that_is_over() {
        assert_eq!(due(None, None, None, 5), 0);
        let failures = Failures { count: 1, next: 77, last_error: String::new() };
        assert_eq!(due(None, None, Some(&failures), 5), 77);
    }

    #[test]
    fn a_life_of_90_days_ends_with_30_to_33_left() {
        for spread in [0, 1, 511, 1023, u64::MAX] {
            let at = due(Some(LIFE), None, None, spread);
            assert!((1_057 * DAY..=1_060 * DAY).contains(&at), "{at}");
        }
    }

    #[test]
    fn a_window_decides_and_is_believed_up_to_the_last_tenth_of_the_life() {
        let past = Window { start: 10, end: 20 };
        assert!((10..20).contains(&due(Some(LIFE), Some(past), None, 900)));
        let within = Window { start: 1_050 * DAY, end: 1_052 * DAY };
        let at = due(Some(LIFE), Some(within), None, 512);
        assert_eq!(at, 1_051 * DAY);
        let never = Window { start: 9_000 * DAY, end: u64::MAX };
        assert_eq!(due(Some(LIFE), Some(never), None, 1), 1_081 * DAY);
    }

    #[test]
    fn pauses_double_from_two_minutes_to_a_day_and_five_attempts_fit_into_an_hour() {
        let pauses: Vec<u64> = (1..=12).map(|count| backoff(count, 0)).collect();
        assert_eq!(pauses[..5], [120, 240, 480, 960, 1920]);
        assert_eq!(pauses[11], DAY);
        assert_eq!(backoff(u32::MAX, 0), DAY);
        assert!(pauses[..5].iter().sum::<u64>() > 3_600);
        assert!(backoff(3, 1023) >= 420 && backoff(3, 1023) < 480);
    }
}
