//! The findings of a transaction, for logs.

use super::Transaction;
use super::environment::Scratch;
use super::record::Match;
use super::values::TxValue;
use crate::modes::Sanitise;

impl Transaction<'_> {
    /// Returns what matched so far, in order. Rules with `nolog` are in it only after
    /// [`explain`](Self::explain).
    pub fn matches(&self) -> impl Iterator<Item = Match<'_>> {
        self.log.records.iter().map(|record| Match::new(&self.variables, record))
    }

    /// Returns whether the audit log has this transaction, given the status the client got.
    pub fn audit_wanted(&self, status: u16, scratch: &mut Scratch) -> bool {
        let pattern = self.variables.rules.settings.audit_relevant_status.as_ref();
        self.decision.is_audited(|| {
            let status = status.to_string();
            pattern.is_some_and(|pattern| pattern.is_match(status.as_bytes(), &mut scratch.patterns).unwrap_or(false))
        })
    }

    /// Returns the parts of the audit log for this transaction: what SecAuditLogParts says, and
    /// `ctl:auditLogParts` after it.
    pub fn audit_parts(&self) -> &str {
        self.decision.audit_parts(&self.variables.rules.settings)
    }

    /// Returns what is to be masked in logs, with the names of arguments and header fields.
    pub fn sanitised(&self) -> impl Iterator<Item = (Sanitise, &[u8])> {
        self.log.masked.iter().map(|(what, name)| (*what, name.as_slice()))
    }

    /// Returns why the request body could not be read, as REQBODY_ERROR_MSG has it.
    pub fn body_error(&self) -> Option<&str> {
        self.request.reading.error.as_deref()
    }

    /// Returns the value of a TX variable, for reports: scores, say.
    pub fn tx(&self, name: &str) -> Option<Vec<u8>> {
        match self.variables.tx_named(name.to_ascii_lowercase().as_bytes()) {
            TxValue::Unset => None,
            TxValue::Text(span) => Some(self.variables.text(span).to_vec()),
            TxValue::Number(number) => Some(number.to_string().into_bytes()),
        }
    }
}
