//! The rules that have denied, each with a row of the counter page.

use std::{cell::RefCell, collections::BTreeMap};

use fosse_counters::{Counters, ROW_NONE, RULE_ROWS};

use super::{
    redact::masked,
    summary::{shown, worst},
};
use crate::{denial::Denial, evaluation::Evaluation};

/// The row of each rule, by its number; by the word of the cause, where no rule denied.
#[derive(Debug, Default)]
pub(super) struct RuleRows(RefCell<BTreeMap<String, usize>>);

impl RuleRows {
    /// Counts a denial for its rule: where a score denied, for the rule that added most to it.
    pub(super) fn count(&self, counters: &Counters, denial: &Denial, evaluation: Option<&Evaluation>) {
        let worst = evaluation.and_then(|evaluation| worst(evaluation, denial));
        let (rule, message) = worst.map_or((denial.rule, &denial.message[..]), |one| (one.id(), one.message()));
        let key = if rule == 0 { denial.cause.word().to_owned() } else { rule.to_string() };
        counters.count_denied(self.row(counters, key, message));
    }

    fn row(&self, counters: &Counters, key: String, message: &[u8]) -> usize {
        let mut rows = self.0.borrow_mut();
        if let Some(row) = rows.get(&key) {
            return *row;
        }
        let row = rows.len();
        if row >= RULE_ROWS - 1 {
            counters.name_row(RULE_ROWS - 1, ROW_NONE);
            return RULE_ROWS - 1;
        }
        counters.name_row(row, &name(&key, message));
        rows.insert(key, row);
        row
    }
}

/// Bytes of a row's name, which keeps its end where it is longer.
const NAME_BYTES_MAX: usize = 64;

/// Returns `KEY:MESSAGE` without spaces, which a name has none of.
fn name(key: &str, message: &[u8]) -> String {
    let text = String::from_utf8_lossy(&masked(shown(message))).replace(char::is_whitespace, "_");
    format!("{key}:{text}").chars().filter(char::is_ascii).take(NAME_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use fosse_counters::{page_bytes, row_name, row_traffic};
    use fosse_sys::{memfd, page::Page};
    use fosse_wire::verdict::Cause;

    use super::*;

    #[test]
    fn each_rule_has_a_row_and_what_there_is_no_row_for_shares_the_last() {
        let fd = memfd::page("test", page_bytes(RULE_ROWS)).unwrap();
        let (counters, rows) = (Counters::shared(Page::map(&fd).unwrap()), RuleRows::default());
        let denial = |rule, message: &str| Denial { rule, ..Denial::new(403, Cause::Rule, message) };
        rows.count(&counters, &denial(942_100, "SQL Injection \u{e9} found"), None);
        rows.count(&counters, &Denial::new(400, Cause::Protocol, "encoded NUL"), None);
        (1..600).for_each(|rule| rows.count(&counters, &denial(rule, &"x".repeat(100)), None));
        rows.count(&counters, &denial(942_100, "another"), None);
        let word = |at| counters.get(at);
        let shown = |row| (row_name(row, word).unwrap(), row_traffic(row, word).denied);
        assert_eq!(shown(0), ("942100:SQL_Injection__found".to_owned(), 2));
        assert_eq!(shown(1), ("protocol:encoded_NUL".to_owned(), 1));
        assert!(shown(2).0.starts_with("1:xxx"), "{:?}", shown(2));
        assert_eq!(shown(RULE_ROWS - 1), (ROW_NONE.to_owned(), 602 - 1 - 511));
    }
}
