//! The report of the last reload, which `fosse reload` reads from fosse-status.

use fosse_die::alert;
use fosse_eventloop::slab::Key;
use fosse_wire::start::{ReloadProgress, ToChild};

use crate::{PROGRAM, children::Children};

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

    /// Tells status.
    pub(crate) fn tell(&self, children: &Children, status: Key) {
        let message = ToChild::Reload { number: self.number, progress: self.progress };
        match fosse_sys::memfd::sealed("reload", self.words.as_bytes()) {
            Ok(words) => children.tell(status, message, Some(&words)),
            Err(errno) => alert(PROGRAM, format_args!("event=not-reported to=fosse-status error=\"{errno}\"")),
        }
    }
}
