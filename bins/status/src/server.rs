//! Pages in from start, requests in from clients, responses out.

use std::os::fd::OwnedFd;

use fosse_counters::status as count;
use fosse_die::warning;
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, Slab, token},
};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_sys::page::PageReader;
use fosse_wire::start::ToChild;
use rustix::io::Errno;

use crate::{
    client::{Client, Heard},
    limits::{CLIENT_MS_MAX, RELOAD_BYTES_MAX},
    listener::{Kind, Listener},
    pages::Pages,
    policy::POLICY,
    response,
};

const TOKEN_UNIX: u8 = 1;
const TOKEN_TCP: u8 = 2;
const TOKEN_CLIENT: u8 = 3;

/// The program's state.
#[derive(Debug)]
pub struct Server {
    pages: Pages,
    clients: Slab<Client>,
    listeners: Vec<Listener>,
    started_ms: u64,
    /// A response was made in this turn. That of a large edge takes a second, so the other clients
    /// wait for turns of their own, each of which is a sign of life.
    responded: bool,
}

impl Server {
    /// Listens for clients.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given) -> Result<Self, ExitReason> {
        let unix = given.optional(8).map(|fd| Listener::new(Kind::Unix, fd, token(TOKEN_UNIX)));
        let tcp = given.optional(9).map(|fd| Listener::new(Kind::Tcp, fd, token(TOKEN_TCP)));
        let mut server = Self {
            pages: Pages::default(),
            clients: Slab::default(),
            listeners: unix.into_iter().chain(tcp).collect(),
            started_ms: process.event_loop.now_ms(),
            responded: false,
        };
        server.watch_listeners(process)?;
        Ok(server)
    }

    fn watch_listeners(&mut self, process: &Process) -> Result<(), Errno> {
        self.listeners.iter_mut().try_for_each(|listener| listener.watch(process))
    }

    fn accept(&mut self, process: &Process, kind: Kind) -> Result<(), Errno> {
        while let Some(listener) = self.listeners.iter_mut().find(|listener| listener.kind == kind) {
            let Some(fd) = listener.accept()? else { break };
            self.add_client(process, kind, fd);
        }
        Ok(())
    }

    fn add_client(&mut self, process: &Process, kind: Kind, fd: OwnedFd) {
        let deadline_ms = process.event_loop.now_ms().saturating_add(CLIENT_MS_MAX);
        let Some(key) = self.clients.insert(Client::new(fd, kind, deadline_ms)) else { return };
        let added = self
            .clients
            .get(key)
            .map(|client| process.event_loop.add(&client.fd, key.token(TOKEN_CLIENT), Interest::IN));
        if !matches!(added, Some(Ok(()))) {
            self.clients.remove(key);
        }
        self.count_clients(process);
    }

    fn on_client(&mut self, process: &Process, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if !client.has_response() {
            if self.responded {
                return;
            }
            let response = match client.read() {
                Heard::More => return,
                Heard::Gone => return self.end_client(process, key),
                Heard::Refused(status) => response::refusal(status),
                Heard::Request(target, _) if !client.kind.shows(target) => response::refusal(404),
                Heard::Request(target, body) => {
                    let age_s = (process.event_loop.now_ms() - self.started_ms) / 1000;
                    response::page(target, &self.pages, age_s, body)
                }
            };
            self.responded = true;
            process.counters.add(count::REQUESTS, 1);
            client.respond(response);
            // A client that is never written to again ends with its deadline.
            let _ = process.event_loop.modify(&client.fd, key.token(TOKEN_CLIENT), Interest::OUT);
        }
        if client.write() {
            self.end_client(process, key);
        }
    }

    fn end_client(&mut self, process: &Process, key: Key) {
        if let Some(client) = self.clients.remove(key) {
            let _ = process.event_loop.remove(&client.fd);
        }
        self.count_clients(process);
    }

    fn count_clients(&mut self, process: &Process) {
        for listener in &mut self.listeners {
            listener.clients = self.clients.iter().filter(|(_, client)| client.kind == listener.kind).count();
        }
        process.counters.set(count::CLIENTS, u64::try_from(self.clients.len()).unwrap_or(u64::MAX));
    }
}

impl Service for Server {
    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (TOKEN_UNIX, _) => self.accept(process, Kind::Unix)?,
            (TOKEN_TCP, _) => self.accept(process, Kind::Tcp)?,
            (TOKEN_CLIENT, key) => self.on_client(process, key),
            _ => {}
        }
        Ok(())
    }

    fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Give(ToChild::PageAdd { program, lane, pid }, fd) => match PageReader::map(&fd) {
                Ok(page) => self.pages.add(program, lane, pid, page),
                Err(errno) => warning(POLICY.program, format_args!("event=no-page pid={pid} {errno}")),
            },
            Order::Give(ToChild::Reload { number, progress }, fd) => match fosse_sys::blob::map(fd, RELOAD_BYTES_MAX) {
                Ok(words) => self.pages.reload.set(number, progress, words.as_ref()),
                Err(error) => warning(POLICY.program, format_args!("event=no-reload number={number} {error}")),
            },
            Order::Tell(ToChild::PageDrop { pid }) => self.pages.drop_process(pid),
            Order::Drain | Order::End => return Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    /// Ends clients that take too long, in sending their request or in reading the response.
    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let late: Vec<Key> =
            self.clients.iter().filter(|(_, client)| client.deadline_ms <= now_ms).map(|(key, _)| key).collect();
        for key in late {
            process.counters.add(count::TIMEOUTS, 1);
            self.end_client(process, key);
        }
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.responded = false;
        Ok(self.watch_listeners(process)?)
    }
}
