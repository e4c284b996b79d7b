//! Pages in from start, requests in from clients, responses out.

use fosse_counters::{Counters, Question, RenewalsReader, StatesPage, Sums, Wanted, status as count};
use fosse_die::warning;
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, Slab, token},
};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_source::Source;
use fosse_sys::page::{Page, PageReader};
use fosse_wire::start::{ToChild, ToStart};
use rustix::{io::Errno, net::sockopt::socket_peercred};

use crate::{
    certificates::Certificates,
    client::{Client, Heard, Written},
    connections::Connections,
    limits::{ACCEPTS_TURN_MAX, CLIENTS_MAX, LANE_LOOK_MS, RELOAD_BYTES_MAX},
    listener::{Kind, Listener},
    page::Look,
    pages::Pages,
    places::{Place, giving_way},
    policy::POLICY,
    purges::{Purges, Reply},
    rate::Rate,
    request::{PurgeOrder, ServerOrder},
    response::Response,
    states::States,
};

const TOKEN_UNIX: u8 = 1;
const TOKEN_TCP: u8 = 2;
const TOKEN_CLIENT: u8 = 3;
const TOKEN_CACHE: u8 = 4;

/// The program's state.
#[derive(Debug)]
pub struct Server {
    pages: Pages,
    clients: Slab<Client>,
    listeners: Vec<Listener>,
    started_ms: u64,
    /// start has told of everything that there is.
    is_told: bool,
    /// Number of the clients that had a place.
    arrivals: u64,
    /// That of requests.
    rate: Rate,
    /// The states of servers.
    states: Option<States>,
    /// Orders about what is kept.
    purges: Purges,
    /// The sets of certificates.
    certificates: Certificates,
    /// The connections of clients.
    connections: Option<Connections>,
}

impl Server {
    /// Takes over the sums and the states. Clients are listened to once start has told of
    /// everything: until then counters would seem to have gone back.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn new(process: &Process, mut given: Given) -> Result<Self, ExitReason> {
        let unix = given.optional(8).map(|fd| Listener::new(Kind::Unix, fd, token(TOKEN_UNIX)));
        let tcp = given.optional(9).map(|fd| Listener::new(Kind::Tcp, fd, token(TOKEN_TCP)));
        let states = given.optional(11).map(Page::map).transpose()?.and_then(StatesPage::new);
        let questions = given.optional(12).map(Page::map).transpose()?.and_then(Question::new);
        let renewals = given.optional(13).map(PageReader::map).transpose()?.map(RenewalsReader::new);
        // The user who runs the edge, as the kernel knows it.
        let start_uid = process.start_fd().and_then(|start| socket_peercred(start).ok()).map(|peer| peer.uid.as_raw());
        Ok(Self {
            pages: Pages::new(Sums::new(Counters::shared(Page::map(given.required(10))?))),
            clients: Slab::default(),
            listeners: unix.into_iter().chain(tcp).collect(),
            started_ms: process.event_loop.now_ms(),
            is_told: false,
            arrivals: 0,
            rate: Rate::default(),
            purges: Purges::new(start_uid, token(TOKEN_CACHE)),
            states: states.zip(start_uid).map(|(page, uid)| States::new(page, uid)),
            certificates: Certificates::new(start_uid, number_of(process.event_loop.now_ms()), renewals),
            connections: questions.zip(start_uid).map(|(page, uid)| Connections::new(page, uid)),
        })
    }

    fn watch_listeners(&mut self, process: &Process) -> Result<(), Errno> {
        self.listeners.iter_mut().try_for_each(|listener| listener.watch(process))
    }

    fn accept(&mut self, process: &Process, kind: Kind) -> Result<(), Errno> {
        for _ in 0..ACCEPTS_TURN_MAX {
            let Some(listener) = self.listeners.iter_mut().find(|listener| listener.kind == kind) else { break };
            let Some((fd, source)) = listener.accept(process)? else { break };
            if self.make_room(process, kind, source) {
                self.arrivals += 1;
                self.add_client(process, Client::new(fd, kind, source, self.arrivals, process.event_loop.now_ms()));
            }
        }
        Ok(())
    }

    /// Makes room for a client of a source. Returns whether there is any.
    fn make_room(&mut self, process: &Process, kind: Kind, source: Source) -> bool {
        let of_listener = self.clients.iter().filter(|(_, client)| client.kind == kind);
        let place = |(key, client): (Key, &Client)| Place {
            key,
            source: client.source,
            silent: client.response.is_none() && !client.is_waiting,
            since: (client.since_ms, client.number),
        };
        let places: Vec<Place<Key>> = of_listener.map(place).collect();
        if places.len() < CLIENTS_MAX {
            return true;
        }
        process.counters.add(count::GAVE_WAY, 1);
        let gives_way = giving_way(&places, source);
        gives_way.into_iter().for_each(|key| self.end_client(process, key));
        gives_way.is_some()
    }

    fn add_client(&mut self, process: &Process, client: Client) {
        let Some(key) = self.clients.insert(client) else { return };
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
        let now_ms = process.event_loop.now_ms();
        if client.is_waiting {
            // Nothing is watched but its end.
            return self.end_client(process, key);
        }
        if client.response.is_none() {
            client.response = Some(match client.read() {
                Heard::More => return,
                Heard::Gone => return self.end_client(process, key),
                Heard::Refused(status) => Response::refusal(status),
                Heard::Request(request) if !client.kind.shows(request.target) => Response::refusal(404),
                Heard::Request(request) => Response::page(request),
                Heard::Purge(order) => match purge(order, key, client, &mut self.purges) {
                    Err(refusal) => refusal,
                    Ok(()) => {
                        self.leave_waiting(process, key);
                        return self.work_on_purges(process, false);
                    }
                },
                Heard::Certificates(reload) => {
                    match certificates(reload, (key, client), &mut self.certificates, process) {
                        Some(response) => response,
                        None => return self.leave_waiting(process, key),
                    }
                }
                Heard::Order(order) => carry_out(&order, client, self.states.as_ref(), &self.pages),
                Heard::Connections(wanted) => {
                    match ask(wanted, (key, client), &mut self.connections, (&self.pages, now_ms)) {
                        Some(response) => response,
                        None => return self.leave_waiting(process, key),
                    }
                }
            });
            process.counters.add(count::REQUESTS, 1);
            // A client that is never written to again ends with its deadline.
            let _ = process.event_loop.modify(&client.fd, key.token(TOKEN_CLIENT), Interest::OUT);
        }
        self.write_to(process, key);
    }

    /// Writes the next piece of a response.
    fn write_to(&mut self, process: &Process, key: Key) {
        let now_ms = process.event_loop.now_ms();
        if !self.pages.read_names() {
            // It is ready in the next turn too.
            return;
        }
        let Some(client) = self.clients.get_mut(key) else { return };
        if let Some(response) = &mut client.response {
            let (age_s, rate) = ((now_ms - self.started_ms) / 1000, self.rate.per_second());
            response.render(&Look { pages: &self.pages, age_s, rate });
        }
        if client.write(now_ms) == Written::All {
            self.end_client(process, key);
        }
    }

    /// Exchanges messages with the cache, and tells clients whose orders are over.
    fn work_on_purges(&mut self, process: &Process, reads: bool) {
        let replies = self.purges.work(&process.event_loop, reads);
        self.tell(process, replies);
    }

    fn tell(&mut self, process: &Process, replies: Vec<Reply>) {
        for (key, response) in replies {
            // It may be gone.
            let Some(client) = self.clients.get_mut(key) else { continue };
            (client.response, client.is_waiting) = (Some(response), false);
            client.since_ms = process.event_loop.now_ms();
            let _ = process.event_loop.modify(&client.fd, key.token(TOKEN_CLIENT), Interest::OUT);
        }
    }

    /// Leaves a client alone until others have done what it wants. It says nothing more.
    fn leave_waiting(&mut self, process: &Process, key: Key) {
        if let Some(client) = self.clients.get_mut(key) {
            client.is_waiting = true;
            process.counters.add(count::REQUESTS, 1);
            let _ = process.event_loop.modify(&client.fd, key.token(TOKEN_CLIENT), Interest::empty());
        }
    }

    fn end_client(&mut self, process: &Process, key: Key) {
        if let Some(connections) = &mut self.connections {
            connections.leave(key);
        }
        self.certificates.leave(key);
        if let Some(client) = self.clients.remove(key) {
            let _ = process.event_loop.remove(&client.fd);
        }
        self.count_clients(process);
    }

    fn count_clients(&self, process: &Process) {
        process.counters.set(count::CLIENTS, u64::try_from(self.clients.len()).unwrap_or(u64::MAX));
    }
}

/// Returns a number of 32 bits that one some time before is not.
const fn number_of(now_ms: u64) -> u32 {
    (now_ms & u32::MAX as u64) as u32
}

/// Carries out an order about a server, which only the unix socket takes: there it is known whose
/// it is.
fn carry_out(order: &ServerOrder, client: &Client, states: Option<&States>, pages: &Pages) -> Response {
    match (states, client.uid()) {
        (Some(states), Some(uid)) if client.kind == Kind::Unix => states.carry_out(order, uid, pages),
        _ => Response::refusal(404),
    }
}

/// Passes an order about what is kept on, as [`carry_out`].
fn purge(order: PurgeOrder, key: Key, client: &Client, purges: &mut Purges) -> Result<(), Response> {
    match client.uid() {
        Some(uid) if client.kind == Kind::Unix => purges.order(order, key, uid),
        _ => Err(Response::refusal(404)),
    }
}

/// Shows the certificates, or asks start to have their files read again, which only the unix socket
/// takes. Returns the response where it is known at once.
fn certificates(
    reload: bool,
    (key, client): (Key, &Client),
    certificates: &mut Certificates,
    process: &Process,
) -> Option<Response> {
    let Some(uid) = client.uid().filter(|_| client.kind == Kind::Unix) else { return Some(Response::refusal(404)) };
    if !reload {
        return Some(certificates.page());
    }
    match certificates.want(key, uid) {
        Ok(tag) => process.tell_start(ToStart::CertificatesWanted { tag }),
        Err(refusal) => return Some(refusal),
    }
    None
}

/// Asks about connections, which only the unix socket takes. Returns the response where it is known
/// at once.
fn ask(
    wanted: Wanted,
    (key, client): (Key, &Client),
    connections: &mut Option<Connections>,
    (pages, now_ms): (&Pages, u64),
) -> Option<Response> {
    match (connections, client.uid()) {
        (Some(connections), Some(uid)) if client.kind == Kind::Unix => {
            connections.ask(wanted, (key, uid), pages, now_ms)
        }
        _ => Some(Response::refusal(404)),
    }
}

impl Service for Server {
    fn wait_ms_max(&self, _: &Process) -> Option<u64> {
        self.connections.as_ref().filter(|connections| connections.is_open()).map(|_| LANE_LOOK_MS)
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let heard = self.connections.as_mut().and_then(|connections| connections.hear(&self.pages, now_ms));
        self.tell(process, heard.into_iter().collect());
        Ok(())
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (TOKEN_UNIX, _) => self.accept(process, Kind::Unix)?,
            (TOKEN_TCP, _) => self.accept(process, Kind::Tcp)?,
            (TOKEN_CLIENT, key) => self.on_client(process, key),
            (TOKEN_CACHE, _) => self.work_on_purges(process, event.readable()),
            _ => {}
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Give(ToChild::PageAdd { program, lane, pid }, fd) => match PageReader::map(&fd) {
                Ok(page) => self.pages.add(program, lane, pid, page),
                Err(errno) => warning(POLICY.program, format_args!("event=no-page pid={pid} {errno}")),
            },
            Order::Give(ToChild::PageEnd { program, number, pid }, fd) => match PageReader::map(&fd) {
                Ok(page) => self.pages.end_process(program, pid, number, page),
                Err(errno) => {
                    self.pages.drop_process(pid);
                    warning(POLICY.program, format_args!("event=no-page pid={pid} {errno}"));
                }
            },
            Order::Give(ToChild::Reload { number, progress, generation }, fd) => {
                self.pages.generation = generation;
                match fosse_sys::blob::map(fd, RELOAD_BYTES_MAX) {
                    Ok(words) => self.pages.reload.set(number, progress, words.as_ref()),
                    Err(error) => warning(POLICY.program, format_args!("event=no-reload number={number} {error}")),
                }
                // It comes after all pages.
                self.is_told = true;
                self.watch_listeners(process)?;
            }
            Order::Give(ToChild::Cache { .. }, fd) => {
                let replies = self.purges.begin(fd, &process.event_loop)?;
                self.tell(process, replies);
            }
            Order::Give(ToChild::Certificates { set, tag }, fd) => {
                let replies = self.certificates.serves(set, tag, fd);
                self.tell(process, replies);
            }
            Order::Give(ToChild::CertificatesRefused { tag }, fd) => {
                let replies = self.certificates.refuse(tag, fd);
                self.tell(process, replies);
            }
            Order::Tell(ToChild::PageDrop { pid }) => self.pages.drop_process(pid),
            Order::Drain | Order::End => return Err(ExitReason::Done),
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    /// Ends clients that take too long, in sending their request or in reading the response, and
    /// notes the number of requests.
    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        let now_ms = process.event_loop.now_ms();
        let late: Vec<Key> =
            self.clients.iter().filter(|(_, client)| client.is_late(now_ms)).map(|(key, _)| key).collect();
        for key in late {
            process.counters.add(count::TIMEOUTS, 1);
            self.end_client(process, key);
        }
        if self.is_told {
            // What a page that was not here yet had counted would seem to be of the last seconds.
            self.rate.note(now_ms, self.pages.requests());
            self.watch_listeners(process)?;
        }
        Ok(())
    }
}
