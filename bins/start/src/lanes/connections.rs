//! The connections that an end, or an old generation, waits for, in words.

use fosse_counters::parse as count;
use fosse_wire::launch::Program;

use crate::{
    children::Children,
    lanes::{Lane, Lanes},
};

/// The words for no connection.
pub(crate) const NOTHING: &str = "nothing";

/// Returns the connections of the lanes for which `which` holds, in words, as their programs count
/// them: `2 connections, 1 upgraded connection`.
pub(crate) fn words(children: &Children, lanes: &Lanes, which: impl Fn(&Lane) -> bool) -> String {
    let (mut held, mut upgraded) = (0_u64, 0_u64);
    for parse in lanes.processes(which).into_iter().filter_map(|key| children.get(key)) {
        if parse.program == Program::Parse {
            // A process writes into its page whatever it likes: nothing but a sentence depends on
            // it.
            held = held.wrapping_add(parse.page.get(count::CONNECTIONS));
            upgraded = upgraded.wrapping_add(parse.page.get(count::UPGRADED));
        }
    }
    sentence(held.max(upgraded) - upgraded, upgraded)
}

fn sentence(others: u64, upgraded: u64) -> String {
    let counted = |count: u64, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    };
    let all: Vec<String> =
        [counted(others, "connection"), counted(upgraded, "upgraded connection")].into_iter().flatten().collect();
    if all.is_empty() { NOTHING.to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many_and_none_is_nothing() {
        assert_eq!(sentence(0, 0), "nothing");
        assert_eq!(sentence(0, 1), "1 upgraded connection");
        assert_eq!(sentence(2, 3), "2 connections, 3 upgraded connections");
    }
}
