//! What went wrong, and what is missing, in words.

use std::fmt;

use rustix::io::Errno;

/// A step that could not be taken and may not be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The step.
    pub step: &'static str,
    /// Why it failed.
    pub why: String,
}

impl Refusal {
    pub(crate) fn new(step: &'static str, why: impl Into<String>) -> Refusal {
        Refusal { step, why: why.into() }
    }

    /// One fatal line on fd 2, then exit 100: what this kernel or this user cannot do now, a
    /// restart cannot either.
    pub(crate) fn die(&self, program: &str) -> ! {
        fosse_die::fatal(program, self)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unable to lock down: {}: {}", self.step, self.why)
    }
}

impl std::error::Error for Refusal {}

/// Turns an errno into the refusal of a step.
pub(crate) trait Attempt<T> {
    fn attempt(self, step: &'static str) -> Result<T, Refusal>;
}

impl<T> Attempt<T> for Result<T, Errno> {
    fn attempt(self, step: &'static str) -> Result<T, Refusal> {
        self.map_err(|errno| Refusal::new(step, errno.to_string()))
    }
}

impl<T> Attempt<T> for nix::Result<T> {
    fn attempt(self, step: &'static str) -> Result<T, Refusal> {
        self.map_err(|errno| Refusal::new(step, errno.desc()))
    }
}

/// What the lock lacks here, one sentence each; empty when the full set is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    missing: Vec<String>,
}

impl Report {
    /// Whether anything is missing.
    pub fn is_degraded(&self) -> bool {
        !self.missing.is_empty()
    }

    /// What is missing.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    pub(crate) fn lacks(&mut self, sentence: impl Into<String>) {
        self.missing.push(sentence.into());
    }

    pub(crate) fn sandbox_is_off(&mut self) {
        fosse_die::mark_unlocked();
        self.lacks("no sandbox: this process is NOT locked down (--no-sandbox is for debugging only)");
    }

    pub(crate) fn as_refusal(&self) -> Refusal {
        Refusal::new("strict", format!("{} (--sandbox-strict asks for the full set)", self.missing.join("; ")))
    }

    /// One warning line for each missing part.
    pub fn print(&self, program: &str) {
        for sentence in &self.missing {
            fosse_die::warning(program, sentence);
        }
    }
}
