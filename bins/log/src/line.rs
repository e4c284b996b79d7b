//! Lines out of bytes: cut at their limit, odd bytes escaped, n of them in a second.

use std::io::Write as _;

/// The longest line that is written; what a process writes beyond it is thrown away up to the
/// line's end.
pub const LINE_BYTES_MAX: usize = 4096;

/// An unfinished line of one pipe.
#[derive(Debug, Default)]
pub struct Partial {
    bytes: Vec<u8>,
    cut: bool,
}

impl Partial {
    /// Takes bytes; calls `line` with each complete line, without its end, and whether it was cut.
    pub fn take(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8], bool)) {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            let (first, rest) = bytes.split_at(end);
            self.append(first);
            line(&self.bytes, self.cut);
            self.bytes.clear();
            self.cut = false;
            bytes = &rest[1..];
        }
        self.append(bytes);
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Returns what is left when the pipe ends: a last line without its end.
    #[must_use]
    pub fn rest(&self) -> Option<&[u8]> {
        (!self.bytes.is_empty()).then_some(&self.bytes)
    }
}

/// Appends `text` with everything but printable ASCII as `\xNN`, so that a line stays one line and
/// a terminal stays a terminal. UTF-8 is not spared: what looks like a letter may not be one.
pub fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b' '..=b'~' => out.push(*byte),
            other => {
                let _ = write!(out, "\\x{other:02x}");
            }
        }
    }
}

/// A limit of lines in a second.
#[derive(Debug)]
pub(crate) struct Rate {
    max: u32,
    second: u64,
    used: u32,
    /// Lines dropped since this was last reported.
    pub(crate) dropped: u64,
}

impl Rate {
    /// Allows at most `max` lines a second; 0 for no limit.
    #[must_use]
    pub(crate) const fn new(max: u32) -> Self {
        Self { max, second: 0, used: 0, dropped: 0 }
    }

    /// Changes the limit.
    pub(crate) const fn set_max(&mut self, max: u32) {
        self.max = max;
    }

    /// Returns whether a line may be written at `now_ms`; one that may not is counted.
    pub(crate) const fn allows(&mut self, now_ms: u64) -> bool {
        let second = now_ms / 1000;
        if second != self.second {
            self.second = second;
            self.used = 0;
        }
        self.used += 1;
        let allowed = self.max == 0 || self.used <= self.max;
        if !allowed {
            self.dropped += 1;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<(String, bool)> {
        let mut partial = Partial::default();
        let mut found = Vec::new();
        for piece in pieces {
            partial.take(piece, |line, cut| found.push((String::from_utf8_lossy(line).into_owned(), cut)));
        }
        found
    }

    #[test]
    fn lines_come_out_whole_however_they_went_in() {
        assert_eq!(lines(&[b"a", b"b\nc", b"\n", b"d"]), [("ab".into(), false), ("c".into(), false)]);
    }

    #[test]
    fn a_line_over_the_limit_is_cut_and_the_next_one_is_whole() {
        let long = [b'x'; LINE_BYTES_MAX + 1];
        let found = lines(&[&long, b"\nok\n"]);
        assert_eq!((found[0].0.len(), found[0].1, &found[1]), (LINE_BYTES_MAX, true, &("ok".into(), false)));
    }

    #[test]
    fn a_process_cannot_write_a_line_of_another() {
        let mut out = Vec::new();
        escape(&mut out, b"x\rfosse-start: info: \x1b[2J\xc3\xa9");
        assert_eq!(out, b"x\\x0dfosse-start: info: \\x1b[2J\\xc3\\xa9");
    }

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_has_them_again() {
        let mut rate = Rate::new(2);
        assert_eq!([rate.allows(5), rate.allows(6), rate.allows(7), rate.allows(1000)], [true, true, false, true]);
        assert_eq!(rate.dropped, 1);
    }
}
