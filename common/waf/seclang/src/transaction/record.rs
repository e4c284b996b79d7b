//! Matches, for logs, the audit log and `explain`.

use super::variables::{VarName, Variables};
use crate::action::SEVERITIES;
use crate::arena::{Span, widen};
use crate::pipeline::NodeId;
use crate::rule::{Facts, Rule};
use std::io::Write;

/// A match as it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordData {
    pub phase: u8,
    /// The sum of the noted scores when it had matched.
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
    variables: &'t Variables<'t>,
    record: &'t RecordData,
}

/// Bytes of a value or an argument shown in a log line: as ModSecurity cuts them.
const SHOWN_BYTES_MAX: usize = 200;

impl<'t> Match<'t> {
    pub(super) fn new(variables: &'t Variables<'t>, record: &'t RecordData) -> Self {
        Self { variables, record }
    }

    fn rule(&self) -> Option<&'t Rule> {
        self.variables.rules.phases[usize::from(self.record.phase) - 1].rules.get(widen(self.record.rule))
    }

    fn facts(&self) -> Option<&'t Facts> {
        self.rule().map(|rule| &*rule.facts)
    }

    /// Returns the rule's id.
    pub fn id(&self) -> u32 {
        self.rule().map_or(0, |rule| rule.id)
    }

    /// Returns the phase, 1 to 5.
    pub fn phase(&self) -> u8 {
        self.record.phase
    }

    /// Returns what the variables of [`Transaction::note_scores`](crate::Transaction::note_scores)
    /// added up to when the rule had done its work.
    pub fn score(&self) -> i64 {
        self.record.score
    }

    /// Returns the message, macros replaced.
    pub fn message(&self) -> &'t [u8] {
        self.variables.text(self.record.message)
    }

    /// Returns the data the rule logs, macros replaced.
    pub fn data(&self) -> &'t [u8] {
        self.variables.text(self.record.data)
    }

    /// Returns the severity, 0 (emergency) to 7 (debug).
    pub fn severity(&self) -> Option<u8> {
        self.facts().and_then(|facts| facts.severity)
    }

    /// Returns the tags, as written.
    pub fn tags(&self) -> impl Iterator<Item = &'t str> {
        self.facts().into_iter().flat_map(|facts| facts.tags.iter().map(|(_, tag)| tag.as_str()))
    }

    /// Returns the variable that matched last, as in `ARGS:q`.
    pub fn variable(&self) -> Vec<u8> {
        self.variables.name_text(self.record.name)
    }

    /// Returns its value, transformed.
    pub fn value(&self) -> &'t [u8] {
        self.variables.text(self.record.value)
    }

    /// Returns the transformations the value went through.
    pub fn transformations(&self) -> Vec<&'static str> {
        self.variables.rules.pipelines.names(self.record.node)
    }

    /// Returns the operator of the rule (the first of its chain) and its argument, as written.
    pub fn operator(&self) -> (&'t str, &'t str) {
        self.facts().map_or(("", ""), |facts| (&facts.operator.0, &facts.operator.1))
    }

    /// Returns the rule's file and line.
    pub fn place(&self) -> (&'t str, u32) {
        self.facts().map_or(("", 0), |facts| (&facts.file, facts.line))
    }

    fn revision(&self) -> Option<&'t str> {
        self.facts().and_then(|facts| facts.revision.as_deref())
    }

    /// Returns `ver`.
    pub fn version(&self) -> Option<&'t str> {
        self.facts().and_then(|facts| facts.version.as_deref())
    }

    /// Returns whether the rule has `log`.
    pub fn is_logged(&self) -> bool {
        self.facts().is_some_and(|facts| facts.log)
    }

    /// Returns whether the rule has `auditlog`.
    pub fn is_audited(&self) -> bool {
        self.facts().is_some_and(|facts| facts.audit_log)
    }

    /// Returns one line in the manner of ModSecurity's error log, so that tools written for it can
    /// read it: what matched, then `[id "..."]` and its kin. Bytes that are not printable are
    /// escaped.
    pub fn log_line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let (operator, argument) = self.operator();
        let variable = self.variable();
        line.extend_from_slice(b"Matched \"@");
        escaped(operator.as_bytes(), &mut line);
        line.push(b' ');
        escaped(&argument.as_bytes()[..SHOWN_BYTES_MAX.min(argument.len())], &mut line);
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

/// Writes printable ASCII as it is, quotes and backslashes after a backslash, other bytes as
/// `\xHH`.
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
