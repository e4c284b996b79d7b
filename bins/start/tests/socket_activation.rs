//! Listening sockets that a supervisor hands over (sd_listen_fds(3)), and what becomes of a word
//! about them that cannot be true.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus, Stdio};

use fosse_harness::{Backend, Dir, children, get, programs, uid_base, wait_for};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

/// A supervisor that has opened one listening socket.
struct Supervisor {
    dir: Dir,
    listener: TcpListener,
    backend: Backend,
    /// Of this edge alone: the tests of this file run beside each other.
    uid_base: u32,
}

impl Supervisor {
    fn new() -> Self {
        let (listener, backend) = (TcpListener::bind("127.0.0.1:0").unwrap(), Backend::start());
        Self { dir: Dir::new(), listener, backend, uid_base: uid_base() }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Runs start with the socket on descriptor 3 and these variables, in which `$$` is start's own
    /// process ID.
    fn start(&self, variables: &str, options: &[&str]) -> Start {
        let configuration = format!(
            "lanes = 1\nuid_base = {}\n[[listen]]\nname = \"web\"\naddress = \"{}\"\n[[site]]\ndefault = true\nbackend = \"app\"\n\
             [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            self.uid_base,
            self.address(),
            self.backend.address()
        );
        fs::write(self.dir.join("fosse.toml"), configuration).unwrap();
        // The shell moves the socket to its number without any unsafe. The copy it moves stays open
        // as a stray, which start must close.
        let high: OwnedFd = fcntl_dupfd_cloexec(&self.listener, 200).unwrap();
        fcntl_setfd(&high, FdFlags::empty()).unwrap();
        let script = format!("{variables} exec \"$0\" \"$@\" 3<&{}", high.as_raw_fd());
        let child = Command::new("/bin/bash")
            .args(["-c", &script])
            .arg(programs().join("fosse-start"))
            .arg("--config")
            .arg(self.dir.join("fosse.toml"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.dir.join("said")).unwrap())
            .spawn()
            .unwrap();
        Start(child)
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.join("said")).unwrap()
    }

    /// Runs a start that must end by itself.
    fn refused(&self, variables: &str, options: &[&str]) -> (Option<i32>, String) {
        let status = self.start(variables, options).end();
        (status.code(), self.said())
    }
}

/// A start that runs. Dropped, it is killed with everything below it.
struct Start(Child);

impl Start {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    fn end(&mut self) -> ExitStatus {
        wait_for("the end of start", || self.0.try_wait().unwrap())
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        // Either fails where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_socket_that_is_handed_over_serves_and_no_program_learns_of_the_supervisor() {
    let supervisor = Supervisor::new();
    let notify = UnixDatagram::bind(supervisor.dir.join("notify")).unwrap();
    let path = supervisor.dir.join("notify").display().to_string();
    let variables = format!("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web NOTIFY_SOCKET={path}");
    let mut start = supervisor.start(&variables, &[]);
    notify.set_read_timeout(Some(fosse_harness::WAIT_MAX)).unwrap();
    let hear = || {
        let mut bytes = [0; 512];
        let len = notify.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}: {}", supervisor.said()));
        String::from_utf8(bytes[..len].to_vec()).unwrap()
    };
    assert!(hear().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(hear(), "READY=1\nSTATUS=serving\n");
    // The supervisor has it open: start could not have bound the address itself.
    assert_eq!(get(supervisor.address(), "/").status, 200);
    for child in children(start.0.id()).into_iter().filter(|child| child.program != "start") {
        let environment = fs::read_to_string(format!("/proc/{}/environ", child.pid)).unwrap_or_default();
        assert!(
            !environment.contains("LISTEN_") && !environment.contains("NOTIFY_"),
            "{}: {environment}",
            child.program
        );
    }
    // A successor gets the socket from its predecessor, under the same number or another.
    start.signal(Signal::USR2);
    assert!(hear().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(hear(), "READY=1\nSTATUS=serving\n");
    assert_eq!(get(supervisor.address(), "/").status, 200);
    start.signal(Signal::TERM);
    assert_eq!(hear(), "STOPPING=1\n");
    assert_eq!(start.end().code(), Some(0), "{}", supervisor.said());
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let supervisor = Supervisor::new();
    for variables in ["LISTEN_PID=1 LISTEN_FDS=1 LISTEN_FDNAMES=web", "LISTEN_FDS=1 LISTEN_FDNAMES=web"] {
        let (status, said) = supervisor.refused(variables, &[]);
        assert_eq!(status, Some(111), "{said}");
        assert!(
            said.contains(&format!("unable to listen on {}: Address already in use", supervisor.address())),
            "{said}"
        );
    }
}

#[test]
fn a_name_that_no_listener_has_opens_nothing() {
    let supervisor = Supervisor::new();
    for variables in ["LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=other", "LISTEN_PID=$$ LISTEN_FDS=1"] {
        let (status, said) = supervisor.refused(variables, &[]);
        assert_eq!(status, Some(111), "{said}");
        assert!(said.contains("unable to listen on "), "{said}");
    }
}

#[test]
fn a_word_about_sockets_that_cannot_be_true_ends_start() {
    let supervisor = Supervisor::new();
    let rows = [
        ("LISTEN_PID=me LISTEN_FDS=1", "invalid LISTEN_PID"),
        ("LISTEN_PID=$$ LISTEN_FDS=one", "invalid LISTEN_FDS"),
        ("LISTEN_PID=$$ LISTEN_FDS=-1", "invalid LISTEN_FDS"),
        ("LISTEN_PID=$$ LISTEN_FDS=2", "descriptor 4 of LISTEN_FDS was not handed over"),
        ("LISTEN_PID=$$ LISTEN_FDS=1000000", "Bad file descriptor"),
        ("LISTEN_PID=$$ LISTEN_FDS=4294967295", "fd count overflowed"),
        ("LISTEN_PID=$$ LISTEN_FDS=99999999999999999999", "invalid LISTEN_FDS"),
        ("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web:more", "invalid LISTEN_FDNAMES"),
        ("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=:::::", "invalid LISTEN_FDNAMES"),
    ];
    for (variables, words) in rows {
        let (status, said) = supervisor.refused(variables, &[]);
        assert_eq!(status, Some(100), "{variables}: {said}");
        assert!(said.starts_with("fosse-start: fatal: sockets of the supervisor: "), "{variables}: {said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{variables}: {said}");
    }
}

#[test]
fn a_descriptor_means_one_thing() {
    let supervisor = Supervisor::new();
    let (status, said) = supervisor.refused("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web", &["--ready-fd", "3"]);
    assert_eq!(status, Some(100), "{said}");
    assert!(
        said.contains(
            "sockets of the supervisor: descriptor 3 of LISTEN_FDS was not handed over, or is that of an option"
        ),
        "{said}"
    );
    let (status, said) = supervisor.refused("", &["--ready-fd", "9"]);
    assert_eq!(status, Some(100), "{said}");
    assert!(said.contains("--ready-fd: 9 is not open"), "{said}");
}
