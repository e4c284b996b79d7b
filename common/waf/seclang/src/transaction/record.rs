//! What matched, for logs, the audit log and `explain`.

use super::{Transaction, VarName};
use crate::action::SEVERITIES;
use crate::arena::{Span, widen};
use crate::pipeline::NodeId;
use crate::rule::{Facts, Rule};
use std::io::Write;

/// A match as it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordData {
    pub phase: u8,
    /// What the noted scores added up to when it had matched.
    pub score: i64,
    /// The chain's first rule, in the phase's list.
    pub rule: u32,
    /// The transformations of the rule that completed the match.
    pub node: NodeId,
    pub message: Span,
    pub data: Span,
    pub name: VarName,
    pub value: Span,
}

/// One rule that matched one value.
#[derive(Clone, Copy, Debug)]
pub struct Match<'t> {
    transaction: &'t Transaction<'t>,
    record: &'t RecordData,
}

/// Bytes of a value or an argument shown in a log line: as ModSecurity cuts them.
const SHOWN_BYTES_MAX: usize = 200;

impl Transaction<'_> {
    /// What matched so far, in order. Rules with `nolog` are in it only after [`explain`](Self::explain).
    pub fn matches(&self) -> impl Iterator<Item = Match<'_>> {
        self.records.iter().map(|record| Match::new(self, record))
    }
}

impl<'t> Match<'t> {
    pub(crate) fn new(transaction: &'t Transaction<'t>, record: &'t RecordData) -> Self {
        Self { transaction, record }
    }

    fn rule(&self) -> Option<&'t Rule> {
        self.transaction.rules.phase(self.record.phase)?.rules.get(widen(self.record.rule))
    }

    fn facts(&self) -> Option<&'t Facts> {
        self.rule().map(|rule| &*rule.facts)
    }

    /// The rule's id.
    pub fn id(&self) -> u32 {
        self.rule().map_or(0, |rule| rule.id)
    }

    /// The phase, 1 to 5.
    pub fn phase(&self) -> u8 {
        self.record.phase
    }

    /// What the variables of [`Transaction::note_scores`] added up to when the rule had done its work.
    pub fn score(&self) -> i64 {
        self.record.score
    }

    /// The message, macros replaced.
    pub fn message(&self) -> &'t [u8] {
        self.transaction.values.text(self.transaction.rules, self.record.message)
    }

    /// The data the rule logs, macros replaced.
    pub fn data(&self) -> &'t [u8] {
        self.transaction.values.text(self.transaction.rules, self.record.data)
    }

    /// The severity, 0 (emergency) to 7 (debug).
    pub fn severity(&self) -> Option<u8> {
        self.facts().and_then(|facts| facts.severity)
    }

    /// The tags, as written.
    pub fn tags(&self) -> impl Iterator<Item = &'t str> {
        self.facts().into_iter().flat_map(|facts| facts.tags.iter().map(|(_, tag)| tag.as_str()))
    }

    /// The variable that matched last, as in `ARGS:q`.
    pub fn variable(&self) -> Vec<u8> {
        self.transaction.name_text(self.record.name)
    }

    /// Its value, transformed.
    pub fn value(&self) -> &'t [u8] {
        self.transaction.values.text(self.transaction.rules, self.record.value)
    }

    /// The transformations the value went through.
    pub fn transformations(&self) -> Vec<&'static str> {
        self.transaction.rules.pipelines.names(self.record.node)
    }

    /// The operator of the rule (the first of its chain) and its argument, as written.
    pub fn operator(&self) -> (&'t str, &'t str) {
        self.facts().map_or(("", ""), |facts| (&facts.operator.0, &facts.operator.1))
    }

    /// The rule's file and line.
    pub fn place(&self) -> (&'t str, u32) {
        self.facts().map_or(("", 0), |facts| (&facts.file, facts.line))
    }

    /// `rev`.
    pub fn revision(&self) -> Option<&'t str> {
        self.facts().and_then(|facts| facts.revision.as_deref())
    }

    /// `ver`.
    pub fn version(&self) -> Option<&'t str> {
        self.facts().and_then(|facts| facts.version.as_deref())
    }

    /// Whether the rule says `log`.
    pub fn is_logged(&self) -> bool {
        self.facts().is_some_and(|facts| facts.log)
    }

    /// Whether the rule says `auditlog`.
    pub fn is_audited(&self) -> bool {
        self.facts().is_some_and(|facts| facts.audit_log)
    }

    /// One line in the manner of ModSecurity's error log, so that tools written for it can read it: what matched, then
    /// `[id "..."]` and its kin. Bytes that are not printable are escaped.
    pub fn log_line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let (operator, argument) = self.operator();
        let variable = self.variable();
        line.extend_from_slice(b"Matched \"@");
        escaped(operator.as_bytes(), &mut line);
        line.push(b' ');
        escaped(argument.as_bytes().get(..SHOWN_BYTES_MAX.min(argument.len())).unwrap_or_default(), &mut line);
        line.extend_from_slice(b"\" at ");
        escaped(&variable, &mut line);
        line.push(b'.');
        let (file, number) = self.place();
        field(&mut line, "file", file.as_bytes());
        field(&mut line, "line", number.to_string().as_bytes());
        field(&mut line, "id", self.id().to_string().as_bytes());
        for (name, text) in [("rev", self.revision()), ("ver", self.version())] {
            if let Some(text) = text {
                field(&mut line, name, text.as_bytes());
            }
        }
        for (name, text) in [("msg", self.message()), ("data", self.data())] {
            if !text.is_empty() {
                field(&mut line, name, text);
            }
        }
        if let Some(severity) = self.severity().and_then(|severity| SEVERITIES.get(usize::from(severity))) {
            field(&mut line, "severity", severity.as_bytes());
        }
        self.tags().for_each(|tag| field(&mut line, "tag", tag.as_bytes()));
        line
    }
}

fn field(line: &mut Vec<u8>, name: &str, text: &[u8]) {
    line.extend_from_slice(b" [");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b" \"");
    escaped(text, line);
    line.extend_from_slice(b"\"]");
}

/// Printable ASCII as it is, quotes and backslashes behind a backslash, other bytes as `\xHH`.
fn escaped(text: &[u8], line: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => line.push(*byte),
            _ => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
}
