//! Pages in from start, requests in from clients, answers out.

use std::os::fd::OwnedFd;

use fosse_counters::{Counters, LOG_DROPPED, TURNS, status as count};
use fosse_die::temporary;
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Interest, Turn};
use fosse_fdpass::Received;
use fosse_inherit::{Expected, Kind, LINES, MEMORY, MESSAGES, inherit};
use fosse_lockdown::{Locked, Sealed};
use fosse_sys::page::PageReader;
use fosse_wire::start::{MESSAGE_BYTES, ToChild, ToStart};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send},
};

use crate::{
    board::Board,
    limits::{CLIENT_MS_MAX, CLIENTS_MAX, READ_BYTES, REQUEST_BYTES_MAX},
    request::{Ask, Progress, progress},
    text,
};

const PROGRAM: &str = "fosse-status";
const TOKEN_START: u8 = 1;
const TOKEN_LISTENER: u8 = 2;
const TOKEN_CLIENT: u8 = 3;

const LISTENER: &[Kind] = &[Kind::UnixListener];

const DESCRIPTORS: &[Expected] = &[
    Expected::required(2, LINES, "log"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::required(7, MESSAGES, "start"),
    Expected::required(8, LISTENER, "clients"),
];

/// What the program was born with.
#[derive(Debug)]
pub struct Inputs {
    start: Sealed<OwnedFd>,
    listener: Sealed<OwnedFd>,
    counters: Counters,
    turn: Turn,
}

/// Takes over the descriptors, before the lock; nothing is read from them yet.
#[must_use]
pub fn inputs() -> Inputs {
    let mut fds = inherit(PROGRAM, DESCRIPTORS);
    let turn = Turn::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    Inputs {
        start: fds.sealed(7),
        listener: fds.sealed(8),
        counters: fosse_inherit::counters(PROGRAM, &mut fds, 6),
        turn: turn.without_linger(),
    }
}

/// A client: first it asks, then it takes its answer.
#[derive(Debug)]
struct Client {
    fd: OwnedFd,
    request: Vec<u8>,
    answer: Vec<u8>,
    sent: usize,
    until_ms: u64,
}

struct Serve {
    board: Board,
    clients: Slab<Client>,
    start: OwnedFd,
    listener: OwnedFd,
    /// The listener is watched: not while there are as many clients as may be.
    listening: bool,
    counters: Counters,
    turn: Turn,
    born_ms: u64,
}

/// Serves until start is gone or says that all is over.
pub fn run(inputs: Inputs, locked: Locked) -> ! {
    let born_ms = inputs.turn.now_ms();
    let mut serve = Serve {
        board: Board::default(),
        clients: Slab::default(),
        start: inputs.start.open(locked),
        listener: inputs.listener.open(locked),
        listening: false,
        counters: inputs.counters,
        turn: inputs.turn,
        born_ms,
    };
    let watched = serve.turn.add(&serve.start, token(TOKEN_START), Interest::IN).and_then(|()| serve.watch_listener());
    if let Err(errno) = watched {
        temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
    }
    let _ = fosse_fdpass::send(&serve.start, &ToStart::Ready.encode(), &[]);
    loop {
        if let Err(errno) = serve.one_turn() {
            temporary(PROGRAM, format_args!("unable to serve: {errno}"));
        }
    }
}

const fn token(kind: u8) -> u64 {
    (kind as u64) << fosse_eventloop::slab::KEY_BITS
}

impl Serve {
    fn one_turn(&mut self) -> Result<(), Errno> {
        self.turn.wait()?;
        let mut at = 0;
        while let Some(event) = self.turn.happened(at) {
            at = at.saturating_add(1);
            match Key::of_token(event.token) {
                (TOKEN_START, _) => self.told()?,
                (TOKEN_LISTENER, _) => self.take_clients()?,
                (TOKEN_CLIENT, key) => self.go_on(key),
                _ => {}
            }
        }
        if self.turn.ticked() {
            self.counters.add(TURNS, 1);
            self.counters.set(LOG_DROPPED, fosse_die::dropped());
            self.counters.set_turns(self.turn.long_turns());
            self.overdue();
        }
        self.watch_listener()
    }

    /// What start says. Its end is ours.
    fn told(&mut self) -> Result<(), Errno> {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        loop {
            match fosse_fdpass::receive(&self.start, &mut bytes, &mut fds)? {
                Received::Nothing => return Ok(()),
                Received::End => std::process::exit(0),
                Received::Message(length) => {
                    let message = ToChild::decode(bytes.get(..length).unwrap_or_default(), fds.len());
                    match (message, fds.pop()) {
                        (Ok(ToChild::PageAdd { program, lane, pid }), Some(fd)) => match PageReader::map(&fd) {
                            Ok(page) => self.board.add(program, lane, pid, page),
                            Err(errno) => fosse_die::warning(PROGRAM, format_args!("event=no-page pid={pid} {errno}")),
                        },
                        (Ok(ToChild::PageDrop { pid }), None) => self.board.drop_process(pid),
                        (Ok(ToChild::Drain), None) => std::process::exit(0),
                        _ => temporary(PROGRAM, "start broke the protocol"),
                    }
                }
            }
        }
    }

    /// Watches the listener exactly while there is room for another client.
    fn watch_listener(&mut self) -> Result<(), Errno> {
        let room = self.clients.len() < CLIENTS_MAX;
        if room != self.listening {
            self.listening = room;
            match room {
                true => self.turn.add(&self.listener, token(TOKEN_LISTENER), Interest::IN)?,
                false => self.turn.remove(&self.listener)?,
            }
        }
        Ok(())
    }

    fn take_clients(&mut self) -> Result<(), Errno> {
        while self.clients.len() < CLIENTS_MAX {
            match accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => self.add(fd),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // Out of descriptors or memory for now: the tick brings the next try.
                Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn add(&mut self, fd: OwnedFd) {
        let until_ms = self.turn.now_ms().saturating_add(CLIENT_MS_MAX);
        let client = Client { fd, request: Vec::new(), answer: Vec::new(), sent: 0, until_ms };
        let Some(key) = self.clients.insert(client) else { return };
        let added = self.clients.get(key).map(|c| self.turn.add(&c.fd, key.token(TOKEN_CLIENT), Interest::IN));
        if !matches!(added, Some(Ok(()))) {
            self.end(key);
        }
        self.counters.set(count::CLIENTS, u64::try_from(self.clients.len()).unwrap_or(0));
    }

    fn go_on(&mut self, key: Key) {
        let asks = self.clients.get(key).is_some_and(|client| client.answer.is_empty());
        let over = if asks { self.read(key) } else { self.write(key) };
        if over {
            self.end(key);
        }
    }

    /// Reads a piece of a request; true where the client is done with.
    fn read(&mut self, key: Key) -> bool {
        let Some(client) = self.clients.get_mut(key) else { return true };
        let mut bytes = [0; READ_BYTES];
        match recv(&client.fd, bytes.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => return true,
            Ok((length, _)) => client.request.extend_from_slice(bytes.get(..length).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => return false,
            Err(_) => return true,
        }
        let answer = match progress(&client.request) {
            Progress::More if client.request.len() > REQUEST_BYTES_MAX => refusal(431),
            Progress::More => return false,
            Progress::Refused(status) => refusal(status),
            Progress::Asked(ask, body) => self.answer(ask, body),
        };
        self.counters.add(count::REQUESTS, 1);
        if let Some(client) = self.clients.get_mut(key) {
            client.answer = answer;
            let _ = self.turn.modify(&client.fd, key.token(TOKEN_CLIENT), Interest::OUT);
        }
        self.write(key)
    }

    fn answer(&self, ask: Ask, body: bool) -> Vec<u8> {
        let age_s = self.turn.now_ms().saturating_sub(self.born_ms) / 1000;
        let page = text::page(ask, &self.board, age_s);
        let mut out = format!(
            "HTTP/1.0 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\r\n",
            text::media(ask),
            page.len()
        );
        if body {
            out.push_str(&page);
        }
        out.into_bytes()
    }

    /// Writes a piece of the answer; true where it is out or the client is gone.
    fn write(&mut self, key: Key) -> bool {
        let Some(client) = self.clients.get_mut(key) else { return true };
        loop {
            let rest = client.answer.get(client.sent..).unwrap_or_default();
            if rest.is_empty() {
                return true;
            }
            match send(&client.fd, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(length) => client.sent = client.sent.saturating_add(length),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                Err(_) => return true,
            }
        }
    }

    fn end(&mut self, key: Key) {
        if let Some(client) = self.clients.remove(key) {
            let _ = self.turn.remove(&client.fd);
        }
        self.counters.set(count::CLIENTS, u64::try_from(self.clients.len()).unwrap_or(0));
    }

    /// Clients that take too long, in asking or in reading.
    fn overdue(&mut self) {
        let now_ms = self.turn.now_ms();
        let late: Vec<Key> = self.clients.iter().filter(|(_, c)| c.until_ms <= now_ms).map(|(key, _)| key).collect();
        for key in late {
            self.counters.add(count::TIMEOUTS, 1);
            self.end(key);
        }
    }
}

fn refusal(status: u16) -> Vec<u8> {
    let (reason, body) = match status {
        404 => ("Not Found", "there is /status.json, /status.txt, /servers.txt and /metrics\n"),
        405 => ("Method Not Allowed", "GET alone\n"),
        431 => ("Request Header Fields Too Large", "request too long\n"),
        _ => ("Bad Request", "not a request\n"),
    };
    format!("HTTP/1.0 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}
