//! The connections that an end, or an old generation, waits for, in words.

use std::fmt;

use fosse_counters::parse as count;
use fosse_wire::launch::Program;

use crate::{
    children::Children,
    lanes::{Lane, Lanes},
};

/// Open connections. In words they are `2 connections, 1 upgraded connection`, or `nothing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    others: u64,
    upgraded: u64,
}

/// Returns the connections of the lanes for which `which` holds, as their programs count them.
pub(crate) fn open(children: &Children, lanes: &Lanes, which: impl Fn(&Lane) -> bool) -> Open {
    let (mut held, mut upgraded) = (0_u64, 0_u64);
    for parse in lanes.processes(which).into_iter().filter_map(|key| children.get(key)) {
        if matches!(parse.program, Program::Parse | Program::ParseH2) {
            // A process writes into its page whatever it likes: nothing but a sentence depends on
            // it.
            held = held.wrapping_add(parse.page.get(count::CONNECTIONS));
            upgraded = upgraded.wrapping_add(parse.page.get(count::UPGRADED));
        }
    }
    Open { others: held.max(upgraded) - upgraded, upgraded }
}

impl Open {
    /// Returns whether there is none.
    pub(crate) const fn is_empty(self) -> bool {
        self.others == 0 && self.upgraded == 0
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let counted = |count: u64, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            _ => Some(format!("{count} {what}s")),
        };
        let all = [counted(self.others, "connection"), counted(self.upgraded, "upgraded connection")];
        f.write_str(&all.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many_and_none_is_nothing() {
        let sentence = |others, upgraded| Open { others, upgraded }.to_string();
        assert_eq!(sentence(0, 0), "nothing");
        assert_eq!(sentence(0, 1), "1 upgraded connection");
        assert_eq!(sentence(2, 3), "2 connections, 3 upgraded connections");
    }
}
