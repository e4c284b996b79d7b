//! The last words of a process: a panic becomes one line on fd 2 and exit 111.

use std::fmt::{self, Write};
use std::panic::PanicHookInfo;

/// Longest panic line: the log cuts at 4096 bytes, and 512 of them fit any stack that is left.
const LINE_BYTES_MAX: usize = 512;

/// Makes every panic print `PROGRAM: fatal: panic at FILE:LINE: MESSAGE` with a single write(2) and
/// exit with 111 at once. The standard hook would look for a backtrace (openat, statx) and die by
/// SIGSYS before it prints anything.
pub fn panic_hook(program: &'static str) {
    std::panic::set_hook(Box::new(move |info| {
        last_line(format_args!("{program}: fatal: panic{}", Panic(info)));
        crate::process::exit_now(111)
    }));
}

/// Writes one line to fd 2 without touching the heap; what does not fit is cut. Safe in a signal
/// handler.
pub(crate) fn last_line(text: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; LINE_BYTES_MAX], len: 0 };
    // A value that cannot be formatted is a shorter line, and a line that cannot be written is
    // lost: the process ends either way.
    let _ = line.write_fmt(text);
    line.finish();
    let _ = rustix::io::write(rustix::stdio::stderr(), line.text());
}

/// A panic in words: ` at FILE:LINE: MESSAGE`, control characters escaped so that it stays one
/// line.
struct Panic<'a>(&'a PanicHookInfo<'a>);

impl fmt::Display for Panic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.0.location() {
            write!(f, " at {}:{}", place.file(), place.line())?;
        }
        let payload = self.0.payload();
        let message = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        f.write_str(": ")?;
        for c in message.unwrap_or("no message").chars() {
            if c.is_control() {
                write!(f, "\\x{:02x}", u32::from(c))?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// A line on the stack; what does not fit is cut.
struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    len: usize,
}

impl Line {
    fn finish(&mut self) {
        let last = self.len.min(LINE_BYTES_MAX - 1);
        self.bytes[last] = b'\n';
        self.len = last + 1;
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let space = &mut self.bytes[self.len..];
        let count = text.len().min(space.len());
        space[..count].copy_from_slice(&text.as_bytes()[..count]);
        self.len += count;
        Ok(())
    }
}
