//! The actions of a rule that matches.

use crate::macros::Template;
use crate::modes::{Audit, Mode, Processor, Sanitise, XmlArguments};
use crate::store::Collection;
use crate::target::Target;

/// The effect of a match on the transaction.
#[derive(Clone, Debug)]
pub(crate) enum Disruption {
    Pass,
    /// As SecDefaultAction says.
    Block,
    Deny,
    Drop,
    Redirect(Template),
    Allow(Allow),
}

/// The reach of an `allow`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Allow {
    /// Ends all phases but 5.
    Transaction,
    /// Ends this phase.
    Phase,
    /// Ends the phases before the response.
    Request,
}

/// The effect of a `setvar` on its variable.
#[derive(Clone, Debug)]
pub(crate) enum Assignment {
    Set(Template),
    Add(Template),
    Subtract(Template),
    Unset,
}

/// The variable that a `setvar` writes.
#[derive(Clone, Debug)]
pub(crate) enum SetvarTarget {
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

/// The effect of letters on the parts of the audit log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Parts {
    Added,
    TakenOut,
    These,
}

/// Something a rule writes to variables.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Set(SetvarTarget, Assignment),
    Expire(Collection, Template, Template),
    Deprecate(Collection, Template, u32, u32),
    Open(Collection, Template),
    Env(Template, Option<Template>),
}

/// An action beside the disruptive one.
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
