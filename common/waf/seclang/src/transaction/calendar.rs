//! Dates and times of day, from the clock of the caller.

/// A time, from whoever has a clock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// Seconds since 1970, UTC.
    pub seconds: u64,
    /// Microseconds since the transaction began (DURATION).
    pub elapsed_micros: u64,
}

/// A date and time of day in UTC. TIME_* of ModSecurity are local time; servers that care run in
/// UTC, and no time zone data is read here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Calendar {
    pub year: u64,
    pub month: u64,
    pub day: u64,
    pub weekday: u64,
    pub hour: u64,
    pub minute: u64,
    pub second: u64,
}

impl Calendar {
    pub(super) fn new(seconds: u64) -> Self {
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Howard Hinnant's civil_from_days, for days since 1970 (chrono-compatible low-level date
        // algorithms). A clock of 64 bits divided by a day's seconds leaves room for every sum.
        let shifted = days + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_based = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_based + 2) / 5 + 1;
        let month = if march_based < 10 { march_based + 3 } else { march_based - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self {
            year,
            month,
            day,
            weekday: (days + 4) % 7,
            hour: rest / 3600,
            minute: rest % 3600 / 60,
            second: rest % 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Calendar;

    #[test]
    fn days_become_dates() {
        for (seconds, year, month, day, weekday) in [
            (0, 1970, 1, 1, 4),
            (951_782_400, 2000, 2, 29, 2),
            (1_704_067_199, 2023, 12, 31, 0),
            (4_107_542_400, 2100, 3, 1, 1),
        ] {
            let at = Calendar::new(seconds);
            assert_eq!((at.year, at.month, at.day, at.weekday), (year, month, day, weekday), "{seconds}");
        }
        let at = Calendar::new(1_704_067_199);
        assert_eq!((at.hour, at.minute, at.second), (23, 59, 59));
    }

    #[test]
    fn no_clock_overflows() {
        for seconds in (0..100_000).map(|day| day * 86_400).chain([u64::MAX]) {
            let at = Calendar::new(seconds);
            assert!((1..=12).contains(&at.month) && (1..=31).contains(&at.day), "{seconds}");
        }
    }
}
