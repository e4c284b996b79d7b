//! The values of a variable that a target names.

use super::variables::{VarName, Variables};
use crate::arena::Span;
use crate::target::{Selector, Target};
use crate::variable::Variable;

/// Returns whether a selector picks the entry named `key`. A pattern that is given up picks
/// nothing.
#[inline]
pub(super) fn selects(
    selector: &Selector,
    variable: Variable,
    key: Span,
    variables: &Variables<'_>,
    patterns: &mut fosse_pattern::Scratch,
) -> bool {
    match selector {
        Selector::All => true,
        Selector::Name(wanted) => {
            if wanted.len() != key.len() {
                return false;
            }
            let (wanted, key) = (variables.text(*wanted), variables.text(key));
            if variable.selector_minds_case() { wanted == key } else { wanted.eq_ignore_ascii_case(key) }
        }
        Selector::Pattern(regex) => regex.is_match(variables.text(key), patterns).unwrap_or(false),
    }
}

/// Returns whether an excluded target is the value named `name`.
pub(super) fn excludes(
    excluded: &Target,
    name: VarName,
    variables: &Variables<'_>,
    patterns: &mut fosse_pattern::Scratch,
) -> bool {
    excluded.variable == name.variable
        && excluded.count == name.count
        && selects(&excluded.selector, name.variable, name.key.unwrap_or(Span::EMPTY), variables, patterns)
}
