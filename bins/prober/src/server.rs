//! The turns: checks that are due ask for connections, connections bring responses.

use std::os::fd::OwnedFd;

use fosse_connector::Connector;
use fosse_counters::{HealthPage, prober as count};
use fosse_deadlines::{Deadlines, after};
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, Slab, token},
};
use fosse_inherit::Descriptors;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::Prober as Settings;
use fosse_sys::page::Page;

use crate::{
    PROGRAM,
    check::{Limit, Probe},
    limits,
    response::Fault,
    servers::Servers,
};

const TOKEN_CONNECT: u8 = 1;
const TOKEN_PROBE: u8 = 2;

/// The parts that the lock forbids to make.
#[derive(Debug)]
pub struct BeforeLock(HealthPage);

impl BeforeLock {
    /// Maps the page of results. Ends the program where it is none.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors) -> Self {
        let page = Page::map(descriptors.required(9)).ok().and_then(HealthPage::new);
        Self(page.unwrap_or_else(|| fosse_die::fatal(PROGRAM, "descriptor 9 is no page of results")))
    }
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    connector: Connector<usize>,
    servers: Servers,
    probes: Slab<Probe>,
    deadlines: Deadlines,
    scratch: Vec<u8>,
}

impl Server {
    /// Reads the settings, and goes on with what the page says.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given, before: BeforeLock) -> Result<Self, ExitReason> {
        let connector = Connector::new(given.required(8));
        process.event_loop.add(&connector, token(TOKEN_CONNECT), Interest::IN)?;
        let server = Self {
            connector,
            servers: Servers::new(given.settings::<Settings>(), before.0, process.event_loop.now_ms()),
            probes: Slab::default(),
            deadlines: Deadlines::default(),
            scratch: vec![0; limits::READ_BYTES],
        };
        server.show(process);
        Ok(server)
    }

    fn show(&self, process: &Process) {
        let (all, out) = self.servers.numbers();
        process.counters.set(count::SERVERS, u64::try_from(all).unwrap_or(0));
        process.counters.set(count::UNHEALTHY, u64::try_from(out).unwrap_or(0));
    }

    /// Asks connect for the connections of the checks that are due.
    fn begin_due(&mut self, process: &Process) {
        let now_ms = process.event_loop.now_ms();
        for (at, address) in self.servers.due(now_ms) {
            if !self.connector.request(address, at) {
                // connect is behind: the rest is still due at the next tick.
                return;
            }
            process.counters.add(count::CHECKS, 1);
            self.servers.begin(at, now_ms);
        }
    }

    fn take_connections(&mut self, process: &Process) -> Result<(), ExitReason> {
        let gone = |gone| ExitReason::Failed(format!("connect: {gone}"));
        while let Some(reply) = self.connector.next_reply().map_err(gone)? {
            let fault = match reply.result {
                Ok(fd) => self.connected(process, reply.purpose, fd).err(),
                // That says nothing of the server.
                Err(failure) if failure.is_local() => {
                    self.servers.put_off(reply.purpose);
                    None
                }
                Err(failure) => Some(Fault::NoConnection(failure.word())),
            };
            if let Some(fault) = fault {
                self.ended(process, reply.purpose, Err(fault));
            }
        }
        Ok(())
    }

    /// Sends the request of a check over its connection.
    fn connected(&mut self, process: &Process, at: usize, fd: OwnedFd) -> Result<(), Fault> {
        let check = self.servers.check(at);
        let at_ms = after(process.event_loop.now_ms(), check.first_byte_seconds.min(check.interval_seconds));
        let probe = Probe::send(fd, at, check).ok_or(Fault::Closed)?;
        let key = self.probes.insert(probe).ok_or(Fault::NoConnection("too many checks"))?;
        if let Some(probe) = self.probes.get_mut(key) {
            probe.timer.start(&mut self.deadlines, key.slot(), Limit::Response, at_ms);
        }
        let watched =
            self.probes.get(key).map(|probe| process.event_loop.add(&probe.fd, key.token(TOKEN_PROBE), Interest::IN));
        if !matches!(watched, Some(Ok(()))) {
            self.probes.remove(key);
            return Err(Fault::NoConnection("it cannot be watched"));
        }
        Ok(())
    }

    fn read(&mut self, process: &Process, key: Key) {
        // An earlier event of this turn may have ended it.
        let Some(probe) = self.probes.get_mut(key) else { return };
        let result = probe.read(self.servers.check(probe.server), &mut self.scratch);
        if let Some(result) = result {
            self.close(process, key, result);
        }
    }

    fn close(&mut self, process: &Process, key: Key, result: Result<(), Fault>) {
        let Some(probe) = self.probes.remove(key) else { return };
        // Closing takes it out of epoll as well.
        let _ = process.event_loop.remove(&probe.fd);
        self.ended(process, probe.server, result);
    }

    fn ended(&mut self, process: &Process, at: usize, result: Result<(), Fault>) {
        if result.is_err() {
            process.counters.add(count::FAILED, 1);
        }
        self.servers.ended(at, result);
        self.show(process);
    }
}

impl Service for Server {
    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        self.deadlines.wait_ms(process.event_loop.now_ms())
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (TOKEN_CONNECT, _) => self.take_connections(process)?,
            (TOKEN_PROBE, key) => self.read(process, key),
            _ => {}
        }
        Ok(())
    }

    /// Checks under way are left: who comes next makes them at their time.
    fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain | Order::End => Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => Err(ExitReason::broken_protocol("start")),
        }
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.begin_due(process);
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        let (now_ms, probes) = (process.event_loop.now_ms(), &self.probes);
        for slot in self.deadlines.due(now_ms, |slot| probes.get(probes.key_of(slot)?)?.timer.at_ms()) {
            let Some(key) = self.probes.key_of(slot) else { continue };
            match self.probes.get_mut(key).and_then(|probe| probe.timer.take_due(now_ms)) {
                Some(Limit::Response) => self.close(process, key, Err(Fault::Late)),
                None => {}
            }
        }
        Ok(())
    }
}
