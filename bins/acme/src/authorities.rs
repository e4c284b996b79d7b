//! The connections to certificate authorities: one for each, with one request at a time. Whatever
//! an authority does, the memory for it is that of one response.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fosse_connector::Connector;
use fosse_counters::acme as count;
use fosse_eventloop::{Interest, slab::token};
use fosse_service::{ExitReason, Process};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::desk::{Desk, Question};
use crate::limits::{BACKOFF_SECONDS_MAX, EXCHANGE_MS_MAX, IDLE_MS_MAX};
use crate::link::{Link, Step};
use crate::response::Response;

/// An authority as it is reached.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) host: ServerName<'static>,
    /// The first entry of connect's table, and their number.
    pub(crate) servers: (u32, u32),
}

/// A request under way.
#[derive(Debug)]
struct Current {
    question: Question,
    until_ms: u64,
    /// Addresses that were tried.
    tried: u32,
    /// It was sent before, over a connection that had ended.
    again: bool,
}

#[derive(Debug)]
enum Line {
    None,
    Connecting,
    Open(Box<Link>, u64),
}

#[derive(Debug)]
struct Ca {
    reach: Reach,
    line: Line,
    current: Option<Current>,
    waiting: VecDeque<Question>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Authorities {
    connector: Connector<usize>,
    all: Vec<Ca>,
    desk: Desk,
    kind: u8,
}

impl Authorities {
    /// Reaches them by way of connect. `kind` marks their events.
    pub(crate) fn new(connector: Connector<usize>, reaches: Vec<Reach>, desk: Desk, kind: u8) -> Self {
        let ca = |reach| Ca { reach, line: Line::None, current: None, waiting: VecDeque::new() };
        Self { connector, all: reaches.into_iter().map(ca).collect(), desk, kind }
    }

    /// Takes what orders want to ask, and begins what can be.
    pub(crate) fn begin(&mut self, process: &Process) {
        let asked = std::mem::take(&mut self.desk.open().questions);
        for question in asked {
            if let Some(ca) = self.all.get_mut(question.authority) {
                ca.waiting.push_back(question);
            }
        }
        (0..self.all.len()).for_each(|at| self.go_on(process, at));
    }

    /// Hears connect.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn take_connections(&mut self, process: &Process) -> Result<(), ExitReason> {
        let gone = |gone| ExitReason::Failed(format!("connect: {gone}"));
        while let Some(reply) = self.connector.next_reply().map_err(gone)? {
            let at = reply.purpose;
            match reply.result {
                Ok(fd) => self.connected(process, at, fd),
                Err(failure) => {
                    let Some(ca) = self.all.get_mut(at) else { continue };
                    ca.line = Line::None;
                    let Some(current) = &mut ca.current else { continue };
                    current.tried += 1;
                    if current.tried >= ca.reach.servers.1 {
                        self.end(at, Err(format!("no connection: {} ({})", failure.word(), failure.cause())));
                    }
                    self.go_on(process, at);
                }
            }
        }
        Ok(())
    }

    /// A connection is ready.
    pub(crate) fn on_event(&mut self, process: &Process, at: usize) {
        let Some(Ca { line: Line::Open(link, _), .. }) = self.all.get_mut(at) else { return };
        let step = link.work();
        self.took(process, at, step);
    }

    /// Ends what has taken too long. Called at every tick.
    pub(crate) fn end_overdue(&mut self, process: &Process) {
        let now_ms = process.event_loop.now_ms();
        for at in 0..self.all.len() {
            let ca = &mut self.all[at];
            match (&ca.current, &ca.line) {
                (Some(current), _) if current.until_ms <= now_ms => {
                    // The reply of connect is still to come where it was asked.
                    if !matches!(ca.line, Line::Connecting) {
                        ca.line = Line::None;
                    }
                    self.end(at, Err("no response in time".to_owned()));
                    self.go_on(process, at);
                }
                (None, Line::Open(_, idle_since_ms)) if now_ms - *idle_since_ms >= IDLE_MS_MAX => {
                    ca.line = Line::None;
                }
                _ => {}
            }
        }
    }

    /// Takes the next step of an authority's requests.
    fn go_on(&mut self, process: &Process, at: usize) {
        let now_ms = process.event_loop.now_ms();
        let ca = &mut self.all[at];
        if ca.current.is_none() {
            let wanted = std::iter::from_fn(|| ca.waiting.pop_front()).find(|question| !question.giver.is_forgotten());
            let Some(question) = wanted else { return };
            process.counters.add(count::REQUESTS, 1);
            ca.current = Some(Current { question, until_ms: now_ms + EXCHANGE_MS_MAX, tried: 0, again: false });
        } else if !matches!(ca.line, Line::None) {
            return;
        }
        let Some(current) = &ca.current else { return };
        match &mut ca.line {
            Line::Connecting => {}
            Line::Open(link, _) => {
                let step = link.begin(&current.question.bytes, current.question.is_head);
                self.took(process, at, step);
            }
            Line::None => {
                let server = ca.reach.servers.0 + current.tried;
                // Where connect does not read, the time for the request decides.
                if self.connector.request(server, at) {
                    ca.line = Line::Connecting;
                }
            }
        }
    }

    fn connected(&mut self, process: &Process, at: usize, fd: OwnedFd) {
        let Some(ca) = self.all.get_mut(at) else { return };
        ca.line = Line::None;
        let Some(current) = &ca.current else { return };
        let step = match Link::new(fd, &ca.reach.config, &ca.reach.host) {
            Ok(mut link) => {
                let step = link.begin(&current.question.bytes, current.question.is_head);
                ca.line = Line::Open(Box::new(link), process.event_loop.now_ms());
                step
            }
            Err(why) => Step::Broken { why, fresh: false },
        };
        self.took(process, at, step);
    }

    fn took(&mut self, process: &Process, at: usize, step: Step) {
        let now_ms = process.event_loop.now_ms();
        let ca = &mut self.all[at];
        match step {
            Step::Waits => {
                let token = token(self.kind) | u64::try_from(at).unwrap_or(u64::MAX);
                if let Line::Open(link, _) = &mut ca.line {
                    let wanted = link.interest();
                    process.event_loop.rearm(&link.fd, token, &mut link.armed, wanted);
                }
            }
            Step::Done(response) => {
                match &mut ca.line {
                    Line::Open(_, idle_since_ms) if response.keep_alive => *idle_since_ms = now_ms,
                    line => *line = Line::None,
                }
                self.note_pause(at, &response);
                self.end(at, Ok(response));
                self.took(process, at, Step::Waits);
                self.go_on(process, at);
            }
            Step::Broken { why, fresh } => {
                let served = matches!(&ca.line, Line::Open(link, _) if link.requests > 1);
                ca.line = Line::None;
                match &mut ca.current {
                    Some(current) if fresh && served && !current.again => current.again = true,
                    Some(_) => self.end(at, Err(why)),
                    None => {}
                }
                self.go_on(process, at);
            }
        }
    }

    fn end(&mut self, at: usize, result: Result<Response, String>) {
        let Some(current) = self.all[at].current.take() else { return };
        current.question.giver.give(result);
        self.desk.open().is_new = true;
    }

    /// Notes that an authority wants no more requests for a while (RFC 8555, section 6.6).
    fn note_pause(&self, at: usize, response: &Response) {
        if response.status != 429 && response.status != 503 {
            return;
        }
        let value = response.fields.iter().find(|(name, _)| name == "retry-after").map(|(_, value)| value.as_slice());
        let mut desk = self.desk.open();
        let Some(seconds) = value.and_then(|value| pause(value, desk.now)) else { return };
        let until = desk.now + seconds.min(BACKOFF_SECONDS_MAX);
        desk.not_before.insert(at, until);
    }
}

/// Returns the seconds that a Retry-After says (RFC 9110, section 10.2.3).
fn pause(value: &[u8], now: u64) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let until = || {
        let date = httpdate::parse_http_date(text).ok()?;
        let since: Duration = SystemTime::duration_since(&date, UNIX_EPOCH).ok()?;
        Some(since.as_secs().max(now) - now)
    };
    text.parse().ok().or_else(until)
}

impl Authorities {
    /// Watches the conversation with connect.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn watch(&self, process: &Process, connect: u8) -> Result<(), ExitReason> {
        Ok(process.event_loop.add(&self.connector, token(connect), Interest::IN)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        assert_eq!(pause(b" 120 ", 0), Some(120));
        assert_eq!(pause(b"Thu, 01 Jan 1970 00:02:00 GMT", 20), Some(100));
        assert_eq!(pause(b"Thu, 01 Jan 1970 00:00:10 GMT", 20), Some(0));
        assert_eq!(pause(b"soon", 0), None);
    }
}
