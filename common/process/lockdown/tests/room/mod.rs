//! A child process to lock down, and a filter around it that changes the outcome of some calls.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use fosse_sys::process::{Fork, exit_now, fork};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// How a child ended, and what it wrote to fd 2.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) text: String,
}

/// A running child: its fd 1 and 2 are pipes to here.
pub(crate) struct Child {
    pid: Pid,
    out: OwnedFd,
    err: OwnedFd,
}

impl Child {
    pub(crate) fn start(body: impl FnOnce() -> i32) -> Child {
        Child::begin(body, false)
    }

    /// A child that keeps this process's fd 2.
    pub(crate) fn start_quiet(body: impl FnOnce() -> i32) -> Child {
        Child::begin(body, true)
    }

    fn begin(body: impl FnOnce() -> i32, keep_stderr: bool) -> Child {
        let (out, out_end) = rustix::pipe::pipe().unwrap();
        let (err, err_end) = rustix::pipe::pipe().unwrap();
        match fork().unwrap() {
            Fork::Parent(pid) => Child { pid, out, err },
            Fork::Child => {
                rustix::stdio::dup2_stdout(out_end).unwrap();
                if !keep_stderr {
                    rustix::stdio::dup2_stderr(err_end).unwrap();
                }
                drop((out, err));
                end(body())
            }
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    pub(crate) fn wait_for_a_byte(&self) {
        assert_eq!(rustix::io::read(self.out.as_fd(), &mut [0_u8; 1]), Ok(1));
    }

    /// /proc/PID/status once the child is in `pause`.
    pub(crate) fn status_file_when_paused(&self) -> String {
        self.wait_for_a_byte();
        std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap()
    }

    pub(crate) fn kill(self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Waits until its state in /proc/PID/stat is one of these: sleeping, stopped, ended.
    pub(crate) fn wait_for_state(&self, states: &[&str]) {
        loop {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
            let (_, rest) = stat.rsplit_once(") ").unwrap();
            if states.contains(&&rest[..1]) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal again and again until the child has ended.
    pub(crate) fn wait_signalling(self, signal: Signal) -> Ended {
        loop {
            self.signal(signal);
            if let Some((_, status)) = waitpid(Some(self.pid), WaitOptions::NOHANG).unwrap() {
                return self.ended(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn wait(self) -> Ended {
        let (_, status) = waitpid(Some(self.pid), WaitOptions::empty()).unwrap().unwrap();
        self.ended(status)
    }

    fn ended(self, status: WaitStatus) -> Ended {
        let mut text = String::new();
        std::fs::File::from(self.err).read_to_string(&mut text).unwrap();
        Ended { code: status.exit_status(), signal: status.terminating_signal(), text }
    }
}

pub(crate) fn in_child(body: impl FnOnce() -> i32) -> Ended {
    Child::start(body).wait()
}

/// Runs `body` where the given calls (with that first argument) have the given outcomes.
pub(crate) fn in_room(overrides: &[(i64, Option<u64>, SeccompAction)], body: impl FnOnce() -> i32) -> Ended {
    in_child(|| {
        for (call, first, action) in overrides {
            override_call(*call, *first, action.clone());
        }
        body()
    })
}

fn override_call(call: i64, first: Option<u64>, action: SeccompAction) {
    let equals = |value| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value).unwrap();
    let rules = first.map(|value| SeccompRule::new(vec![equals(value)]).unwrap()).into_iter().collect();
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter = SeccompFilter::new(BTreeMap::from([(call, rules)]), SeccompAction::Allow, action, arch).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// Says that this point is reached and waits to be ended.
pub(crate) fn pause() -> ! {
    rustix::io::write(rustix::stdio::stdout(), b"x").unwrap();
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

pub(crate) fn end(code: i32) -> ! {
    exit_now(code)
}

pub(crate) fn connect_to_a_closed_port() -> Result<(), Errno> {
    use rustix::net::{AddressFamily, SocketType, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    connect(&socket, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 1))
}
