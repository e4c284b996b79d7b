//! What a value must contain for a pattern to match it.

/// Conditions necessary for a match, derived from a pattern. They may let a value pass that does not match; they
/// never rule out one that does.
#[derive(Debug, Clone, Default)]
pub struct Requirement {}

impl Requirement {
    /// No condition: always a candidate.
    pub fn anything() -> Self {
        Self::default()
    }

    /// The value contains at least one of these, ASCII case aside (`@pm`, `@contains`, `@streq`, `@beginsWith` ...).
    pub fn any_of<'a>(_literals: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self::default()
    }
}
