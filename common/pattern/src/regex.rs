//! One `@rx` pattern.

use crate::{CompileError, Requirement, Scratch, StepLimit};
use regex_automata::{meta, util::syntax};
use std::ops::Range;

/// `@rx ... capture` fills TX.0 to TX.9: the whole match and nine groups.
pub const GROUPS_MAX: usize = 10;

/// The byte ranges of the whole match (0) and of groups 1 to 9; `None` where a group took no part.
pub type Captures = [Option<Range<usize>>; GROUPS_MAX];

/// A compiled pattern. Cheap to share by `Arc`; matching needs a [`Scratch`].
#[derive(Debug)]
pub struct Regex {
    pattern: String,
    engine: meta::Regex,
    requirement: Requirement,
}

impl Regex {
    /// Compiles a pattern in PCRE syntax with the meaning ModSecurity 2 gives it: bytes, dot matches newline, `$` only
    /// at the very end, case matters unless `(?i)`, `\x{HH}` is the byte HH.
    pub fn new(pattern: impl AsRef<[u8]>) -> Result<Self, CompileError> {
        let pattern = std::str::from_utf8(pattern.as_ref()).map_err(|error| CompileError::new(0, error.to_string()))?;
        let engine = meta::Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true))
            .build(pattern)
            .map_err(|error| CompileError::new(0, error.to_string()))?;
        Ok(Self { pattern: pattern.to_owned(), engine, requirement: Requirement::anything() })
    }

    /// The pattern as it was written.
    pub fn pattern(&self) -> &[u8] {
        self.pattern.as_bytes()
    }

    /// What a value must have for this pattern to match; for a [`PatternSet`](crate::PatternSet).
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// Whether the pattern matches anywhere in the value.
    pub fn is_match(&self, value: &[u8], _scratch: &mut Scratch) -> Result<bool, StepLimit> {
        Ok(self.engine.is_match(value))
    }

    /// Whether the pattern matches, and if so where: fills `groups` (all `None` on no match). Costs several times
    /// [`is_match`](Self::is_match): ask only after a hit and only for rules that capture.
    pub fn captures(&self, value: &[u8], _scratch: &mut Scratch, groups: &mut Captures) -> Result<bool, StepLimit> {
        *groups = Captures::default();
        let mut found = self.engine.create_captures();
        self.engine.captures(value, &mut found);
        for (index, group) in groups.iter_mut().enumerate() {
            *group = found.get_group(index).map(|span| span.range());
        }
        Ok(found.is_match())
    }
}
