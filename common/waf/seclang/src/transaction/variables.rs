//! The values that rules read and write.

use super::calendar::Now;
use super::persistent::Persistent;
use super::values::{Made, TxValue, Values};
use crate::arena::Span;
use crate::modes::Processor;
use crate::pipeline::NodeId;
use crate::rule::Rule;
use crate::ruleset::Ruleset;
use crate::variable::Variable;

/// A variable as logs name it: `ARGS:q`, `&TX:x`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct VarName {
    pub variable: Variable,
    pub key: Option<Span>,
    pub count: bool,
}

impl VarName {
    /// The MATCHED_VAR before anything matched, and where no variable is looked at.
    pub(super) const NOTHING: Self = Self { variable: Variable::MatchedVar, key: None, count: false };
}

/// A value that a rule matched, and where it was.
pub(super) type Matched = (VarName, Span);

/// HIGHEST_SEVERITY before any rule with a severity matched.
const SEVERITY_NONE: u8 = 255;

/// The variables of a transaction.
#[derive(Debug)]
pub(super) struct Variables<'r> {
    pub rules: &'r Ruleset,
    /// The values that stay for the transaction once they are known, and TX.
    pub values: Values,
    /// MATCHED_VARS: what the chain that is evaluated matched.
    pub matched: Vec<Matched>,
    /// MATCHED_VAR.
    last_matched: Matched,
    highest_severity: u8,
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// REQBODY_PROCESSOR.
    pub processor: Option<Processor>,
    /// IP, SESSION and the other persistent collections.
    pub persistent: Persistent,
    pub now: Now,
    /// RULE: the rule that is evaluated, its chain's first one.
    pub rule: Option<&'r Rule>,
}

impl<'r> Variables<'r> {
    /// Creates the variables of a new transaction in memory that another one may have used.
    pub(super) fn new(rules: &'r Ruleset, mut values: Values, mut matched: Vec<Matched>, now: Now) -> Self {
        values.reset(rules);
        matched.clear();
        Self {
            rules,
            values,
            matched,
            last_matched: (VarName::NOTHING, Span::EMPTY),
            highest_severity: SEVERITY_NONE,
            env: Vec::new(),
            processor: None,
            persistent: Persistent::default(),
            now,
            rule: None,
        }
    }

    /// Returns the bytes of a span.
    pub(super) fn text(&self, span: Span) -> &[u8] {
        self.values.text(self.rules, span)
    }

    /// Adds a named value, and its name to the variable of names, if any rule uses that.
    pub(super) fn add_named(&mut self, (variable, names): (Variable, Variable), name: &[u8], value: &[u8]) {
        let (name, value) = (self.values.bytes.push(name), self.values.bytes.push(value));
        self.values.add(self.rules, variable, name, value);
        if self.rules.uses(names) {
            self.values.add(self.rules, names, name, name);
        }
    }

    /// Adds a value under the name `key`, if any rule uses the variable.
    pub(super) fn add_keyed(&mut self, variable: Variable, key: Span, value: &[u8]) {
        if self.rules.uses(variable) {
            let value = self.values.bytes.push(value);
            self.values.add(self.rules, variable, key, value);
        }
    }

    /// Adds the one value of a variable, if any rule uses it.
    pub(super) fn add_single(&mut self, variable: Variable, text: &[u8]) {
        self.values.add_single(self.rules, variable, text);
    }

    /// Adds a number as the one value of a variable, if any rule uses it.
    pub(super) fn add_number(&mut self, variable: Variable, number: u64) {
        self.values.add_number(self.rules, variable, number);
    }

    /// Replaces the one value of a variable.
    pub(super) fn set_single(&mut self, variable: Variable, text: &[u8]) {
        self.values.set_single(self.rules, variable, text);
    }

    /// Replaces the one value of a variable by 1 or 0.
    pub(super) fn set_flag(&mut self, variable: Variable, set: bool) {
        self.set_single(variable, flag(set));
    }

    /// Returns what the chain `node` makes of the stored value `at` of a variable.
    pub(super) fn transformed(&mut self, variable: Variable, at: usize, node: NodeId) -> Span {
        self.values.transformed(self.rules, variable, at, node)
    }

    /// Returns the same with the classes of its bytes.
    pub(super) fn made(&mut self, variable: Variable, at: usize, node: NodeId) -> Made {
        self.values.made(self.rules, variable, at, node)
    }

    /// Returns what the chain `node` makes of any text.
    pub(super) fn transform(&mut self, text: Span, node: NodeId) -> Span {
        self.values.transform(self.rules, text, node)
    }

    /// Returns a TX value as a number.
    pub(super) fn tx_number(&self, value: TxValue) -> i64 {
        self.values.tx_number(self.rules, value)
    }

    /// Returns the TX variable of that name, in lower case, as a number.
    pub(super) fn tx_number_named(&self, name: &[u8]) -> i64 {
        self.tx_number(self.tx_named(name))
    }

    /// Returns the TX variable of that name, in lower case.
    pub(super) fn tx_named(&self, name: &[u8]) -> TxValue {
        self.values.tx_named(self.rules, name)
    }

    /// Sets the TX variable of that name, in lower case.
    pub(super) fn set_tx_named(&mut self, name: &[u8], value: TxValue) {
        self.values.set_tx_named(self.rules, name, value);
    }

    /// Returns whether a rule's quick test, if it has one, holds.
    #[inline]
    pub(super) fn may_hold(&self, rule: &Rule) -> bool {
        rule.quick.is_none_or(|quick| quick.holds(|slot| self.values.tx_slot_number(self.rules, slot)))
    }

    /// Notes what a rule matched.
    pub(super) fn note_match(&mut self, matched: Matched) {
        self.last_matched = matched;
        self.matched.push(matched);
    }

    /// Returns what matched last, MATCHED_VAR.
    pub(super) fn last_matched(&self) -> Matched {
        self.last_matched
    }

    /// Lowers HIGHEST_SEVERITY to the severity of a rule that matched. 0, the most severe, does not
    /// count, as in ModSecurity.
    pub(super) fn note_severity(&mut self, severity: u8) {
        if severity > 0 && severity < self.highest_severity {
            self.highest_severity = severity;
        }
    }

    /// Returns HIGHEST_SEVERITY.
    pub(super) fn highest_severity(&self) -> u8 {
        self.highest_severity
    }

    /// Returns a variable's name as logs have it.
    pub(super) fn name_text(&self, name: VarName) -> Vec<u8> {
        let mut text = Vec::new();
        if name.count {
            text.push(b'&');
        }
        text.extend_from_slice(name.variable.name().as_bytes());
        if let Some(key) = name.key.filter(|key| *key != Span::EMPTY) {
            text.push(b':');
            text.extend_from_slice(self.text(key));
        }
        text
    }
}

/// Returns a truth value as rules read it.
pub(super) fn flag(set: bool) -> &'static [u8] {
    if set { b"1" } else { b"0" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bundle;

    fn rules(text: &str) -> Ruleset {
        let mut bundle = Bundle::new();
        bundle.insert("x.conf", text);
        Ruleset::compile(&bundle, "x.conf").unwrap()
    }

    #[test]
    fn names_are_stored_only_where_a_rule_reads_them() {
        let rules = rules("SecRule ARGS_GET \"x\" \"id:1\"");
        let mut variables = Variables::new(&rules, Values::default(), Vec::new(), Now::default());
        variables.add_named((Variable::ArgsGet, Variable::ArgsGetNames), b"q", b"1");
        variables.add_single(Variable::RequestLine, b"GET / HTTP/1.1");
        assert_eq!(variables.values.column(Variable::ArgsGet).len(), 1);
        assert!(variables.values.column(Variable::ArgsGetNames).is_empty());
        assert!(variables.values.column(Variable::RequestLine).is_empty());
    }

    #[test]
    fn severities_count_from_the_least_to_the_most_severe() {
        let rules = rules("SecAction \"id:1,pass\"");
        let mut variables = Variables::new(&rules, Values::default(), Vec::new(), Now::default());
        for (severity, highest) in [(5, 5), (2, 2), (4, 2), (0, 2)] {
            variables.note_severity(severity);
            assert_eq!(variables.highest_severity(), highest);
        }
    }
}
