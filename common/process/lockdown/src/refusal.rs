//! Errors of the lock-down, and the report of what it lacks.

use std::fmt;

use rustix::io::Errno;

/// The environment variable by which fosse-start, run by an ordinary user, tells its programs that
/// it has said what they lack. Strictness does not look at it.
pub const ORDINARY_USER_SAID: &str = "FOSSE_ORDINARY_USER_SAID";
/// The beginning of the sentence about it.
const IDENTITY: &str = "identity: ";

/// A step that could not be taken and may not be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The step.
    pub step: &'static str,
    /// The reason.
    pub why: String,
}

impl Refusal {
    pub(crate) fn new(step: &'static str, why: impl Into<String>) -> Refusal {
        Refusal { step, why: why.into() }
    }

    /// Prints one fatal line on fd 2 and exits with 100: a restart changes neither this kernel nor
    /// this user.
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

/// The parts of the lock that are missing here, one sentence each; none when the full set is in
/// force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    missing: Vec<String>,
}

impl Report {
    /// Returns whether anything is missing.
    pub fn is_degraded(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Returns the sentences.
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

    /// Prints one warning line for each missing part.
    pub fn print(&self, program: &str) {
        // One line of start says it for all its programs.
        let is_said = std::env::var_os(ORDINARY_USER_SAID).is_some();
        for sentence in self.missing.iter().filter(|sentence| !(is_said && sentence.starts_with(IDENTITY))) {
            fosse_die::warning(program, sentence);
        }
    }
}
