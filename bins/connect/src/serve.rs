//! Asks in, attempts under way, sockets out.

use std::{
    collections::VecDeque,
    net::{Ipv6Addr, SocketAddr},
    os::fd::{AsFd, OwnedFd},
};

use fosse_counters::{Counters, LOG_DROPPED, TURNS, connect as count};
use fosse_die::temporary;
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Interest, Turn};
use fosse_fdpass::Received;
use fosse_inherit::{Blob, Expected, MEMORY, MESSAGES, inherit};
use fosse_lockdown::{Locked, Sealed};
use fosse_settings::{Address, Connect, Server};
use fosse_wire::{
    connect::{Answer, Ask, Outcome},
    start::{MESSAGE_BYTES, ToStart},
};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with,
        sockopt::{set_tcp_nodelay, socket_error, socket_peercred},
    },
};

const PROGRAM: &str = "fosse-connect";
const TOKEN_ASKS: u8 = 1;
const TOKEN_START: u8 = 2;
const TOKEN_ATTEMPT: u8 = 3;
const TOKEN_ANSWERS: u8 = 4;

/// Attempts under way at a time. dispatch's own limits are lower; one more is a sign that it is not itself any more.
const ATTEMPTS_MAX: usize = 65_536;
/// A unix listener whose queue is full refuses at once; it is asked again this often.
const BUSY_RETRY_MS: u64 = 5;

const DESCRIPTORS: &[Expected] = &[
    Expected::required(0, MESSAGES, "asks from dispatch"),
    Expected::required(1, MESSAGES, "answers to dispatch"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
];

/// What the program was born with.
#[derive(Debug)]
pub struct Inputs {
    config: Sealed<Blob<Connect>>,
    asks: OwnedFd,
    answers: OwnedFd,
    start: Option<OwnedFd>,
    counters: Counters,
    turn: Turn,
}

/// Takes over the descriptors, before the lock; nothing is read from them yet.
#[must_use]
pub fn inputs() -> Inputs {
    let mut fds = inherit(PROGRAM, DESCRIPTORS);
    let turn = Turn::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    Inputs {
        config: fosse_inherit::blob(PROGRAM, &mut fds, 5),
        asks: fds.required(0),
        answers: fds.required(1),
        start: fds.optional(7),
        counters: fosse_inherit::counters(PROGRAM, &mut fds, 6),
        turn: turn.without_linger(),
    }
}

/// One attempt under way.
#[derive(Debug)]
struct Attempt {
    tag: u32,
    server: usize,
    fd: OwnedFd,
    /// The kernel reports its end by epoll; otherwise it is tried again every few milliseconds.
    watched: bool,
    deadline_ms: u64,
}

struct Serve {
    servers: Vec<Server>,
    attempts: Slab<Attempt>,
    busy: Vec<Key>,
    answers: OwnedFd,
    /// Answers that dispatch's queue had no room for.
    unsent: VecDeque<(Answer, Option<OwnedFd>)>,
    /// The queue is full, and watched.
    blocked: bool,
    counters: Counters,
    turn: Turn,
}

/// Serves until dispatch is gone.
pub fn run(inputs: Inputs, locked: Locked) -> ! {
    let token = |kind: u8| u64::from(kind) << fosse_eventloop::slab::KEY_BITS;
    let mut serve = Serve {
        servers: inputs.config.open(locked).read().servers,
        attempts: Slab::default(),
        busy: Vec::new(),
        answers: inputs.answers,
        unsent: VecDeque::new(),
        blocked: false,
        counters: inputs.counters,
        turn: inputs.turn,
    };
    let watched = serve
        .turn
        .add(&inputs.asks, token(TOKEN_ASKS), Interest::IN)
        .and_then(|()| inputs.start.as_ref().map_or(Ok(()), |fd| serve.turn.add(fd, token(TOKEN_START), Interest::IN)));
    if let Err(errno) = watched {
        temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
    }
    if let Some(start) = &inputs.start {
        let _ = fosse_fdpass::send(start, &ToStart::Ready.encode(), &[]);
    }
    loop {
        if let Err(errno) = serve.one_turn(&inputs.asks, inputs.start.as_ref()) {
            temporary(PROGRAM, format_args!("unable to serve: {errno}"));
        }
    }
}

impl Serve {
    fn one_turn(&mut self, asks: &OwnedFd, start: Option<&OwnedFd>) -> Result<(), Errno> {
        self.turn.wait_at_most(if self.busy.is_empty() { u64::MAX } else { BUSY_RETRY_MS })?;
        let mut at = 0;
        while let Some(event) = self.turn.happened(at) {
            at = at.saturating_add(1);
            match Key::of_token(event.token) {
                (TOKEN_ASKS, _) => self.asks(asks)?,
                (TOKEN_ATTEMPT, key) => self.attempt_ended(key),
                (TOKEN_ANSWERS, _) => self.send_unsent()?,
                (TOKEN_START, _) => start.map_or(Ok(()), told)?,
                _ => {}
            }
        }
        for key in std::mem::take(&mut self.busy) {
            self.try_again(key);
        }
        if self.turn.ticked() {
            self.counters.add(TURNS, 1);
            self.counters.set(LOG_DROPPED, fosse_die::dropped());
            self.counters.set_turns(self.turn.long_turns());
            self.overdue();
        }
        Ok(())
    }

    fn asks(&mut self, asks: &OwnedFd) -> Result<(), Errno> {
        let (mut bytes, mut fds) = ([0; Ask::BYTES], Vec::new());
        loop {
            match fosse_fdpass::receive(asks, &mut bytes, &mut fds)? {
                Received::Nothing => return Ok(()),
                Received::End => std::process::exit(0),
                Received::Message(length) => {
                    let ask = Ask::decode(bytes.get(..length).unwrap_or_default());
                    match ask {
                        Ok(ask) if fds.is_empty() && self.under_way() < ATTEMPTS_MAX => self.attempt(ask),
                        _ => temporary(PROGRAM, "dispatch broke the protocol"),
                    }
                }
            }
        }
    }

    fn under_way(&self) -> usize {
        self.attempts.len().saturating_add(self.unsent.len())
    }

    fn attempt(&mut self, ask: Ask) {
        let number = usize::try_from(ask.server).unwrap_or(usize::MAX);
        let Some(server) = self.servers.get(number) else { return self.answer(ask.tag, Outcome::Failed, Errno::INVAL) };
        let deadline_ms = self.turn.now_ms().saturating_add(u64::from(server.connect_ms));
        let made = match &server.address {
            Address::Unix(_) => made_socket(AddressFamily::UNIX),
            Address::Tcp(addr, _) if is_mapped(addr) => made_socket(AddressFamily::INET),
            Address::Tcp(..) => made_socket(AddressFamily::INET6),
        };
        let fd = match made {
            Ok(fd) => fd,
            Err(errno) => return self.answer(ask.tag, Outcome::Failed, errno),
        };
        let result = connect(&fd, &server.address);
        let attempt = Attempt { tag: ask.tag, server: number, fd, watched: false, deadline_ms };
        self.go_on(attempt, result);
    }

    /// What a call of connect(2) led to.
    fn go_on(&mut self, attempt: Attempt, result: Result<(), Errno>) {
        match result {
            Ok(()) => self.connected(attempt),
            Err(Errno::AGAIN) => {
                if let Some(key) = self.attempts.insert(attempt) {
                    self.busy.push(key);
                }
            }
            Err(Errno::INPROGRESS) => {
                let Some(key) = self.attempts.insert(attempt) else { return };
                let Some(attempt) = self.attempts.get_mut(key) else { return };
                attempt.watched = true;
                let token = key.token(TOKEN_ATTEMPT);
                if let Err(errno) = self.turn.add(&attempt.fd, token, Interest::OUT)
                    && let Some(attempt) = self.attempts.remove(key)
                {
                    self.answer(attempt.tag, Outcome::Failed, errno);
                }
            }
            Err(errno) => self.answer(attempt.tag, outcome(errno), errno),
        }
    }

    fn try_again(&mut self, key: Key) {
        let Some(attempt) = self.attempts.remove(key) else { return };
        if attempt.deadline_ms <= self.turn.now_ms() {
            return self.answer(attempt.tag, Outcome::Timeout, Errno::TIMEDOUT);
        }
        let Some(server) = self.servers.get(attempt.server) else { return };
        let result = connect(&attempt.fd, &server.address);
        self.go_on(attempt, result);
    }

    fn attempt_ended(&mut self, key: Key) {
        let Some(attempt) = self.attempts.remove(key) else { return };
        let _ = self.turn.remove(&attempt.fd);
        match socket_error(&attempt.fd) {
            Ok(Ok(())) => self.connected(attempt),
            Ok(Err(errno)) | Err(errno) => self.answer(attempt.tag, outcome(errno), errno),
        }
    }

    fn connected(&mut self, attempt: Attempt) {
        let Some(server) = self.servers.get(attempt.server) else { return };
        match server.address {
            Address::Tcp(..) => drop(set_tcp_nodelay(&attempt.fd, true)),
            Address::Unix(_) if server.peer_uids.is_empty() => {}
            Address::Unix(_) => {
                let uid = socket_peercred(&attempt.fd).map(|cred| cred.uid.as_raw());
                if !uid.is_ok_and(|uid| server.peer_uids.contains(&uid)) {
                    return self.answer(attempt.tag, Outcome::WrongPeer, Errno::PERM);
                }
            }
        }
        self.counters.add(count::CONNECTED, 1);
        let answer = Answer { tag: attempt.tag, outcome: Outcome::Connected, errno: 0 };
        self.send(answer, Some(attempt.fd));
    }

    fn overdue(&mut self) {
        let now_ms = self.turn.now_ms();
        let over = |attempt: &Attempt| attempt.watched && attempt.deadline_ms <= now_ms;
        let keys: Vec<Key> = self.attempts.iter().filter(|(_, a)| over(a)).map(|(key, _)| key).collect();
        for key in keys {
            if let Some(attempt) = self.attempts.remove(key) {
                let _ = self.turn.remove(&attempt.fd);
                self.answer(attempt.tag, Outcome::Timeout, Errno::TIMEDOUT);
            }
        }
    }

    fn answer(&mut self, tag: u32, outcome: Outcome, errno: Errno) {
        let counter = match outcome {
            Outcome::Connected => count::CONNECTED,
            Outcome::Refused => count::REFUSED,
            Outcome::Timeout => count::TIMEOUTS,
            Outcome::WrongPeer => count::WRONG_PEER,
            Outcome::Failed => count::FAILED,
        };
        self.counters.add(counter, 1);
        let errno = u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX);
        self.send(Answer { tag, outcome, errno }, None);
    }

    /// A burst of asks has more answers than the queue has room for: what does not fit waits until dispatch has read.
    fn send(&mut self, answer: Answer, fd: Option<OwnedFd>) {
        self.unsent.push_back((answer, fd));
        if !self.blocked
            && let Err(errno) = self.send_unsent()
        {
            temporary(PROGRAM, format_args!("unable to answer dispatch: {errno}"));
        }
    }

    /// Sends what there is room for; the socket is watched while something is left.
    fn send_unsent(&mut self) -> Result<(), Errno> {
        while let Some((answer, fd)) = self.unsent.front() {
            let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
            match fosse_fdpass::send(&self.answers, &answer.encode(), &fds) {
                Ok(()) => drop(self.unsent.pop_front()),
                Err(Errno::AGAIN) => break,
                Err(Errno::PIPE | Errno::CONNRESET) => std::process::exit(0),
                Err(errno) => return Err(errno),
            }
        }
        match (self.unsent.is_empty(), self.blocked) {
            (false, false) => {
                self.turn.add(
                    &self.answers,
                    u64::from(TOKEN_ANSWERS) << fosse_eventloop::slab::KEY_BITS,
                    Interest::OUT,
                )?;
            }
            (true, true) => self.turn.remove(&self.answers)?,
            _ => return Ok(()),
        }
        self.blocked = !self.blocked;
        Ok(())
    }
}

/// Nothing that start says concerns connect; its end does.
fn told(start: &OwnedFd) -> Result<(), Errno> {
    let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
    match fosse_fdpass::receive(start, &mut bytes, &mut fds)? {
        Received::End => std::process::exit(0),
        Received::Nothing | Received::Message(_) => Ok(()),
    }
}

const fn outcome(errno: Errno) -> Outcome {
    match errno {
        Errno::CONNREFUSED | Errno::NOENT => Outcome::Refused,
        Errno::TIMEDOUT => Outcome::Timeout,
        _ => Outcome::Failed,
    }
}

fn is_mapped(addr: &[u8; 16]) -> bool {
    Ipv6Addr::from(*addr).to_ipv4_mapped().is_some()
}

fn made_socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

fn connect(fd: &OwnedFd, address: &Address) -> Result<(), Errno> {
    match address {
        Address::Unix(path) => rustix::net::connect(fd, &SocketAddrUnix::new(path.as_str())?),
        Address::Tcp(addr, port) => {
            rustix::net::connect(fd, &SocketAddr::new(Ipv6Addr::from(*addr).to_canonical(), *port))
        }
    }
}
