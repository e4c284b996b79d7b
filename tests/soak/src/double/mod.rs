//! Neighbours played by the test: a stage runs as it does in an edge, locked down, and what stands at its other descriptors is
//! under an attacker's control.

pub mod hostile_dispatch;
pub mod hostile_parse;
pub mod recorder;
pub mod script;

use std::{
    io::{BufRead, BufReader},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};

use crate::{edge::LONG, programs};

/// A connected pair.
fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
}

/// Waits until there is something to read, or the end; false where nothing comes.
fn readable(fd: impl AsFd, wait: Duration) -> bool {
    let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)).unwrap() > 0
}

/// Descriptors without close-on-exec live only while this is held: another test's child must not get them.
static BIRTH: Mutex<()> = Mutex::new(());

/// A program of the edge by itself.
#[derive(Debug)]
pub struct Stage {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    listener: Option<JoinHandle<()>>,
}

impl Stage {
    /// Starts a program with exactly these descriptors, as number and descriptor, and 2 for its words.
    fn start(program: &str, fds: Vec<(u8, OwnedFd)>) -> Self {
        let path = programs::directory().join(format!("fosse-{program}"));
        let guard = BIRTH.lock().unwrap();
        let (mut script, mut kept) = (String::from("exec "), Vec::new());
        for (target, fd) in &fds {
            let high = rustix::io::fcntl_dupfd_cloexec(fd, 60).unwrap();
            rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).unwrap();
            script += &format!("{target}<&{0} {0}<&- ", high.as_raw_fd());
            kept.push(high);
        }
        script += "; exec \"$0\"";
        let mut child =
            Command::new("/bin/bash").arg("-c").arg(script).arg(path).stderr(Stdio::piped()).spawn().unwrap();
        drop((kept, guard));
        let (said, words) = (Arc::new(Mutex::new(Vec::new())), child.stderr.take().unwrap());
        let heard = Arc::clone(&said);
        let listen = move || {
            for line in BufReader::new(words).lines().map_while(Result::ok) {
                let mut said = heard.lock().unwrap();
                if said.len() < 200 || line.contains("panic") {
                    said.push(line);
                }
            }
        };
        Self { child, said, listener: Some(thread::spawn(listen)) }
    }

    /// It has ended.
    fn is_gone(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end; an end by signal or panic is a finding.
    fn end(mut self) -> Result<ExitStatus, String> {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > LONG {
                self.child.kill().unwrap();
                return Err("it does not end when its neighbours are gone".into());
            }
            thread::sleep(Duration::from_millis(1));
        };
        self.listener.take().unwrap().join().unwrap();
        let said = self.said.lock().unwrap();
        let orderly = status.code().is_some_and(|c| matches!(c, 0 | 100 | 111));
        if orderly && !said.iter().any(|l| l.contains("panic")) {
            Ok(status)
        } else {
            Err(format!("it ended with {status}: {said:#?}"))
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
