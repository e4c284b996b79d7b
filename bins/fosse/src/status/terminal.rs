//! A terminal that gives keys as they are pressed, and gets its modes back whatever happens.

use std::time::Duration;

use fosse_sys::signal::{Signal, Signals};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{getpid, kill_process},
    stdio::{stdin, stdout},
    termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};

/// Signals that end the program, or stop it, unless it gives the terminal back first; and those
/// after which the screen is not what it was.
const SIGNALS: [Signal; 7] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGCONT,
    Signal::SIGWINCH,
];

/// Rows of a terminal that does not say.
const ROWS: u16 = 24;

/// Bytes of keys that are read at a time.
const KEYS_BYTES: usize = 64;

/// The byte that begins the sequence of a key without a letter.
const ESC: u8 = 0x1b;

/// The terminal of this process, without lines and echo until the value is dropped.
#[derive(Debug)]
pub(super) struct Terminal {
    /// As it was.
    modes: Termios,
    signals: Signals,
}

/// The end of a wait.
#[derive(Debug)]
pub(super) enum Event {
    /// Its time, or something after which the screen has to be drawn again.
    Time,
    /// These keys were pressed.
    Keys(Vec<u8>),
    /// The terminal has gone, or the process is to end, with this status.
    Over(i32),
}

impl Terminal {
    /// Takes the terminal; `None` where the standard input or output is none.
    ///
    /// # Errors
    /// Those of tcgetattr(3), tcsetattr(3) and signalfd(2).
    pub(super) fn enter() -> Result<Option<Self>, Errno> {
        if !isatty(stdin()) || !isatty(stdout()) {
            return Ok(None);
        }
        // Before the modes change: a signal in between would leave them so.
        let signals = Signals::block(&SIGNALS)?;
        let terminal = Self { modes: tcgetattr(stdin())?, signals };
        terminal.set_modes()?;
        terminal.restore_in_a_panic();
        Ok(Some(terminal))
    }

    fn set_modes(&self) -> Result<(), Errno> {
        let mut modes = self.modes.clone();
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Now, &modes)
    }

    fn restore(&self) {
        // A terminal that has gone has no modes.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.modes);
    }

    /// The hook ends the process before anything is dropped.
    fn restore_in_a_panic(&self) {
        let (modes, next) = (self.modes.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
            next(info);
        }));
    }

    /// Returns its number of rows.
    pub(super) fn rows(&self) -> usize {
        let rows = tcgetwinsize(stdout()).map_or(0, |size| size.ws_row);
        usize::from(if rows == 0 { ROWS } else { rows })
    }

    /// Waits for keys and signals, for so long at most.
    pub(super) fn wait(&self, time: Duration) -> Event {
        let time = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        let mut ready = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
        // EINTR: what has come shows in the next wait.
        if poll(&mut ready, Some(&time)).is_err() {
            return Event::Time;
        }
        let (keys, signal) = (!ready[0].revents().is_empty(), !ready[1].revents().is_empty());
        match (signal, keys) {
            (true, _) => self.on_signals(),
            (false, true) => Self::keys(),
            (false, false) => Event::Time,
        }
    }

    fn on_signals(&self) -> Event {
        while let Ok(Some(signal)) = self.signals.next() {
            match signal {
                Signal::SIGWINCH => {}
                Signal::SIGTSTP => {
                    self.restore();
                    // This process only: its group has got the signal itself.
                    let _ = kill_process(getpid(), rustix::process::Signal::STOP);
                }
                Signal::SIGCONT => {
                    if self.set_modes().is_err() {
                        return Event::Over(0);
                    }
                }
                // As a shell says it (128 and the number), who was to clean up first.
                ending => return Event::Over(128 + ending as i32),
            }
        }
        Event::Time
    }

    fn keys() -> Event {
        let mut bytes = [0; KEYS_BYTES];
        match rustix::io::read(stdin(), &mut bytes) {
            Ok(0) | Err(Errno::IO) => Event::Over(0),
            Ok(length) => Event::Keys(letters(&bytes[..length])),
            Err(_) => Event::Time,
        }
    }
}

/// Returns the keys without the sequences of those that have no letter (arrows and the like): ESC
/// and a byte, or ESC, `[` or `O` and all up to a final byte (ECMA-48, section 5.4).
fn letters(mut typed: &[u8]) -> Vec<u8> {
    let mut keys = Vec::new();
    while let [first, rest @ ..] = typed {
        typed = match (first, rest) {
            (&ESC, [b'[' | b'O', sequence @ ..]) => {
                let end = sequence.iter().position(|byte| (0x40..=0x7e).contains(byte));
                end.map_or(&[][..], |end| &sequence[end + 1..])
            }
            (&ESC, [_, rest @ ..]) => rest,
            (&ESC, []) => rest,
            (key, rest) => {
                keys.push(*key);
                rest
            }
        };
    }
    keys
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_a_letter_are_passed_over_with_their_sequences_alone() {
        for (typed, keys) in [
            (&b"q"[..], &b"q"[..]),
            (b"\x1b[Aq", b"q"),
            (b"n\x1b[1;5Aa\x1bOPr", b"nar"),
            (b"\x1bxq", b"q"),
            (b"4\x1b[15", b"4"),
            (b"4\x1b", b"4"),
        ] {
            assert_eq!(letters(typed), keys, "{typed:?}");
        }
    }
}
