//! Connect requests in, attempts under way, sockets out.

use std::{
    collections::{BTreeSet, HashMap},
    os::fd::OwnedFd,
};

use fosse_counters::AddressesReader;
use fosse_deadlines::{Deadlines, Timer};
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, Slab, token},
};
use fosse_fdpass::Received;
use fosse_inherit::Descriptors;
use fosse_lockdown::Bind;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::{Address, Connect};
use fosse_sys::page::PageReader;
use fosse_wire::{
    beside::{Beside, ToBeside},
    connect::{ConnectRequest, Outcome, Reply},
    files::{CHANNEL_FD_FIRST, FILES_BACKENDS_MAX},
    start::ToChild,
};
use rustix::io::Errno;

use crate::{
    attempt::Attempt,
    beside::{Channels, token_of},
    ended::{Ended, counter, number_of},
    named::NamedAddresses,
    outbox::Outbox,
    pending::{Asker, Pending, Step},
};

mod besides;
mod http2;

const TOKEN_REQUESTS: u8 = 1;
const TOKEN_ATTEMPT: u8 = 2;
const TOKEN_REPLIES: u8 = 3;
const TOKEN_TLS: u8 = 4;
const TOKEN_HTTP2: u8 = 5;
const TOKENS_BESIDE: [u8; 2] = [TOKEN_TLS, TOKEN_HTTP2];

/// Attempts under way at a time. dispatch's own limits are lower; one more is a sign that it is not
/// itself any more.
const ATTEMPTS_MAX: usize = 65_536;
/// A unix listener whose queue is full refuses at once; it is tried again this often.
const BUSY_RETRY_MS: u64 = 5;

/// The parts that the lock forbids to make.
#[derive(Debug)]
pub struct BeforeLock(NamedAddresses);

impl BeforeLock {
    /// Maps the page of addresses, where there is one.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors) -> Self {
        let page = descriptors.optional(8).and_then(|page| PageReader::map(page).ok());
        Self(NamedAddresses::new(page.map(AddressesReader::new)))
    }
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    requests: OwnedFd,
    replies: Outbox,
    servers: Vec<fosse_settings::Server>,
    addresses: NamedAddresses,
    /// To the processes that serve files, by number.
    files: Vec<Option<OwnedFd>>,
    beside: Channels,
    pending: Slab<Pending>,
    /// The keys of what programs beside this one have been given, by tag.
    given: HashMap<u32, Key>,
    next_tag: u32,
    deadlines: Deadlines,
    /// Attempts that nothing reports the end of; they are tried again every few milliseconds.
    busy: Vec<Key>,
}

impl Server {
    /// Reads the table of backends and waits for requests.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given, before: BeforeLock) -> Result<Self, ExitReason> {
        let requests = given.required(0);
        process.event_loop.add(&requests, token(TOKEN_REQUESTS), Interest::IN)?;
        let servers = given.settings::<Connect>().servers;
        let chooses = servers.iter().any(|server| !server.source_address.is_empty());
        given.connect_to_ports(&ports(&servers), if chooses { Bind::Addresses } else { Bind::Nothing });
        let files = (i32::from(CHANNEL_FD_FIRST)..).take(FILES_BACKENDS_MAX).map(|fd| given.optional(fd)).collect();
        let mut beside = Channels::default();
        for which in Beside::ALL {
            if let Some(fd) = given.optional(which.fd().into()) {
                beside.open(which, fd, token_of(which, TOKENS_BESIDE), &process.event_loop);
            }
        }
        let replies = Outbox::new(given.required(1), token(TOKEN_REPLIES), Interest::empty(), &process.event_loop);
        Ok(Self {
            requests,
            replies,
            servers,
            addresses: before.0,
            files,
            beside,
            pending: Slab::default(),
            given: HashMap::new(),
            next_tag: 0,
            deadlines: Deadlines::default(),
            busy: Vec::new(),
        })
    }

    fn take_requests(&mut self, process: &Process) -> Result<(), ExitReason> {
        let (mut bytes, mut fds) = ([0; ConnectRequest::BYTES], Vec::new());
        loop {
            match fosse_fdpass::receive(&self.requests, &mut bytes, &mut fds)? {
                Received::Nothing => return Ok(()),
                Received::End => return Err(ExitReason::Done),
                Received::Message(length) => match ConnectRequest::decode(&bytes[..length]) {
                    Ok(request) if fds.is_empty() && self.under_way() < ATTEMPTS_MAX => {
                        self.take_request(process, Asker::Dispatch, request)?;
                    }
                    _ => return Err(ExitReason::broken_protocol("dispatch")),
                },
            }
        }
    }

    fn under_way(&self) -> usize {
        self.pending.len() + self.replies.len()
    }

    fn take_request(&mut self, process: &Process, asker: Asker, request: ConnectRequest) -> Result<(), ExitReason> {
        let ConnectRequest { tag, server: number } = request;
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let asked = |asker, outcome, errno| Ended { asker, tag, server: number, outcome, errno: number_of(errno) };
        let Some(server) = self.servers.get(at) else {
            return self.fail(process, &asked(asker, Outcome::Failed, Errno::INVAL));
        };
        if server.http2 && asker == Asker::Dispatch {
            return self.ask(process, tag, at);
        }
        let step = match Attempt::new(server, &mut self.addresses) {
            Ok(attempt) => Step::Dialling(attempt),
            Err((outcome, errno)) => return self.fail(process, &asked(asker, outcome, errno)),
        };
        match self.begin(process, Pending { asker, tag, server: at, step, timer: Timer::default() }) {
            Some(key) => self.connect(process, key),
            None => Ok(()),
        }
    }

    fn connect(&mut self, process: &Process, key: Key) -> Result<(), ExitReason> {
        // It may have run out of time while it was busy.
        let Some(pending) = self.pending.get(key) else { return Ok(()) };
        let Some(attempt) = pending.attempt() else { return Ok(()) };
        match attempt.connect(&self.servers[pending.server], &self.files) {
            // The queue of a unix listener or of a channel is full (unix(7)). No event reports room
            // there.
            Err(Errno::AGAIN) => {
                self.busy.push(key);
                Ok(())
            }
            Err(Errno::INPROGRESS) => {
                match process.event_loop.add(&attempt.fd, key.token(TOKEN_ATTEMPT), Interest::OUT) {
                    Ok(()) => Ok(()),
                    Err(errno) => self.give_up(process, key, Outcome::Failed, errno),
                }
            }
            result => self.dialled(process, key, result),
        }
    }

    fn on_attempt(&mut self, process: &Process, key: Key) -> Result<(), ExitReason> {
        let Some(attempt) = self.pending.get(key).and_then(Pending::attempt) else { return Ok(()) };
        process.event_loop.remove(&attempt.fd)?;
        self.connect(process, key)
    }

    /// Passes a connected socket on. After a failure goes on with the server's second address,
    /// where it has one, or reports the failure.
    fn dialled(&mut self, process: &Process, key: Key, result: Result<(), Errno>) -> Result<(), ExitReason> {
        let Some(pending) = self.pending.get_mut(key) else { return Ok(()) };
        let server = &self.servers[pending.server];
        let Some(attempt) = pending.attempt_mut() else { return Ok(()) };
        let failed = match result {
            Err(errno) => match attempt.go_on(server, errno) {
                Ok(()) => return self.connect(process, key),
                Err(failure) => failure,
            },
            Ok(()) => match attempt.check_peer(server) {
                Ok(()) => return self.connected(process, key),
                Err(failure) => failure,
            },
        };
        self.give_up(process, key, failed.0, failed.1)
    }

    /// Replies with a connected socket, or has TLS spoken over it first.
    fn connected(&mut self, process: &Process, key: Key) -> Result<(), ExitReason> {
        let Some(pending) = self.pending.get_mut(key) else { return Ok(()) };
        if self.servers[pending.server].tls.is_some() {
            let Step::Dialling(attempt) = std::mem::replace(&mut pending.step, Step::Beside(Beside::Tls)) else {
                return Ok(());
            };
            return self.secure(process, key, attempt.fd);
        }
        let Some(Pending { asker, tag, server, step: Step::Dialling(attempt), .. }) = self.pending.remove(key) else {
            return Ok(());
        };
        self.reply(process, &Ended::connected(asker, tag, server), Some(attempt.fd))
    }

    fn give_up(&mut self, process: &Process, key: Key, outcome: Outcome, errno: Errno) -> Result<(), ExitReason> {
        // Closing the socket, of which there is no other copy, takes it out of epoll as well.
        let Some(pending) = self.pending.remove(key) else { return Ok(()) };
        self.fail(process, &Ended { outcome, errno: number_of(errno), ..pending.ended() })
    }

    fn fail(&mut self, process: &Process, ended: &Ended) -> Result<(), ExitReason> {
        self.reply(process, ended, None)
    }

    /// Counts the end of a request, and says it to whoever asked.
    fn reply(&mut self, process: &Process, ended: &Ended, fd: Option<OwnedFd>) -> Result<(), ExitReason> {
        let &Ended { asker, tag, server, outcome, errno } = ended;
        process.counters.add(counter(outcome), 1);
        match asker {
            Asker::Dispatch => {
                let reply = Reply { tag, outcome, errno }.encode();
                self.replies.send(&process.event_loop, reply, fd).map_err(of_dispatch)
            }
            Asker::Http2 => {
                let message = ToBeside::Dialled { tag, server, outcome, errno };
                if self.beside.send(Beside::Http2, &process.event_loop, message, fd) {
                    return Ok(());
                }
                self.lose(process, Beside::Http2)
            }
        }
    }

    fn retry_busy(&mut self, process: &Process) -> Result<(), ExitReason> {
        for key in std::mem::take(&mut self.busy) {
            self.connect(process, key)?;
        }
        Ok(())
    }

    fn end_overdue(&mut self, process: &Process) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let Self { pending, deadlines, .. } = self;
        for slot in deadlines.due(now_ms, |slot| pending.get(pending.key_of(slot)?)?.timer.at_ms()) {
            let Some(key) = self.pending.key_of(slot) else { continue };
            let Some(pending) = self.pending.get_mut(key) else { continue };
            if pending.timer.take_due(now_ms).is_none() {
                continue;
            }
            let outcome = match pending.step {
                Step::Dialling(_) | Step::Beside(Beside::Http2) => Outcome::Timeout,
                Step::Beside(Beside::Tls) => Outcome::HandshakeTimeout,
                Step::Held(_) | Step::Unasked => Outcome::Missing,
            };
            self.given.retain(|_, given| *given != key);
            self.give_up(process, key, outcome, Errno::TIMEDOUT)?;
        }
        Ok(())
    }
}

/// Returns what follows where dispatch cannot be replied to.
fn of_dispatch(errno: Errno) -> ExitReason {
    match errno {
        Errno::PIPE | Errno::CONNRESET => ExitReason::Done,
        errno => ExitReason::Failed(format!("unable to reply to dispatch: {errno}")),
    }
}

/// Returns the TCP ports of the table: nothing else is ever to be reached.
fn ports(servers: &[fosse_settings::Server]) -> BTreeSet<u16> {
    let addresses = servers.iter().flat_map(|server| [Some(&server.address), server.second.as_ref()]);
    let port = |address: &Address| match address {
        Address::Tcp(_, port) => Some(*port),
        Address::Named(server) => Some(server.port),
        Address::Unix(_) | Address::Files(_) => None,
    };
    addresses.flatten().filter_map(port).collect()
}

impl Service for Server {
    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        let retry = (!self.busy.is_empty()).then_some(BUSY_RETRY_MS);
        let limit = self.deadlines.wait_ms(process.event_loop.now_ms());
        retry.into_iter().chain(limit).min()
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (TOKEN_REQUESTS, _) => self.take_requests(process),
            (TOKEN_ATTEMPT, key) => self.on_attempt(process, key),
            (TOKEN_REPLIES, _) => self.replies.flush(&process.event_loop).map_err(of_dispatch),
            (TOKEN_TLS, _) => self.on_beside(process, Beside::Tls, event),
            (TOKEN_HTTP2, _) => self.on_beside(process, Beside::Http2, event),
            _ => Ok(()),
        }
    }

    /// connect ends with dispatch, or with start; what start gives is a program beside it that was
    /// replaced.
    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::End => Err(ExitReason::Done),
            Order::Give(ToChild::Beside { which, .. }, fd) => self.replace(process, which, fd),
            Order::Drain | Order::Tell(_) | Order::Give(..) => Ok(()),
        }
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.end_overdue(process)?;
        self.retry_busy(process)
    }
}
