//! The turns of fosse-connect-tls.

use std::{os::fd::OwnedFd, rc::Rc};

use fosse_counters::connect_tls as count;
use fosse_deadlines::{Deadlines, after};
use fosse_die::warning;
use fosse_eventloop::{
    Event, EventLoop, Watched,
    slab::{Key, Slab, token},
};
use fosse_images::{CHAINS_BYTES_MAX, Chains};
use fosse_records::Output;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::tls::ConnectTls;
use fosse_sys::blob::Mapped;
use fosse_wire::connect::Outcome;
use rustix::io::Errno;

use crate::{
    PROGRAM,
    connect_channel::{ConnectChannel, Dialled},
    connection::{Connection, Context, Stage, Step, Why},
    handshakes,
    limit::Limit,
    limits::{CONNECTIONS_COUNT_MAX, MESSAGES_TURN_MAX, READ_BYTES_MAX, RECORD_BYTES_MAX},
    moving, refused,
    terms::Terms,
};

const CONNECT: u8 = 1;
const SERVER: u8 = 2;
/// The kind of the token of a connection's plaintext.
const PLAIN: u8 = 3;

/// Makes what the libraries make at their first use, and could not after the lock.
pub fn prepare() {
    let _ = aws_lc_rs::rand::fill(&mut [0; 32]);
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    connect: ConnectChannel,
    /// The terms of each server, by its number.
    servers: Vec<Option<u32>>,
    terms: Vec<Terms>,
    connections: Slab<Connection>,
    context: Context,
}

impl Server {
    /// Reads settings and certificates and watches connect.
    ///
    /// # Errors
    /// What cannot be used, and those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given) -> Result<Self, ExitReason> {
        let settings: ConnectTls = given.settings();
        let chains = given.optional(9).map(read_chains).transpose().map_err(ExitReason::Failed)?.unwrap_or_default();
        let terms = Terms::all(&settings, &chains).map_err(ExitReason::Failed)?;
        for unverified in terms.iter().filter(|terms| terms.settings.authority.is_none()) {
            let (backend, name) = (&unverified.settings.backend, &unverified.settings.server_name);
            let cure = "name the authority in ca_file, and remove verify = false";
            warning(PROGRAM, format_args!("event=server-unverified backend={backend} name={name} cure=\"{cure}\""));
        }
        let context = Context {
            counters: Rc::clone(&process.counters),
            deadlines: Deadlines::default(),
            now_ms: process.event_loop.now_ms(),
            input: vec![0; READ_BYTES_MAX + RECORD_BYTES_MAX].into_boxed_slice(),
            plain: Vec::new(),
            output: Output::new(READ_BYTES_MAX + RECORD_BYTES_MAX),
        };
        Ok(Self {
            connect: ConnectChannel::new(given.required(8), token(CONNECT), &process.event_loop),
            servers: settings.servers,
            terms,
            connections: Slab::default(),
            context,
        })
    }

    fn on_connect(&mut self, event: Event, event_loop: &EventLoop) -> Result<(), ExitReason> {
        if event.writable() {
            self.connect.flush(event_loop)?;
        }
        for _ in 0..MESSAGES_TURN_MAX {
            let Some(dialled) = self.connect.receive()? else { return Ok(()) };
            if self.connections.len() + self.connect.len() >= CONNECTIONS_COUNT_MAX {
                return Err(ExitReason::broken_protocol("connect"));
            }
            self.begin(dialled, event_loop)?;
        }
        Ok(())
    }

    /// Begins a handshake.
    fn begin(&mut self, Dialled { tag, server, fd }: Dialled, event_loop: &EventLoop) -> Result<(), ExitReason> {
        let number = usize::try_from(server).ok().and_then(|at| self.servers.get(at).copied().flatten());
        let terms = number.and_then(|number| self.terms.get(usize::try_from(number).ok()?));
        let (Some(number), Some(terms)) = (number, terms) else {
            return Err(ExitReason::broken_protocol("connect"));
        };
        let session = match terms.session() {
            Ok(session) => session,
            Err(error) => return self.refuse(tag, number, &Why::Tls(error), event_loop),
        };
        let connection = Connection::new(tag, number, Watched::new(fd, 0), session);
        let at_ms = after(self.context.now_ms, terms.settings.connect_seconds);
        let Some(key) = self.connections.insert(connection) else {
            return self.connect.reply(event_loop, tag, failed(Errno::NOMEM), None);
        };
        let Some(connection) = self.connections.get_mut(key) else { return Ok(()) };
        connection.server.set_token(key.token(SERVER));
        connection.timer.start(&mut self.context.deadlines, key.slot(), Limit::Connect, at_ms);
        let step = handshakes::begin(connection, &mut self.context);
        self.settle(key, step, event_loop)
    }

    fn on_server(&mut self, key: Key, event: Event, event_loop: &EventLoop) -> Result<(), ExitReason> {
        let Some(connection) = self.connections.get_mut(key) else { return Ok(()) };
        let context = &mut self.context;
        let mut step = Step::Stays;
        if event.writable() && !connection.send_rest(context) {
            step = Step::Gone;
        }
        if event.readable() && matches!(step, Step::Stays) {
            let terms = usize::try_from(connection.terms).ok().and_then(|at| self.terms.get(at));
            step = match (&connection.stage, terms) {
                (Stage::Shaking { .. }, Some(terms)) => handshakes::go_on(connection, terms, context),
                (Stage::Open(open), _) if open.to_dispatch.is_empty() && open.ended.is_none() => {
                    moving::from_server(connection, context)
                }
                _ => Step::Stays,
            };
        }
        self.settle(key, step, event_loop)
    }

    fn on_plain(&mut self, key: Key, event: Event, event_loop: &EventLoop) -> Result<(), ExitReason> {
        let Some(connection) = self.connections.get_mut(key) else { return Ok(()) };
        let mut step = if event.writable() { moving::give_rest(connection) } else { Step::Stays };
        if event.readable() && matches!(step, Step::Stays) {
            step = moving::from_dispatch(connection, key.slot(), &mut self.context);
        }
        self.settle(key, step, event_loop)
    }

    /// Draws the consequences of what a connection has come to.
    fn settle(&mut self, key: Key, step: Step, event_loop: &EventLoop) -> Result<(), ExitReason> {
        self.context.output.clear();
        match step {
            Step::Stays => {}
            Step::Through => self.pass_on(key, event_loop)?,
            Step::Refused(why) => return self.close_refused(key, &why, event_loop),
            Step::Gone => return self.close(key, event_loop),
        }
        let Some(connection) = self.connections.get_mut(key) else { return Ok(()) };
        if matches!(connection.stage, Stage::Parting) && !connection.is_blocked() {
            return self.close(key, event_loop);
        }
        connection.watch(event_loop);
        Ok(())
    }

    /// Gives connect the plaintext of a connection whose handshake is done.
    fn pass_on(&mut self, key: Key, event_loop: &EventLoop) -> Result<(), ExitReason> {
        let Some(connection) = self.connections.get_mut(key) else { return Ok(()) };
        let Stage::Shaking { tag } = connection.stage else { return Ok(()) };
        let is_resumed = connection.session.is_resumed();
        self.context.counters.add(if is_resumed { count::RESUMED } else { count::HANDSHAKES }, 1);
        match handshakes::open(connection, key.token(PLAIN), &self.context) {
            Ok(end) => self.connect.reply(event_loop, tag, (Outcome::Connected, 0), Some(end)),
            Err(errno) => {
                self.connections.remove(key);
                self.connect.reply(event_loop, tag, failed(errno), None)
            }
        }
    }

    /// Closes a connection. connect is told of one whose handshake is not done.
    fn close(&mut self, key: Key, event_loop: &EventLoop) -> Result<(), ExitReason> {
        match self.connections.get(key).map(|connection| &connection.stage) {
            Some(Stage::Shaking { .. }) => self.close_refused(key, &Why::Closed, event_loop),
            _ => {
                self.connections.remove(key);
                Ok(())
            }
        }
    }

    fn close_refused(&mut self, key: Key, why: &Why, event_loop: &EventLoop) -> Result<(), ExitReason> {
        let Some(connection) = self.connections.remove(key) else { return Ok(()) };
        let Stage::Shaking { tag } = connection.stage else { return Ok(()) };
        self.refuse(tag, connection.terms, why, event_loop)
    }

    fn refuse(&mut self, tag: u32, terms: u32, why: &Why, event_loop: &EventLoop) -> Result<(), ExitReason> {
        self.context.counters.add(count::REFUSED, 1);
        if let Some(terms) = usize::try_from(terms).ok().and_then(|at| self.terms.get_mut(at)) {
            refused::say(terms, why, self.context.now_ms);
        }
        let (outcome, errno) = refused::outcome(why);
        self.connect.reply(event_loop, tag, (outcome, number_of(errno)), None)
    }

    /// Ends the waits whose time is over.
    fn end_overdue(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        let connections = &self.connections;
        let at_ms = |slot| connections.get(connections.key_of(slot)?)?.timer.at_ms();
        for slot in self.context.deadlines.due(self.context.now_ms, at_ms) {
            let Some(key) = self.connections.key_of(slot) else { continue };
            let Some(connection) = self.connections.get_mut(key) else { continue };
            if connection.timer.take_due(self.context.now_ms).is_none() {
                continue;
            }
            self.context.counters.add(count::TIMEOUTS, 1);
            let shaking = match connection.stage {
                Stage::Shaking { tag } => Some(tag),
                _ => None,
            };
            self.connections.remove(key);
            if let Some(tag) = shaking {
                let late = (Outcome::HandshakeTimeout, number_of(Errno::TIMEDOUT));
                self.connect.reply(event_loop, tag, late, None)?;
            }
        }
        Ok(())
    }
}

fn number_of(errno: Errno) -> u16 {
    u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX)
}

fn failed(errno: Errno) -> (Outcome, u16) {
    (Outcome::Failed, number_of(errno))
}

impl Service for Server {
    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        self.context.deadlines.wait_ms(process.event_loop.now_ms())
    }

    fn begin_turn(&mut self, process: &Process) {
        self.context.now_ms = process.event_loop.now_ms();
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (CONNECT, _) => self.on_connect(event, &process.event_loop),
            (SERVER, key) => self.on_server(key, event, &process.event_loop),
            (PLAIN, key) => self.on_plain(key, event, &process.event_loop),
            _ => Ok(()),
        }
    }

    /// connect-tls ends with connect, or with start.
    fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::End => Err(ExitReason::Done),
            Order::Drain | Order::Tell(_) | Order::Give(..) => Ok(()),
        }
    }

    fn on_tick(&mut self, _: &Process) -> Result<(), ExitReason> {
        let open = u64::try_from(self.connections.len()).unwrap_or(u64::MAX);
        self.context.counters.set(count::CONNECTIONS, open);
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.end_overdue(&process.event_loop)
    }
}

/// Reads the certificates, which live as long as the process: they are never given back.
fn read_chains(fd: OwnedFd) -> Result<Chains<'static>, String> {
    let image = fosse_sys::blob::map(fd, CHAINS_BYTES_MAX).map_err(|error| format!("certificates: {error}"))?;
    let image: &'static Mapped = Box::leak(Box::new(image));
    Chains::decode(image.as_ref()).map_err(|error| format!("certificates: {error}"))
}
