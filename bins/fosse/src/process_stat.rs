//! Fields of `/proc/PID/stat` (proc(5)).

use std::fs;

/// The fields of a process, past its name.
#[derive(Debug)]
pub(crate) struct ProcessStat(String);

impl ProcessStat {
    /// Reads those of a process; `None` where it is gone.
    pub(crate) fn read(pid: u32) -> Option<Self> {
        fs::read_to_string(format!("/proc/{pid}/stat")).ok().map(Self)
    }

    /// Returns a field by its number in proc(5), from 3 on; `None` for one that is no number. The
    /// name before them may hold blanks and brackets.
    pub(crate) fn field<T: std::str::FromStr>(&self, number: usize) -> Option<T> {
        self.0.rsplit(')').next()?.split_whitespace().nth(number - 3)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_past_a_name_with_brackets() {
        let fields: Vec<String> = (3..=52).map(|number| number.to_string()).collect();
        let stat = ProcessStat(format!("7 (a) b (c) {}", fields.join(" ")));
        assert_eq!((stat.field(41), stat.field(19)), (Some(41_u32), Some(19_i32)));
        assert_eq!(ProcessStat("7 (a) S 1".into()).field::<u32>(41), None);
    }
}
