//! What a rule does when it matches.

use crate::macros::Template;
use crate::modes::{Audit, Mode, Processor, Sanitise, XmlArguments};
use crate::store::Collection;
use crate::target::Target;

/// What a rule does to the transaction when it matches.
#[derive(Clone, Debug)]
pub(crate) enum Disruption {
    Pass,
    /// Whatever SecDefaultAction says.
    Block,
    Deny,
    Drop,
    Redirect(Template),
    Allow(Allow),
}

/// How far an `allow` goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Allow {
    /// No more rules but those of phase 5.
    Transaction,
    /// No more rules of this phase.
    Phase,
    /// No more rules before the response.
    Request,
}

/// What a `setvar` does to its variable.
#[derive(Clone, Debug)]
pub(crate) enum Assignment {
    Set(Template),
    Add(Template),
    Subtract(Template),
    Unset,
}

/// Where a `setvar` writes.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Tx(u16),
    TxNamed(Template),
    Persistent(Collection, Template),
}

/// A setting changed for this transaction.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    RuleEngine(Mode),
    BodyProcessor(Processor),
    ForceBody(bool),
    RequestBodyAccess(bool),
    ResponseBodyAccess(bool),
    RequestBodyLimit(u64),
    ResponseBodyLimit(u64),
    Audit(Audit),
    /// Letters that are added to the parts of the audit log, or taken out of them, or replace them.
    AuditParts(Parts, String),
    XmlArguments(XmlArguments),
    /// Rules no longer run: those of a pick, by its number in [`Names`].
    RemoveRules(usize),
    /// Rules no longer look at a target.
    RemoveTarget(usize, Target),
}

/// What becomes of the parts of the audit log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Parts {
    Added,
    TakenOut,
    These,
}

/// Something a rule writes to variables.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Set(Place, Assignment),
    Expire(Collection, Template, Template),
    Deprecate(Collection, Template, u32, u32),
    Open(Collection, Template),
    Env(Template, Option<Template>),
}

/// Something a rule does besides.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Write(Write),
    Control(Control),
    Sanitise(Sanitise, Option<String>),
}

/// An error: offset in the file, message.
pub(super) type Fault = (u32, String);

/// Severities by name, in the order of their number.
pub(crate) const SEVERITIES: [&str; 8] =
    ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];
