//! fosse-die: how a program speaks to people and how it ends.
//!
//! One event is one line on descriptor 2, `PROGRAM: WORD: TEXT`, without a time: the logger stamps
//! it. A line that cannot be written at once is dropped and counted, never waited for. Exit codes
//! are 0 done, 100 permanent (do not restart me), 111 temporary (restart me).

#![forbid(unsafe_code)]

use std::{
    fmt::{self, Display, Write as _},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// Do not restart me: usage, configuration, a missing sandbox.
pub const EXIT_PERMANENT: i32 = 100;
/// Restart me: another program died, the kernel was out of something.
pub const EXIT_TEMPORARY: i32 = 111;

/// The longest line; the rest is cut. A pipe write of at most this many bytes is atomic (pipe(7),
/// PIPE_BUF).
pub const LINE_BYTES_MAX: usize = 4096;

/// The severity of a line, as its second word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The command line is wrong.
    Usage,
    /// The program ends because of it.
    Fatal,
    /// Needs a look at once.
    Alert,
    /// Something is worse than it should be.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// Returns the severity of a line that a program of the suite has written: its second word.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let word = line.splitn(3, |byte| *byte == b':').nth(1)?.trim_ascii();
        let all = [Self::Usage, Self::Fatal, Self::Alert, Self::Warning, Self::Info];
        all.into_iter().find(|severity| severity.to_string().as_bytes() == word)
    }

    /// Returns the priority of syslog(3).
    #[must_use]
    pub const fn priority(self) -> u8 {
        match self {
            Self::Alert => 1,
            Self::Fatal => 2,
            Self::Usage => 3,
            Self::Warning => 4,
            Self::Info => 6,
        }
    }
}

impl Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usage => "usage",
            Self::Fatal => "fatal",
            Self::Alert => "alert",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns the number of lines that could not be written, because the pipe was full or gone.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.load(Relaxed)
}

static UNLOCKED: AtomicBool = AtomicBool::new(false);

/// Has every line from now on say that this process is not locked down.
pub fn mark_unlocked() {
    UNLOCKED.store(true, Relaxed);
}

static SYSLOG_PREFIX: AtomicBool = AtomicBool::new(false);

/// Has every line from now on begin with its priority, as sd-daemon(3) describes it: `<6>`.
pub fn mark_syslog_prefix() {
    SYSLOG_PREFIX.store(true, Relaxed);
}

/// Returns whether lines begin with their priority.
#[must_use]
pub fn has_syslog_prefix() -> bool {
    SYSLOG_PREFIX.load(Relaxed)
}

/// Writes one line: all of it, or (dropped and counted) nothing.
pub fn say(program: &str, severity: Severity, text: impl Display) {
    let unlocked = if UNLOCKED.load(Relaxed) { "(NO SANDBOX) " } else { "" };
    let mut line = if has_syslog_prefix() { format!("<{}>", severity.priority()) } else { String::new() };
    // Writing into a String cannot fail.
    let _ = write!(line, "{program}: {severity}: {unlocked}{text}");
    cut(&mut line);
    line.push('\n');
    if !matches!(rustix::io::write(rustix::stdio::stderr(), line.as_bytes()), Ok(n) if n == line.len()) {
        DROPPED.fetch_add(1, Relaxed);
    }
}

fn cut(line: &mut String) {
    let mut end = LINE_BYTES_MAX - 1;
    if line.len() > end {
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
    }
}

/// Reports what is good to know.
pub fn info(program: &str, text: impl Display) {
    say(program, Severity::Info, text);
}

/// Reports that something is worse than it should be.
pub fn warning(program: &str, text: impl Display) {
    say(program, Severity::Warning, text);
}

/// Reports what needs a look at once.
pub fn alert(program: &str, text: impl Display) {
    say(program, Severity::Alert, text);
}

/// Ends the program for good: a supervisor must not restart it.
pub fn fatal(program: &str, text: impl Display) -> ! {
    say(program, Severity::Fatal, text);
    std::process::exit(EXIT_PERMANENT)
}

/// Ends the program for now: a supervisor should restart it.
pub fn temporary(program: &str, text: impl Display) -> ! {
    say(program, Severity::Fatal, text);
    std::process::exit(EXIT_TEMPORARY)
}

/// Ends the program because its command line is wrong.
pub fn usage(program: &str, text: &str) -> ! {
    say(program, Severity::Usage, text);
    std::process::exit(EXIT_PERMANENT)
}

/// Outside bytes as the value of an event: as they are where they are printable ASCII without
/// space, `"`, `\` and `=`, else in double quotes, with `\"` and `\\`, and `\xNN` for what cannot
/// be printed.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
        let quote = if self.0.is_empty() || !self.0.iter().all(is_plain) { "\"" } else { "" };
        f.write_str(quote)?;
        for &byte in self.0 {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' => f.write_char(char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str(quote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_where_it_must_be_and_stays_in_its_line_and_its_quotes() {
        for (bytes, value) in [
            (&b"unix:/run/app.sock"[..], "unix:/run/app.sock"),
            (b"SQL injection", "\"SQL injection\""),
            (b"/?id=1", "\"/?id=1\""),
            (b"", "\"\""),
            (b"a\nb=\"\\\xff ", "\"a\\x0ab=\\\"\\\\\\xff \""),
        ] {
            assert_eq!(Escaped(bytes).to_string(), value);
        }
    }

    #[test]
    fn the_second_word_of_a_line_is_its_severity() {
        for (line, priority) in [
            (&b"fosse-start: alert: event=x"[..], Some(1)),
            (b"fosse-log: fatal: no", Some(2)),
            (b"fosse-x: usage: fosse-x", Some(3)),
            (b"fosse-parse: warning: (NO SANDBOX) a: b", Some(4)),
            (b"fosse-parse: info: a", Some(6)),
            (b"thread panicked: at x", None),
            (b"info", None),
            (b"", None),
        ] {
            assert_eq!(Severity::of_line(line).map(Severity::priority), priority);
        }
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let mut line = "é".repeat(LINE_BYTES_MAX);
        cut(&mut line);
        assert_eq!(line.len(), LINE_BYTES_MAX - 2);
    }
}
