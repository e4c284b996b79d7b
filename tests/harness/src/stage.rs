//! A program of the edge by itself, locked down as it is in one: the test is start, and whatever
//! else is at its descriptors.

use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, BorrowedFd, IntoRawFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

use fosse_fdpass::{Received, receive};
use fosse_sys::memfd;
use fosse_sys::page::PageReader;
use fosse_wire::start::{MESSAGE_BYTES, ToChild, ToStart};
use rustix::net::SocketType;

use crate::sockets::{pair, readable, send_when_free};
use crate::{Dir, WAIT_MAX, wait_for};

/// Descriptors without close-on-exec live only while this is held: another test's child must not
/// get them.
pub(crate) static SPAWNING: Mutex<()> = Mutex::new(());

/// Where descriptors wait for the shell that puts them where they belong: above all that a program
/// is given.
const FD_FIRST: i32 = 60;

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub struct Stage {
    child: Child,
    start: Option<OwnedFd>,
    page: PageReader,
    dir: Dir,
}

impl Stage {
    /// Runs a program with `settings` (a blob of fosse-wire) at descriptor 5, counters at 6, start
    /// at 7, and `fds` where they say; 0 and 1 are /dev/null unless they are among them. `shell`
    /// are words of a shell that run first, with the program and its arguments in `$@`.
    ///
    /// # Panics
    /// Where it cannot be run.
    #[must_use]
    pub fn spawn(program: &Path, settings: Option<&[u8]>, mut fds: Vec<(u8, OwnedFd)>, shell: &str) -> Self {
        let (start, start_far) = pair(SocketType::SEQPACKET);
        let counters = memfd::page("page", fosse_counters::PAGE_BYTES).unwrap();
        let page = PageReader::map(&counters).unwrap();
        fds.extend([(6, counters), (7, start_far)]);
        fds.extend(settings.map(|bytes| (5, memfd::sealed("settings", bytes).unwrap())));
        let dir = Dir::new();
        let log = File::create(dir.join("log")).unwrap();
        let guard = SPAWNING.lock().unwrap();
        // Descriptors that whoever runs the tests has left open are none of the program's, which
        // may know their numbers. They stay open here: one that another test has just opened
        // without the flag has an owner.
        for fd in (3..FD_FIRST).filter_map(fosse_sys::fd::take) {
            let _ = fd.into_raw_fd();
        }
        // bash saves a descriptor that it closes at the lowest free number from 10 on, and puts a
        // number from 10 on that was such a copy back when `exec` is done: a descriptor that was
        // placed there would be lost. So all are placed before the first is closed.
        let (mut place, mut close, mut inherited) = (String::from("exec"), String::from("exec"), Vec::new());
        for (number, fd) in &fds {
            let high = rustix::io::fcntl_dupfd_cloexec(fd, FD_FIRST).unwrap();
            rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).unwrap();
            place += &format!(" {number}<&{}", high.as_raw_fd());
            close += &format!(" {}<&-", high.as_raw_fd());
            inherited.push(high);
        }
        let script = format!("{place}; {close}; {shell} exec \"$@\"");
        let mut command = Command::new("/bin/bash");
        command.args(["-c", &script, "bash"]).arg(program);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        drop((inherited, guard));
        Self { child, start: Some(start), page, dir }
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns everything it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }

    /// Waits until its log holds these words.
    ///
    /// # Panics
    /// Where it never does.
    pub fn wait_for_log(&self, words: &str) {
        wait_for(&format!("'{words}'"), || self.log().contains(words).then_some(()));
    }

    /// Waits until its log holds these words exactly that number of times.
    ///
    /// # Panics
    /// Where it never does.
    pub fn wait_for_log_times(&self, words: &str, times: usize) {
        wait_for(&format!("{times} times '{words}'"), || (self.log().matches(words).count() == times).then_some(()));
    }

    /// Returns a counter of its page.
    #[must_use]
    pub fn count(&self, counter: usize) -> u64 {
        self.page.get(counter)
    }

    /// Waits until a counter has a value.
    ///
    /// # Panics
    /// Where it never has.
    pub fn wait_for_count(&self, counter: usize, value: u64) {
        wait_for(&format!("{value} in counter {counter}"), || (self.count(counter) == value).then_some(()));
    }

    /// Waits until its loop has begun `turns` more turns.
    ///
    /// # Panics
    /// Where it never does.
    pub fn wait_for_turns(&self, turns: u64) {
        let before = self.count(fosse_counters::TURNS);
        wait_for("turns", || (self.count(fosse_counters::TURNS) >= before + turns).then_some(()));
    }

    /// Sends it a message of start, with a descriptor where it has one.
    ///
    /// # Panics
    /// Where it takes none.
    pub fn order(&self, order: ToChild, fd: Option<BorrowedFd<'_>>) {
        self.order_raw(&order.encode(), fd);
    }

    /// Sends it any bytes as start's.
    ///
    /// # Panics
    /// Where it takes none.
    pub fn order_raw(&self, bytes: &[u8], fd: Option<BorrowedFd<'_>>) {
        let start = self.start.as_ref().expect("start is there");
        let fds: Vec<BorrowedFd<'_>> = fd.into_iter().collect();
        send_when_free(start, bytes, &fds);
    }

    /// Returns what it tells start next.
    ///
    /// # Panics
    /// Where that is nothing, or no message.
    #[must_use]
    pub fn said(&self) -> ToStart {
        let start = self.start.as_ref().expect("start is there");
        let mut bytes = [0; MESSAGE_BYTES];
        assert!(readable(start, WAIT_MAX), "it tells start nothing: {}", self.log());
        match receive(start, &mut bytes, &mut Vec::new()).unwrap() {
            Received::Message(length) => ToStart::decode(&bytes[..length]).unwrap(),
            other => panic!("{other:?}: {}", self.log()),
        }
    }

    /// Closes start's end of the conversation.
    pub fn abandon(&mut self) {
        self.start = None;
    }

    /// Returns whether it runs.
    ///
    /// # Panics
    /// Where the kernel does not say.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn exit(&mut self) -> ExitStatus {
        wait_for("the end of the program", || self.child.try_wait().unwrap())
    }

    /// Abandons it and waits for its end.
    ///
    /// # Errors
    /// The status and the log of an end that is none of the documented ones, or came with a panic.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn end(mut self) -> Result<ExitStatus, String> {
        self.abandon();
        let (status, log) = (self.exit(), self.log());
        let orderly = status.code().is_some_and(|code| matches!(code, 0 | 100 | 111));
        if orderly && !log.contains("panic") { Ok(status) } else { Err(format!("it ended with {status}: {log}")) }
    }

    /// Kills it.
    ///
    /// # Panics
    /// Where that is not possible.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the program\n{}---", self.log());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};

    #[test]
    fn every_descriptor_is_where_it_belongs_and_nowhere_else() {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let numbers = [0, 1, 4, 8, 9, 10, 11, 12, 13, 14, 15, 20];
        let fds = numbers.map(|number| (number, write.try_clone().unwrap())).into();
        // What the shell says of itself before it becomes the program.
        let shell = "for fd in /proc/self/fd/*; do [ $fd -ef /proc/self/fd/20 ] && echo ${fd##*/} >&20; done; ";
        let stage = Stage::spawn(Path::new("/bin/true"), None, fds, shell);
        assert_eq!(stage.end().map(|status| status.code()), Ok(Some(0)));
        drop(write);
        let mut said = String::new();
        std::io::Read::read_to_string(&mut File::from(read), &mut said).unwrap();
        let mut found: Vec<u8> = said.lines().map(|line| line.parse().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, numbers);
    }
}
