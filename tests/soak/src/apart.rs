//! Parts of a scenario that run as processes of their own, so that their threads, their heap and
//! their priority are nothing to the clients that measure.
//!
//! A part is this program with the word [`PART`] before what it is to do. Its standard input is a
//! socket on which it is asked for lines, and it ends with that socket.

use std::{
    io::{BufRead, BufReader, Read as _, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, exit},
};

/// The first word of a part's command line.
pub const PART: &str = "part";

/// A part at work. Dropped, it is ended.
#[derive(Debug)]
pub struct Apart {
    child: Child,
    socket: BufReader<UnixStream>,
    what: String,
}

impl Apart {
    /// Runs `program`, which is fosse-soak, for that part.
    ///
    /// # Panics
    /// Where it cannot be run.
    #[must_use]
    pub fn start(program: &str, words: &[&str]) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let what = words.join(" ");
        let mut command = Command::new(program);
        let child = command.arg(PART).args(words).stdin(OwnedFd::from(theirs)).spawn();
        let child = child.unwrap_or_else(|error| panic!("{program}: {error}"));
        Self { child, socket: BufReader::new(ours), what }
    }

    /// Asks the part for its lines.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn ask(&mut self) -> Vec<String> {
        let asked = self.socket.get_mut().write_all(b"\n");
        asked.unwrap_or_else(|error| panic!("{}: {error}", self.what));
        let lines = self.socket.by_ref().lines().map_while(Result::ok);
        // Only a part that has ended leaves its last line out, which is empty.
        let mut ended = true;
        let lines = lines.take_while(|line| {
            ended = line.is_empty();
            !ended
        });
        let lines = lines.collect();
        assert!(ended, "{} has ended", self.what);
        lines
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Responds, in a part, to each time that it is asked, and ends with whoever asks.
pub fn respond(mut lines: impl FnMut() -> Vec<String>) -> ! {
    let asked = BufReader::new(std::io::stdin().lock());
    let Ok(socket) = rustix::io::dup(std::io::stdin()) else { exit(111) };
    let mut socket = UnixStream::from(socket);
    for _ in asked.lines().map_while(Result::ok) {
        // A line is one line, whatever is in it.
        let text: String = lines().into_iter().map(|line| line.replace('\n', "\\n") + "\n").collect();
        if writeln!(socket, "{text}").is_err() {
            break;
        }
    }
    exit(0)
}
