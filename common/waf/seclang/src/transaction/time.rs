//! What depends on the clock and on the connection.

use super::Transaction;
use crate::variable::Variable;
use std::net::IpAddr;

/// A time, from whoever has a clock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// Seconds since 1970, UTC.
    pub seconds: u64,
    /// Microseconds since the transaction began (DURATION).
    pub elapsed_micros: u64,
}

/// A date and time of day in UTC. TIME_* of ModSecurity are local time; servers that care run in UTC, and no time zone
/// data is read here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Calendar {
    year: u64,
    month: u64,
    day: u64,
    weekday: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Calendar {
    fn new(seconds: u64) -> Self {
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Howard Hinnant's civil_from_days, for days since 1970 (chrono-compatible low-level date algorithms).
        let shifted = days.saturating_add(719_468);
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let leaps = (of_era / 1_460).saturating_sub(of_era / 36_524).saturating_add(of_era / 146_096);
        let year_of_era = of_era.saturating_sub(leaps) / 365;
        let before = (365 * year_of_era).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
        let of_year = of_era.saturating_sub(before);
        let march_based = (5 * of_year).saturating_add(2) / 153;
        let day = of_year.saturating_sub((153 * march_based).saturating_add(2) / 5).saturating_add(1);
        let month = if march_based < 10 { march_based.saturating_add(3) } else { march_based.saturating_sub(9) };
        let year = year_of_era.saturating_add(era.saturating_mul(400)).saturating_add(u64::from(month <= 2));
        Self {
            year,
            month,
            day,
            weekday: days.saturating_add(4) % 7,
            hour: rest / 3600,
            minute: rest % 3600 / 60,
            second: rest % 60,
        }
    }
}

impl Transaction<'_> {
    pub(super) fn fill_time(&mut self) {
        let at = Calendar::new(self.now.seconds);
        let Calendar { year, month, day, weekday, hour, minute, second } = at;
        if self.rules.uses(Variable::Time) {
            let text = format!("{hour:02}:{minute:02}:{second:02}");
            self.values.add_single(self.rules, Variable::Time, text.as_bytes());
        }
        for (variable, number) in [
            (Variable::TimeEpoch, self.now.seconds),
            (Variable::TimeYear, year),
            // As in C's struct tm: months count from 0.
            (Variable::TimeMon, month.saturating_sub(1)),
            (Variable::TimeDay, day),
            (Variable::TimeWday, weekday),
            (Variable::TimeHour, hour),
            (Variable::TimeMin, minute),
            (Variable::TimeSec, second),
        ] {
            self.values.add_number(self.rules, variable, number);
        }
    }

    pub(super) fn fill_connection(&mut self) {
        let address = |end: Option<(IpAddr, u16)>| end.map(|(address, _)| address.to_canonical().to_string());
        if let Some(client) = address(self.client) {
            for variable in [Variable::RemoteAddr, Variable::RemoteHost, Variable::UseragentIp] {
                self.values.add_single(self.rules, variable, client.as_bytes());
            }
        }
        if self.rules.uses(Variable::ServerAddr)
            && let Some(server) = address(self.server)
        {
            self.values.add_single(self.rules, Variable::ServerAddr, server.as_bytes());
        }
        let port = |end: Option<(IpAddr, u16)>| end.map_or(0, |(_, port)| u64::from(port));
        self.values.add_number(self.rules, Variable::RemotePort, port(self.client));
        self.values.add_number(self.rules, Variable::ServerPort, port(self.server));
        let id = std::mem::take(&mut self.unique_id);
        self.values.add_single(self.rules, Variable::UniqueId, &id);
        self.unique_id = id;
        self.values.add_single(self.rules, Variable::Webappid, self.rules.settings.web_app_id.as_bytes());
        self.values.add_single(self.rules, Variable::ModsecBuild, b"020909000");
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
}
