//! Macros replaced by the values they name.

use super::dynamic;
use super::variables::Variables;
use crate::arena::Span;
use crate::macros::{Part, Reference, Template};
use crate::variable::Variable;
use fosse_collections::number;

/// Returns a text with its macros replaced. A macro without a value leaves nothing.
pub(super) fn expand(template: &Template, variables: &mut Variables<'_>) -> Span {
    match &*template.parts {
        [] => Span::EMPTY,
        [Part::Text(span)] => *span,
        [Part::Reference(Reference::Tx(slot))] => {
            let value = variables.values.tx_slot(*slot);
            variables.values.tx_text(value).unwrap_or(Span::EMPTY)
        }
        parts => {
            let mut text = Vec::new();
            for part in parts {
                append_part(part, variables, &mut text);
            }
            variables.values.bytes.push(&text)
        }
    }
}

/// Returns the same as bytes of its own.
pub(super) fn expanded(template: &Template, variables: &mut Variables<'_>) -> Vec<u8> {
    let span = expand(template, variables);
    variables.text(span).to_vec()
}

/// Returns the value of a text with macros as a number.
pub(super) fn expanded_number(template: &Template, variables: &mut Variables<'_>) -> i64 {
    // By far the most frequent case, and the only one that needs no text.
    if let [Part::Reference(Reference::Tx(slot))] = &*template.parts {
        return variables.tx_number(variables.values.tx_slot(*slot));
    }
    let text = expand(template, variables);
    number(variables.text(text))
}

fn append_part(part: &Part, variables: &mut Variables<'_>, text: &mut Vec<u8>) {
    match part {
        Part::Text(span) => text.extend_from_slice(variables.text(*span)),
        Part::Reference(Reference::Tx(slot)) => {
            let value = variables.values.tx_slot(*slot);
            if let Some(span) = variables.values.tx_text(value) {
                text.extend_from_slice(variables.text(span));
            }
        }
        Part::Reference(Reference::Variable(variable, key)) => append_variable(*variable, *key, variables, text),
    }
}

fn append_variable(variable: Variable, key: Option<Span>, variables: &Variables<'_>, text: &mut Vec<u8>) {
    if variable.is_static() {
        let wanted = key.map(|key| variables.text(key)).filter(|_| variable.is_collection());
        let minds = variable.selector_minds_case();
        let picks = |key: &[u8]| match wanted {
            Some(wanted) if minds => wanted == key,
            Some(wanted) => wanted.eq_ignore_ascii_case(key),
            None => true,
        };
        let mut entries = variable.stored_as().iter().flat_map(|variable| variables.values.column(*variable));
        if let Some(entry) = entries.find(|entry| picks(variables.text(entry.key))) {
            text.extend_from_slice(variables.text(entry.value));
        }
    } else if variable == Variable::MatchedVars {
        if let Some((_, value)) = variables.matched.last() {
            text.extend_from_slice(variables.text(*value));
        }
    } else if variable.is_collection() {
        let wanted = key.map(|key| variables.text(key)).unwrap_or_default();
        let fields = dynamic::fields(variable, variables);
        if let Some((_, value)) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)) {
            text.extend_from_slice(value);
        }
    } else if let Some(value) = dynamic::text(variable, variables) {
        text.extend_from_slice(&value);
    }
}
