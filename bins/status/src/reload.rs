//! The last reload, as start has said.

use std::fmt::{self, Display, Formatter};

use fosse_wire::start::ReloadProgress;

use crate::limits::RELOAD_BYTES_MAX;

/// The last reload.
#[derive(Debug, Default)]
pub(crate) struct Reload(Option<(u32, ReloadProgress, String)>);

impl Reload {
    /// Replaces what was known. Of the words only printable ASCII is kept, on one line.
    pub(crate) fn set(&mut self, number: u32, progress: ReloadProgress, words: &[u8]) {
        let printable = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '?' };
        let words = words.iter().take(RELOAD_BYTES_MAX).map(printable).collect();
        self.0 = Some((number, progress, words));
    }
}

/// `number begun|serves|failed|failed-for-good words`, or nothing before the first.
impl Display for Reload {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some((number, progress, words)) = &self.0 else { return Ok(()) };
        let progress = match progress {
            ReloadProgress::Begun => "begun",
            ReloadProgress::Serves => "serves",
            ReloadProgress::Failed => "failed",
            ReloadProgress::FailedForGood => "failed-for-good",
        };
        writeln!(f, "{number} {progress} {words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_is_one_line_whatever_its_words_are() {
        let mut reload = Reload::default();
        assert_eq!(reload.to_string(), "");
        reload.set(7, ReloadProgress::Failed, b"a\n8 serves\xff");
        assert_eq!(reload.to_string(), "7 failed a?8 serves?\n");
    }
}
