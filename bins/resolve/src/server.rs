//! The turns: names that are due are asked for, responses bring addresses.

use std::{collections::BTreeSet, net::SocketAddr};

use fosse_counters::{AddressesPage, resolve as count};
use fosse_deadlines::{Deadlines, after};
use fosse_dns::{Query, Response};
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, Slab},
};
use fosse_inherit::Descriptors;
use fosse_lockdown::Bind;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::Resolve as Settings;
use fosse_sys::page::Page;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::{
    PROGRAM,
    attempt::{Attempt, Limit, Progress, Subject, is_own},
    files, limits,
    names::{Effect, Names},
};

const TOKEN_ATTEMPT: u8 = 1;
/// RCODEs of a server that does not know EDNS (RFC 6891, section 7): FORMERR and NOTIMP.
const WITHOUT_EDNS: [u8; 2] = [1, 4];

/// The parts that the lock forbids to make.
#[derive(Debug)]
pub struct BeforeLock(AddressesPage);

impl BeforeLock {
    /// Maps the page of addresses. Ends the program where it is none.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors) -> Self {
        let page = Page::map(descriptors.required(9)).ok().and_then(AddressesPage::new);
        Self(page.unwrap_or_else(|| fosse_die::fatal(PROGRAM, "descriptor 9 is no page of addresses")))
    }
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    names: Names,
    name_servers: Vec<SocketAddr>,
    /// Index of the one that responded last, and is asked first.
    first: usize,
    attempts: Slab<Attempt>,
    deadlines: Deadlines,
    scratch: Vec<u8>,
}

impl Server {
    /// Reads the settings and the files, narrows the lock to the name servers' ports, and goes on
    /// with what the page says.
    ///
    /// # Errors
    /// None so far.
    pub fn new(process: &Process, mut given: Given, before: BeforeLock) -> Result<Self, ExitReason> {
        let settings = given.settings::<Settings>();
        let (resolv_conf, hosts) = (given.optional(10), given.optional(11));
        let name_servers = match settings.name_servers.as_slice() {
            [] => files::name_servers(&files::read(resolv_conf.as_ref())),
            named => named.iter().map(|(address, port)| (canonical(*address), *port).into()).collect(),
        };
        let ports = name_servers.iter().map(SocketAddr::port).collect::<BTreeSet<u16>>();
        given.connect_to_ports(&ports, Bind::Nothing);
        let wanted: Vec<_> = settings.names.iter().filter_map(|name| fosse_dns::Name::parse(&name.name)).collect();
        let hosts = files::hosts(&files::read(hosts.as_ref()), &wanted);
        let server = Self {
            names: Names::new(settings.names, before.0, &hosts, is_own, process.event_loop.now_ms()),
            name_servers,
            first: 0,
            attempts: Slab::default(),
            deadlines: Deadlines::default(),
            scratch: vec![0; limits::DATAGRAM_BYTES_MAX],
        };
        server.show(process);
        Ok(server)
    }

    fn show(&self, process: &Process) {
        let (all, unresolved) = self.names.numbers();
        process.counters.set(count::NAMES, u64::try_from(all).unwrap_or(0));
        process.counters.set(count::UNRESOLVED, u64::try_from(unresolved).unwrap_or(0));
    }

    /// Asks for the names that are due.
    fn begin_due(&mut self, process: &Process) {
        for subject in self.names.due(process.event_loop.now_ms()) {
            if self.attempts.len() >= limits::QUERIES_MAX {
                // The rest is still due when one of these has ended.
                return;
            }
            self.names.begin(subject);
            self.ask(process, subject, self.first, 0, true);
        }
    }

    /// Asks the name servers, beginning with number `server`, after `count` attempts.
    fn ask(&mut self, process: &Process, subject: Subject, mut server: usize, mut count: usize, edns: bool) {
        while count < limits::ATTEMPTS_MAX {
            count += 1;
            let mut random = [0; 16];
            // Less than 256 bytes always come at once (getrandom(2)).
            if getrandom(&mut random[..], GetRandomFlags::empty()) == Ok(random.len()) {
                let (name, kind) = self.names.begin(subject);
                let query = Query::new(name, kind, random, edns);
                let to = (server, self.name_servers[server]);
                let attempt = Attempt::by_datagram(subject, query, to, count, edns);
                process.counters.add(count::QUERIES, 1);
                if attempt.is_ok_and(|attempt| self.watch(process, attempt, Interest::IN)) {
                    return;
                }
            }
            server = (server + 1) % self.name_servers.len();
        }
        process.counters.add(count::FAILED, 1);
        let effect = self.names.failed(subject, process.event_loop.now_ms());
        self.took_effect(process, effect);
    }

    /// Watches an attempt. Returns false where it cannot be watched, and is none.
    fn watch(&mut self, process: &Process, attempt: Attempt, interest: Interest) -> bool {
        let Some(key) = self.attempts.insert(attempt) else { return false };
        let Some(attempt) = self.attempts.get_mut(key) else { return false };
        let end_ms = after(process.event_loop.now_ms(), limits::QUERY_TIME_MAX);
        attempt.timer.start(&mut self.deadlines, key.slot(), Limit::Query, end_ms);
        let is_watched = process.event_loop.add(&attempt.fd, key.token(TOKEN_ATTEMPT), interest).is_ok();
        if !is_watched {
            self.attempts.remove(key);
        }
        is_watched
    }

    fn go_on(&mut self, process: &Process, key: Key) {
        // An earlier event of this turn may have ended it.
        let Some(attempt) = self.attempts.get_mut(key) else { return };
        let (address, mut faults) = (self.name_servers[attempt.server], 0);
        let connected_before = !attempt.connects();
        let progress = attempt.go_on(address, &mut self.scratch, &mut faults);
        process.counters.add(count::FAULTS, faults);
        match progress {
            Progress::Waits if connected_before => {}
            Progress::Waits => {
                if process.event_loop.modify(&attempt.fd, key.token(TOKEN_ATTEMPT), Interest::IN).is_err() {
                    self.next(process, key);
                }
            }
            Progress::Connects => {}
            Progress::ByStream => self.by_stream(process, key),
            Progress::Failed => self.next(process, key),
            Progress::Done(response) => self.ended(process, key, response),
        }
    }

    /// Takes an attempt out; closing its socket takes that out of epoll as well.
    fn take(&mut self, process: &Process, key: Key) -> Option<Attempt> {
        let attempt = self.attempts.remove(key)?;
        let _ = process.event_loop.remove(&attempt.fd);
        Some(attempt)
    }

    fn by_stream(&mut self, process: &Process, key: Key) {
        let Some(attempt) = self.take(process, key) else { return };
        let (subject, server, count, edns) = (attempt.subject, attempt.server, attempt.count, attempt.edns);
        let watched = attempt.by_stream(self.name_servers[server]).is_ok_and(|(attempt, progress)| {
            let interest = if progress == Progress::Connects { Interest::OUT } else { Interest::IN };
            self.watch(process, attempt, interest)
        });
        if !watched {
            self.ask(process, subject, self.after(server), count, edns);
        }
    }

    /// Asks the next name server in place of one that has no response.
    fn next(&mut self, process: &Process, key: Key) {
        let Some(attempt) = self.take(process, key) else { return };
        let next = self.after(attempt.server);
        self.ask(process, attempt.subject, next, attempt.count, attempt.edns);
    }

    const fn after(&self, server: usize) -> usize {
        (server + 1) % self.name_servers.len()
    }

    fn ended(&mut self, process: &Process, key: Key, response: Response) {
        match response {
            Response::Failed(rcode) if WITHOUT_EDNS.contains(&rcode) => {
                let Some(attempt) = self.take(process, key) else { return };
                let server = if attempt.edns { attempt.server } else { self.after(attempt.server) };
                self.ask(process, attempt.subject, server, attempt.count, false);
            }
            Response::Failed(_) | Response::Truncated => self.next(process, key),
            response => {
                let Some(attempt) = self.take(process, key) else { return };
                self.first = attempt.server;
                let effect = self.names.responded(attempt.subject, response, process.event_loop.now_ms());
                self.took_effect(process, effect);
            }
        }
    }

    fn took_effect(&self, process: &Process, effect: Effect) {
        process.counters.add(count::CHANGES, effect.changes);
        process.counters.add(count::REFUSED, effect.refused);
        self.show(process);
    }
}

fn canonical(address: [u8; 16]) -> std::net::IpAddr {
    std::net::Ipv6Addr::from(address).to_canonical()
}

impl Service for Server {
    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        let now_ms = process.event_loop.now_ms();
        let is_full = self.attempts.len() >= limits::QUERIES_MAX;
        let due = if is_full { None } else { self.names.wait_ms(now_ms) };
        due.into_iter().chain(self.deadlines.wait_ms(now_ms)).min()
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        if let (TOKEN_ATTEMPT, key) = Key::of_token(event.token) {
            self.go_on(process, key);
        }
        Ok(())
    }

    /// Questions under way are left: who comes next asks them again.
    fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain | Order::End => Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => Err(ExitReason::broken_protocol("start")),
        }
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        let (now_ms, attempts) = (process.event_loop.now_ms(), &self.attempts);
        for slot in self.deadlines.due(now_ms, |slot| attempts.get(attempts.key_of(slot)?)?.timer.at_ms()) {
            let Some(key) = self.attempts.key_of(slot) else { continue };
            match self.attempts.get_mut(key).and_then(|attempt| attempt.timer.take_due(now_ms)) {
                Some(Limit::Query) => self.next(process, key),
                None => {}
            }
        }
        self.begin_due(process);
        Ok(())
    }
}
