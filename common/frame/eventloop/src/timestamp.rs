//! Wall-clock time as logs write it, in UTC.

use std::fmt::{self, Display};

use rustix::time::{ClockId, clock_gettime};

/// Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar.
const DAYS_TO_1970: i64 = 719_468;
/// Days of 400 years, after which the calendar repeats itself.
const ERA_DAYS: i64 = 146_097;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A point in time, to the millisecond. Displayed as RFC 3339 has it:
/// `2026-11-29T11:42:29.123Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    seconds: i64,
    milliseconds: i64,
}

impl Timestamp {
    /// Returns the time now. It steps where an administrator sets the clock.
    #[must_use]
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::Realtime);
        Self { seconds: now.tv_sec, milliseconds: now.tv_nsec / 1_000_000 }
    }

    /// Returns year, month from 1, and day from 1. Years begin in March here, so that the day that
    /// leap years have more is their last.
    const fn date(self) -> (i64, i64, i64) {
        let days = self.seconds.div_euclid(86_400) + DAYS_TO_1970;
        let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let of_year = day - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let january = if month <= 2 { 1 } else { 0 };
        (year + era * 400 + january, month, of_year - (153 * from_march + 2) / 5 + 1)
    }

    const fn time(self) -> (i64, i64, i64) {
        let second = self.seconds.rem_euclid(86_400);
        (second / 3600, second / 60 % 60, second % 60)
    }

    /// Returns the time as the Common Log Format has it: `29/Nov/2026:11:42:29 +0000`.
    pub fn common_log(self) -> impl Display {
        let ((year, month, day), (hour, minute, second)) = (self.date(), self.time());
        let month = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default();
        fmt::from_fn(move |f| write!(f, "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"))
    }
}

impl Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = (self.date(), self.time());
        let milliseconds = self.milliseconds;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // As date(1) has them: date -u -d @SECONDS.
        for (seconds, date, common) in [
            (0, "1970-01-01T00:00:00.007Z", "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "2000-02-28T23:59:59.007Z", "28/Feb/2000:23:59:59 +0000"),
            (951_868_799, "2000-02-29T23:59:59.007Z", "29/Feb/2000:23:59:59 +0000"),
            (1_709_164_800, "2024-02-29T00:00:00.007Z", "29/Feb/2024:00:00:00 +0000"),
            (1_795_952_549, "2026-11-29T11:42:29.007Z", "29/Nov/2026:11:42:29 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z", "01/Mar/2100:00:00:00 +0000"),
            (-1, "1969-12-31T23:59:59.007Z", "31/Dec/1969:23:59:59 +0000"),
        ] {
            let time = Timestamp { seconds, milliseconds: 7 };
            assert_eq!((time.to_string().as_str(), time.common_log().to_string().as_str()), (date, common));
        }
    }

    #[test]
    fn every_day_of_an_era_follows_the_one_before() {
        let mut before = (1970, 1, 1);
        for day in 1..ERA_DAYS {
            let date = Timestamp { seconds: day * 86_400, milliseconds: 0 }.date();
            let next = [(before.0, before.1, before.2 + 1), (before.0, before.1 + 1, 1), (before.0 + 1, 1, 1)];
            assert!(next.contains(&date), "{before:?} {date:?}");
            before = date;
        }
        assert_eq!(before, (2369, 12, 31));
    }
}
