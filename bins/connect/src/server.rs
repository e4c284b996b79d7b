//! Connect requests in, attempts under way, sockets out.

use std::{collections::BTreeSet, os::fd::OwnedFd};

use fosse_counters::{AddressesReader, connect as count};
use fosse_deadlines::{Deadlines, after};
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
    connect::{ConnectRequest, Outcome, Reply},
    files::{CHANNEL_FD_FIRST, FILES_BACKENDS_MAX},
};
use rustix::io::Errno;

use crate::{
    attempt::{Attempt, Limit},
    named::NamedAddresses,
    replies::Replies,
};

const TOKEN_REQUESTS: u8 = 1;
const TOKEN_ATTEMPT: u8 = 2;
const TOKEN_REPLIES: u8 = 3;

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
    replies: Replies,
    servers: Vec<fosse_settings::Server>,
    addresses: NamedAddresses,
    /// To the processes that serve files, by number.
    channels: Vec<Option<OwnedFd>>,
    attempts: Slab<Attempt>,
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
        let channels = (i32::from(CHANNEL_FD_FIRST)..).take(FILES_BACKENDS_MAX).map(|fd| given.optional(fd));
        Ok(Self {
            channels: channels.collect(),
            requests,
            replies: Replies::new(given.required(1), token(TOKEN_REPLIES)),
            servers,
            addresses: before.0,
            attempts: Slab::default(),
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
                        self.attempt(process, request)?;
                    }
                    _ => return Err(ExitReason::broken_protocol("dispatch")),
                },
            }
        }
    }

    fn under_way(&self) -> usize {
        self.attempts.len() + self.replies.len()
    }

    fn attempt(&mut self, process: &Process, request: ConnectRequest) -> Result<(), ExitReason> {
        let number = usize::try_from(request.server).unwrap_or(usize::MAX);
        let Some(server) = self.servers.get(number) else {
            return self.fail(process, request.tag, Outcome::Failed, Errno::INVAL);
        };
        let attempt = match Attempt::new(request.tag, number, server, &mut self.addresses) {
            Ok(attempt) => attempt,
            Err((outcome, errno)) => return self.fail(process, request.tag, outcome, errno),
        };
        let Some(key) = self.attempts.insert(attempt) else { return Ok(()) };
        if let Some(attempt) = self.attempts.get_mut(key) {
            let (slot, now_ms) = (key.slot(), process.event_loop.now_ms());
            attempt.timer.start(&mut self.deadlines, slot, Limit::Connect, after(now_ms, server.connect_seconds));
        }
        self.connect(process, key)
    }

    fn connect(&mut self, process: &Process, key: Key) -> Result<(), ExitReason> {
        // It may have run out of time while it was busy.
        let Some(attempt) = self.attempts.get(key) else { return Ok(()) };
        match attempt.connect(&self.servers[attempt.server], &self.channels) {
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
            result => self.ended(process, key, result),
        }
    }

    fn on_attempt(&mut self, process: &Process, key: Key) -> Result<(), ExitReason> {
        let Some(attempt) = self.attempts.get(key) else { return Ok(()) };
        process.event_loop.remove(&attempt.fd)?;
        self.connect(process, key)
    }

    /// Passes a connected socket on. After a failure goes on with the server's second address,
    /// where it has one, or reports the failure.
    fn ended(&mut self, process: &Process, key: Key, result: Result<(), Errno>) -> Result<(), ExitReason> {
        let Some(attempt) = self.attempts.get_mut(key) else { return Ok(()) };
        match result {
            Err(errno) => match attempt.go_on(&self.servers[attempt.server], errno) {
                Ok(()) => self.connect(process, key),
                Err((outcome, errno)) => self.give_up(process, key, outcome, errno),
            },
            Ok(()) => self.attempts.remove(key).map_or(Ok(()), |attempt| self.connected(process, attempt)),
        }
    }

    fn give_up(&mut self, process: &Process, key: Key, outcome: Outcome, errno: Errno) -> Result<(), ExitReason> {
        // Closing the socket, of which there is no other copy, takes it out of epoll as well.
        self.attempts.remove(key).map_or(Ok(()), |attempt| self.fail(process, attempt.tag, outcome, errno))
    }

    fn connected(&mut self, process: &Process, attempt: Attempt) -> Result<(), ExitReason> {
        if let Err((outcome, errno)) = attempt.check_peer(&self.servers[attempt.server]) {
            return self.fail(process, attempt.tag, outcome, errno);
        }
        process.counters.add(count::CONNECTED, 1);
        let reply = Reply { tag: attempt.tag, outcome: Outcome::Connected, errno: 0 };
        self.replies.send(&process.event_loop, reply, Some(attempt.fd))
    }

    fn fail(&mut self, process: &Process, tag: u32, outcome: Outcome, errno: Errno) -> Result<(), ExitReason> {
        let counter = match outcome {
            Outcome::Connected => count::CONNECTED,
            Outcome::Refused => count::REFUSED,
            Outcome::Timeout => count::TIMEOUTS,
            Outcome::WrongPeer => count::WRONG_PEER,
            Outcome::Failed | Outcome::NoSource => count::FAILED,
        };
        process.counters.add(counter, 1);
        let errno = u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX);
        self.replies.send(&process.event_loop, Reply { tag, outcome, errno }, None)
    }

    fn retry_busy(&mut self, process: &Process) -> Result<(), ExitReason> {
        for key in std::mem::take(&mut self.busy) {
            self.connect(process, key)?;
        }
        Ok(())
    }

    fn end_overdue(&mut self, process: &Process) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let Self { attempts, deadlines, .. } = self;
        for slot in deadlines.due(now_ms, |slot| attempts.get(attempts.key_of(slot)?)?.timer.at_ms()) {
            let Some(key) = self.attempts.key_of(slot) else { continue };
            match self.attempts.get_mut(key).and_then(|attempt| attempt.timer.take_due(now_ms)) {
                Some(Limit::Connect) => self.give_up(process, key, Outcome::Timeout, Errno::TIMEDOUT)?,
                None => {}
            }
        }
        Ok(())
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
            (TOKEN_REPLIES, _) => self.replies.flush(&process.event_loop),
            _ => Ok(()),
        }
    }

    /// Nothing that start says concerns connect, which ends with dispatch; start's own end does.
    fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::End => Err(ExitReason::Done),
            Order::Drain | Order::Tell(_) | Order::Give(..) => Ok(()),
        }
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.end_overdue(process)?;
        self.retry_busy(process)
    }
}
