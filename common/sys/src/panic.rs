//! The last words of a process: a panic becomes one line on fd 2 and exit 111.

use std::fmt::{self, Write};
use std::panic::PanicHookInfo;

/// Longest panic line: the log cuts at 4096 bytes, and 512 of them fit any stack that is left.
const LINE_BYTES_MAX: usize = 512;

/// Makes every panic print `PROGRAM: fatal: panic at FILE:LINE: MESSAGE` with a single write(2) and leave with 111 at
/// once. The standard hook would look for a backtrace (openat, statx) and die by SIGSYS before it says anything.
pub fn panic_hook(program: &'static str) {
    std::panic::set_hook(Box::new(move |info| {
        let mut line = Line { bytes: [0; LINE_BYTES_MAX], len: 0 };
        let _ = describe(&mut line, program, info);
        line.finish();
        let _ = rustix::io::write(rustix::stdio::stderr(), line.text());
        crate::process::exit_now(111)
    }));
}

fn describe(line: &mut Line, program: &str, info: &PanicHookInfo<'_>) -> fmt::Result {
    write!(line, "{program}: fatal: panic")?;
    if let Some(place) = info.location() {
        write!(line, " at {}:{}", place.file(), place.line())?;
    }
    let payload = info.payload();
    let message = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    line.write_str(": ")?;
    for c in message.unwrap_or("no message").chars() {
        if c.is_control() {
            write!(line, "\\x{:02x}", u32::from(c))?;
        } else {
            line.write_char(c)?;
        }
    }
    Ok(())
}

/// A line on the stack; what does not fit is cut.
struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    len: usize,
}

impl Line {
    fn finish(&mut self) {
        let last = self.len.min(LINE_BYTES_MAX.saturating_sub(1));
        if let Some(byte) = self.bytes.get_mut(last) {
            *byte = b'\n';
        }
        self.len = last.saturating_add(1);
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (place, byte) in self.bytes.iter_mut().skip(self.len).zip(text.bytes()) {
            *place = byte;
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }
}
