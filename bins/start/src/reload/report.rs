//! The report of the last reload, which `fosse reload` reads from fosse-status.

use fosse_wire::start::{ReloadProgress, ToChild};

/// The longest words of a report, as fosse-status takes them.
const WORDS_BYTES_MAX: usize = 4096;

/// The last reload, the first start included.
#[derive(Debug)]
pub(crate) struct ReloadReport {
    /// Counted from 1; 0 before the first.
    pub number: u32,
    progress: ReloadProgress,
    words: String,
}

impl ReloadReport {
    /// Returns the report of an edge whose last reload, if there was one, served.
    pub(crate) const fn after(number: u32) -> Self {
        Self { number, progress: ReloadProgress::Serves, words: String::new() }
    }

    /// Notes that the next reload begins.
    pub(crate) fn begin(&mut self) {
        // Numbers tell one reload from the next; after four thousand million others one may come
        // again.
        self.number = self.number.wrapping_add(1);
        (self.progress, self.words) = (ReloadProgress::Begun, String::new());
    }

    /// Notes the end of the reload.
    pub(crate) fn end(&mut self, progress: ReloadProgress, words: &str) {
        self.progress = progress;
        self.words = words[..words.floor_char_boundary(WORDS_BYTES_MAX)].to_owned();
    }

    /// Returns the report as status is given it, without its words, and with the number of the
    /// generation that serves.
    pub(crate) const fn message(&self, generation: u32) -> ToChild {
        ToChild::Reload { number: self.number, progress: self.progress, generation }
    }

    /// Returns what a failed reload has failed of.
    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    /// Returns a number that no other report has.
    pub(crate) fn edition(&self) -> u64 {
        u64::from(self.number) << 8 | u64::from(self.progress as u8)
    }
}
