//! The rules that denied most.

use std::fmt::Write as _;

use super::traffic::fitted;

/// Rules shown without `--all`.
const RULES_SHOWN_MAX: usize = 5;
/// Columns of a count, and of a rule with its message.
const COUNT_COLUMNS: usize = 9;
const RULE_COLUMNS: usize = 69;

/// A rule, or a cause other than a rule, and the number of its denials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    denied: u64,
    /// Its number or word.
    key: String,
    message: String,
}

/// Returns the rules that have denied, those that did so most first, from lines
/// `DENIED KEY:MESSAGE`; what is no such line is left out.
pub(super) fn read(lines: &str) -> Vec<Rule> {
    let rule = |line: &str| {
        let (denied, name) = line.split_once(' ')?;
        // A name has no spaces.
        let (key, message) = name.split_once(':').unwrap_or((name, ""));
        Some(Rule { denied: denied.parse().ok()?, key: key.to_owned(), message: message.replace('_', " ") })
    };
    let mut all: Vec<Rule> = lines.lines().filter_map(rule).filter(|rule| rule.denied > 0).collect();
    all.sort_by(|a, b| b.denied.cmp(&a.denied).then_with(|| a.key.cmp(&b.key)));
    all
}

/// Returns the table, in 80 columns; nothing where no rule has denied.
pub(super) fn table(rules: &[Rule], all: bool) -> String {
    let shown = if all { rules.len() } else { RULES_SHOWN_MAX };
    let mut out = String::new();
    for (at, rule) in rules.iter().take(shown).enumerate() {
        if at == 0 {
            let _ = writeln!(out, "\n{:>COUNT_COLUMNS$}  RULE", "DENIED");
        }
        let count = fitted(&rule.denied.to_string(), COUNT_COLUMNS);
        let words: String = format!("{} {}", rule.key, rule.message).chars().take(RULE_COLUMNS).collect();
        let _ = writeln!(out, "{count:>COUNT_COLUMNS$}  {}", words.trim_end());
    }
    if rules.len() > shown {
        let _ = writeln!(out, "and {} more: --all", rules.len() - shown);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_denied_most_comes_first_with_its_message() {
        let lines = "3 942100:SQL_Injection_found\n7 protocol:encoded_NUL\n0 1:never\nbroken\nx 2:y\n9 -\n";
        let text = table(&read(lines), false);
        assert_eq!(
            text,
            "\n   DENIED  RULE\n        9  -\n        7  protocol encoded NUL\n        3  942100 SQL Injection found\n"
        );
        assert_eq!(table(&read(""), false), "");
    }

    #[test]
    fn it_fits_a_terminal_and_says_how_much_it_leaves_out() {
        let lines: String = (0..8).map(|at| format!("{} {at}:{}\n", u64::MAX, "x".repeat(64))).collect();
        let text = table(&read(&lines), false);
        assert!(text.lines().all(|line| line.len() <= 80) && text.ends_with("and 3 more: --all\n"), "{text}");
        assert_eq!(table(&read(&lines), true).lines().count(), 10);
    }
}
