//! One `@rx` pattern.

use crate::backtrack::Backtracker;
use crate::byteset::ByteSet;
use crate::captures::Captures;
use crate::linear::Linear;
use crate::{CompileError, Requirement, Scratch, StepLimit, lower, parse};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A compiled pattern. Cheap to share by `Arc`; matching needs a [`Scratch`].
#[derive(Debug)]
pub struct Regex {
    pattern: Box<[u8]>,
    /// Counts the patterns of a process, so that a scratch finds this one's cache without hashing.
    id: usize,
    engine: Engine,
    requirement: Requirement,
}

#[derive(Debug)]
enum Engine {
    Linear(Box<Linear>),
    Backtracker(Backtracker),
}

static NEXT_ID: AtomicUsize = AtomicUsize::new(0);

impl Regex {
    /// Compiles a pattern in PCRE syntax with the meaning ModSecurity 2 gives it: bytes, dot
    /// matches newline, `$` only at the very end, case matters unless `(?i)`, `\x{HH}` is the byte
    /// HH.
    ///
    /// Not supported, and an error: recursion, conditional and branch reset groups, verbs,
    /// callouts, `\p`, `\X`.
    pub fn new(pattern: impl AsRef<[u8]>) -> Result<Self, CompileError> {
        let pattern = pattern.as_ref();
        let parsed = parse::parse(pattern)?;
        let node = lower::relax(parsed.node);
        let engine = match lower::to_hir(&node) {
            Some(hir) => {
                let (first, nullable) = lower::first(&node, ByteSet::EMPTY);
                Engine::Linear(Box::new(Linear::new(&hir, (!nullable).then_some(first))?))
            }
            None => Engine::Backtracker(Backtracker::new(&node, parsed.groups)?),
        };
        let requirement = Requirement::of(&node);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(Self { pattern: pattern.into(), id, engine, requirement })
    }

    /// Returns the pattern as it was written.
    pub fn pattern(&self) -> &[u8] {
        &self.pattern
    }

    /// Returns the conditions a value must meet to match, for a [`PatternSet`](crate::PatternSet).
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// Returns whether matching takes time linear in the value's length. Other patterns may end in
    /// [`StepLimit`] on any value; these only on a long one made to need new states all the time.
    pub fn is_linear(&self) -> bool {
        matches!(self.engine, Engine::Linear(_))
    }

    /// Returns the approximate heap bytes of the compiled form.
    pub fn memory_usage(&self) -> usize {
        match &self.engine {
            Engine::Linear(linear) => linear.memory_usage(),
            Engine::Backtracker(backtracker) => backtracker.memory_usage(),
        }
    }

    /// Returns whether the pattern matches anywhere in the value.
    pub fn is_match(&self, value: &[u8], scratch: &mut Scratch) -> Result<bool, StepLimit> {
        match &self.engine {
            Engine::Linear(linear) => linear.is_match(self.id, value, scratch),
            Engine::Backtracker(backtracker) => backtracker.search(value, 0, scratch, &mut Captures::default()),
        }
    }

    /// Returns whether the pattern matches, and fills `groups`: all `None` on no match; of a match
    /// longer than 4 KiB the groups in its last 4 KiB. It costs several times as much as
    /// [`is_match`](Self::is_match): call it only after a hit, and only for rules that capture.
    pub fn captures(&self, value: &[u8], scratch: &mut Scratch, groups: &mut Captures) -> Result<bool, StepLimit> {
        self.captures_from(value, 0, scratch, groups)
    }

    /// Like [`captures`](Self::captures) for the leftmost match that begins at byte `from` or
    /// later; `^`, `\b` and other assertions still see the bytes before it.
    pub fn captures_from(
        &self,
        value: &[u8],
        from: usize,
        scratch: &mut Scratch,
        groups: &mut Captures,
    ) -> Result<bool, StepLimit> {
        *groups = Captures::default();
        match &self.engine {
            Engine::Linear(linear) => linear.captures(self.id, value, from, scratch, groups),
            Engine::Backtracker(backtracker) => backtracker.search(value, from, scratch, groups),
        }
    }
}
