//! The writes to variables of a rule that matched.

use super::expand::{expand, expanded, expanded_number};
use super::values::TxValue;
use super::variables::Variables;
use crate::action::{Assignment, SetvarTarget, Write};
use crate::macros::Template;
use crate::store::{Change, Collection};

/// Applies an action that writes.
pub(super) fn apply(write: &Write, variables: &mut Variables<'_>) {
    match write {
        Write::Set(SetvarTarget::Tx(slot), assignment) => {
            let after = assigned(variables.values.tx_slot(*slot), assignment, variables);
            variables.values.set_tx_slot(*slot, after);
        }
        Write::Set(SetvarTarget::TxNamed(template), assignment) => {
            let name = expanded(template, variables).to_ascii_lowercase();
            let after = assigned(variables.tx_named(&name), assignment, variables);
            variables.set_tx_named(&name, after);
        }
        Write::Set(SetvarTarget::Persistent(collection, template), assignment) => {
            let change = change_of(assignment, variables);
            self::change(*collection, template, change, variables);
        }
        Write::Expire(collection, template, seconds) => {
            let seconds = u64::try_from(expanded_number(seconds, variables)).unwrap_or_default();
            let expires = variables.now.seconds.saturating_add(seconds);
            change(*collection, template, Change::Expire(expires), variables);
        }
        Write::Deprecate(collection, template, amount, seconds) => {
            let deprecate = Change::Deprecate { amount: *amount, seconds: *seconds };
            change(*collection, template, deprecate, variables);
        }
        Write::Open(collection, template) => {
            let key = expanded(template, variables);
            variables.persistent.open(*collection, key);
        }
        Write::Env(name, value) => {
            let name = expanded(name, variables);
            variables.env.retain(|(known, _)| *known != name);
            if let Some(value) = value {
                let value = expanded(value, variables);
                variables.env.push((name, value));
            }
        }
    }
}

/// Returns the change that an assignment is to a field of a persistent record.
fn change_of(assignment: &Assignment, variables: &mut Variables<'_>) -> Change {
    match assignment {
        Assignment::Set(value) => Change::Set(expanded(value, variables)),
        Assignment::Add(value) => Change::Add(expanded_number(value, variables)),
        Assignment::Subtract(value) => Change::Add(expanded_number(value, variables).saturating_neg()),
        Assignment::Unset => Change::Unset,
    }
}

fn change(collection: Collection, template: &Template, change: Change, variables: &mut Variables<'_>) {
    let name = expanded(template, variables).to_ascii_lowercase();
    variables.persistent.change(collection, name, change, variables.now.seconds);
}

/// Returns a TX variable after an assignment. Counters stop at zero, and at the largest number:
/// what they count and how much a rule adds may be the client's.
fn assigned(before: TxValue, assignment: &Assignment, variables: &mut Variables<'_>) -> TxValue {
    let change = match assignment {
        Assignment::Set(value) => return TxValue::Text(expand(value, variables)),
        Assignment::Unset => return TxValue::Unset,
        Assignment::Add(value) => expanded_number(value, variables),
        Assignment::Subtract(value) => expanded_number(value, variables).saturating_neg(),
    };
    TxValue::Number(variables.tx_number(before).saturating_add(change).max(0))
}
