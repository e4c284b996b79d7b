//! Connect requests in, attempts under way, sockets out.

use std::os::fd::OwnedFd;

use fosse_counters::connect as count;
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, Slab, token},
};
use fosse_fdpass::Received;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::Connect;
use fosse_wire::connect::{ConnectRequest, Outcome, Reply};
use rustix::io::Errno;

use crate::{
    attempt::{Attempt, outcome},
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

/// The program's state.
#[derive(Debug)]
pub struct Server {
    requests: OwnedFd,
    replies: Replies,
    servers: Vec<fosse_settings::Server>,
    /// Attempts whose end epoll reports.
    attempts: Slab<Attempt>,
    /// Attempts that nothing reports the end of; they are tried again every few milliseconds.
    busy: Vec<Attempt>,
}

impl Server {
    /// Reads the table of backends and waits for requests.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given) -> Result<Self, ExitReason> {
        let requests = given.required(0);
        process.event_loop.add(&requests, token(TOKEN_REQUESTS), Interest::IN)?;
        Ok(Self {
            requests,
            replies: Replies::new(given.required(1), token(TOKEN_REPLIES)),
            servers: given.settings::<Connect>().servers,
            attempts: Slab::default(),
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
        self.attempts.len() + self.busy.len() + self.replies.len()
    }

    fn attempt(&mut self, process: &Process, request: ConnectRequest) -> Result<(), ExitReason> {
        let number = usize::try_from(request.server).unwrap_or(usize::MAX);
        let Some(server) = self.servers.get(number) else {
            return self.fail(process, request.tag, Outcome::Failed, Errno::INVAL);
        };
        match Attempt::new(request.tag, number, server, process.event_loop.now_ms()) {
            Ok(attempt) => self.connect(process, attempt),
            Err(errno) => self.fail(process, request.tag, Outcome::Failed, errno),
        }
    }

    fn connect(&mut self, process: &Process, attempt: Attempt) -> Result<(), ExitReason> {
        match attempt.connect(&self.servers[attempt.server]) {
            Ok(()) => self.connected(process, attempt),
            // The queue of a unix listener is full (unix(7)). No event reports room there.
            Err(Errno::AGAIN) => {
                self.busy.push(attempt);
                Ok(())
            }
            Err(Errno::INPROGRESS) => self.watch(process, attempt),
            Err(errno) => self.failed(process, &attempt, errno),
        }
    }

    /// Goes on with the server's second address, where it has one, or reports the failure.
    fn failed(&mut self, process: &Process, attempt: &Attempt, errno: Errno) -> Result<(), ExitReason> {
        match attempt.next(&self.servers[attempt.server], errno) {
            Some(next) => self.connect(process, next),
            None => self.fail(process, attempt.tag, outcome(errno), errno),
        }
    }

    fn watch(&mut self, process: &Process, attempt: Attempt) -> Result<(), ExitReason> {
        let tag = attempt.tag;
        let Some(key) = self.attempts.insert(attempt) else { return Ok(()) };
        let Some(attempt) = self.attempts.get(key) else { return Ok(()) };
        if let Err(errno) = process.event_loop.add(&attempt.fd, key.token(TOKEN_ATTEMPT), Interest::OUT) {
            self.attempts.remove(key);
            return self.fail(process, tag, Outcome::Failed, errno);
        }
        Ok(())
    }

    fn attempt_ended(&mut self, process: &Process, key: Key) -> Result<(), ExitReason> {
        // It may have run out of time in this very turn.
        let Some(attempt) = self.attempts.remove(key) else { return Ok(()) };
        process.event_loop.remove(&attempt.fd)?;
        match attempt.result() {
            Ok(()) => self.connected(process, attempt),
            Err(errno) => self.failed(process, &attempt, errno),
        }
    }

    fn connected(&mut self, process: &Process, attempt: Attempt) -> Result<(), ExitReason> {
        if let Err(wrong) = attempt.check_peer(&self.servers[attempt.server]) {
            return self.fail(process, attempt.tag, wrong, Errno::PERM);
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
            Outcome::Failed => count::FAILED,
        };
        process.counters.add(counter, 1);
        let errno = u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX);
        self.replies.send(&process.event_loop, Reply { tag, outcome, errno }, None)
    }

    fn retry_busy(&mut self, process: &Process) -> Result<(), ExitReason> {
        for attempt in std::mem::take(&mut self.busy) {
            if attempt.deadline_ms <= process.event_loop.now_ms() {
                self.fail(process, attempt.tag, Outcome::Timeout, Errno::TIMEDOUT)?;
            } else {
                self.connect(process, attempt)?;
            }
        }
        Ok(())
    }
}

impl Service for Server {
    fn wait_ms_max(&self, _: &Process) -> Option<u64> {
        (!self.busy.is_empty()).then_some(BUSY_RETRY_MS)
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (TOKEN_REQUESTS, _) => self.take_requests(process),
            (TOKEN_ATTEMPT, key) => self.attempt_ended(process, key),
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

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let late: Vec<Key> =
            self.attempts.iter().filter(|(_, attempt)| attempt.deadline_ms <= now_ms).map(|(key, _)| key).collect();
        for attempt in late.into_iter().filter_map(|key| self.attempts.remove(key)).collect::<Vec<_>>() {
            process.event_loop.remove(&attempt.fd)?;
            self.fail(process, attempt.tag, Outcome::Timeout, Errno::TIMEDOUT)?;
        }
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.retry_busy(process)
    }
}
