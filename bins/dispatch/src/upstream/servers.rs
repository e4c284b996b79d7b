//! The table of servers, the choice between those of a backend, and its queue.

use std::{
    collections::HashMap,
    iter::zip,
    ops::{Index, IndexMut, Range},
    rc::Rc,
};

use fosse_counters::{Counters, HealthReader, Server as Shown, ServerState, SharesPage, dispatch as count};
use fosse_die::warning;
use fosse_settings::{Backend, Dispatch as Settings, ServerName};
use fosse_source::Source;
use fosse_wire::StreamId;

use super::{
    affinity::server_id,
    balance::{self, Choice},
    budget::{Permit, RetryBudget},
    checked::Checked,
    named::Named,
    pool::Server,
    queue::{Eligible, Queue},
    share::Sharers,
    tried::{Tried, Wanted},
};
use crate::PROGRAM;

/// All servers with their backends.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(super) backends: Vec<Backend>,
    pub(super) all: Vec<Server>,
    /// For each backend, the next server of round robin.
    rounds: Vec<usize>,
    /// For each backend, the retries that it still permits.
    pub(super) budgets: Vec<RetryBudget>,
    /// For each backend, the requests that have no server yet.
    pub(super) queues: Vec<Queue>,
    /// Streams that others have taken the place of in a queue, until they get their response.
    displaced: Vec<StreamId>,
    /// The page of the limits that lanes share, where there is one.
    pub(super) page: Option<Rc<SharesPage>>,
    /// The lanes that do.
    pub(super) sharers: Sharers,
    /// This lane may have more of some server than each lane can have.
    pub(super) have_much: bool,
}

impl Servers {
    pub(super) fn new(settings: &Settings) -> Self {
        let server = |(number, named): (u32, &ServerName)| {
            let backend = index(named.backend);
            let place = number - settings.backends[backend].server_first;
            let checked = named.health_number.map(Checked::new);
            let named_address = named.address_number.map(Named::new);
            let ServerName { weight, backup, tls, .. } = *named;
            let id = server_id(&settings.backends[backend], &named.name);
            let name = named.name.clone();
            let own_weight = weight;
            Server {
                name,
                backend,
                number,
                id,
                place,
                weight,
                own_weight,
                backup,
                tls,
                checked,
                named: named_address,
                ..Server::default()
            }
        };
        Self {
            all: zip(0.., &settings.servers).map(server).collect(),
            rounds: vec![0; settings.backends.len()],
            budgets: settings.backends.iter().map(|_| RetryBudget::default()).collect(),
            queues: settings.backends.iter().map(|_| Queue::default()).collect(),
            displaced: Vec::new(),
            page: None,
            sharers: Sharers::default(),
            have_much: false,
            backends: settings.backends.clone(),
        }
    }

    /// Returns the number of servers.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns a server, to be changed, and its backend.
    pub(super) fn with_backend(&mut self, at: usize) -> (&mut Server, &Backend) {
        let server = &mut self.all[at];
        let backend = &self.backends[server.backend];
        (server, backend)
    }

    /// Chooses a server of a backend.
    pub(super) fn choose(&mut self, backend: usize, wanted: Wanted, now_ms: u64) -> Choice {
        let of_backend = self.of(backend);
        let (servers, round) = (&mut self.all[of_backend.clone()], &mut self.rounds[backend]);
        match balance::choose(&self.backends[backend], servers, round, wanted, now_ms) {
            Choice::Server(place) => Choice::Server(of_backend.start + place),
            Choice::OwnerFull(place) => Choice::OwnerFull(of_backend.start + place),
            other => other,
        }
    }

    /// Counts a request of a backend.
    pub(super) fn count_request(&mut self, backend: usize, now_ms: u64) {
        self.budgets[backend].count_request(now_ms);
    }

    /// Takes a retry out of the budget of a backend, where there is room for one.
    pub(crate) fn take_retry(&mut self, backend: usize, now_ms: u64) -> Permit {
        self.budgets[backend].take(&self.backends[backend], now_ms)
    }

    /// Returns whether there is room for a retry in the budget of a backend.
    pub(crate) fn may_retry(&mut self, backend: usize, now_ms: u64) -> bool {
        self.budgets[backend].has_room(&self.backends[backend], now_ms)
    }

    /// Returns whether a request may go to a server that it has not tried, be it as the last
    /// resort.
    pub(crate) fn has_another(&self, backend: usize, tried: Tried) -> bool {
        self.all[self.of(backend)].iter().any(|server| !tried.contains(server.place) && server.is_last_resort())
    }

    /// Returns whether a server that a request has not tried is up and has room for it.
    pub(crate) fn has_room_elsewhere(&self, backend: usize, tried: Tried, now_ms: u64) -> bool {
        let settings = &self.backends[backend];
        let is_free = |server: &Server| server.takes_new(now_ms) && server.has_room(settings);
        self.all[self.of(backend)].iter().any(|server| !tried.contains(server.place) && is_free(server))
    }

    /// Adds a stream to the queue of its backend; one of another source makes room for it where
    /// that has more there. Logs and returns that there is no room, where there is none.
    pub(super) fn enqueue(&mut self, id: StreamId, source: Source, backend: usize, tried: Tried) -> bool {
        let (settings, queue) = (&self.backends[backend], &mut self.queues[backend]);
        let is_full = queue.len() >= index(self.sharers.part(settings.queue_requests_max));
        let displaced = if is_full { queue.displace(source) } else { None };
        if is_full && displaced.is_none() {
            warning(PROGRAM, format_args!("event=backend-full backend={}", settings.name));
            return false;
        }
        queue.push(id, source, tried);
        self.displaced.extend(displaced);
        self.say_wants(backend);
        true
    }

    /// Returns the streams that have lost their places in a queue to those of other sources.
    pub(crate) fn take_displaced(&mut self) -> Vec<StreamId> {
        std::mem::take(&mut self.displaced)
    }

    /// Makes it the turn of a source in the queue of a backend.
    pub(crate) fn give_turn(&mut self, backend: usize, source: Source) {
        self.queues[backend].give_turn(source);
    }

    /// Returns the number of requests in the queue of a backend.
    pub(crate) fn queue_len(&self, backend: usize) -> usize {
        self.queues[backend].len()
    }

    /// Returns the backends in whose queues requests wait, with the sources of those.
    pub(crate) fn queued(&self) -> Vec<(usize, Vec<Source>)> {
        let queues = self.queues.iter().enumerate().filter(|(_, queue)| !queue.is_empty());
        queues.map(|(backend, queue)| (backend, queue.sources().collect())).collect()
    }

    /// Takes a stream out of its backend's queue, or from among those that wait for a connection;
    /// the server, in the second case.
    pub(super) fn cancel(&mut self, id: StreamId, backend: usize) -> Option<usize> {
        if self.queues[backend].remove(id) {
            return None;
        }
        // Mostly it is the one that has waited longest, so the search ends with the first.
        let place = |at: usize| self.all[at].waiting.iter().position(|waits| *waits == id);
        let (at, place) = self.of(backend).find_map(|at| Some((at, place(at)?)))?;
        self.all[at].waiting.remove(place);
        self.all[at].probe_lost();
        Some(at)
    }

    /// Returns whether a stream has left the queue and waits for a connection to a server.
    pub(super) fn is_connecting(&self, id: StreamId, backend: usize) -> bool {
        self.of(backend).any(|at| self.all[at].waiting.contains(&id))
    }

    /// Gives the room that a server has to streams in its backend's queue: they wait for a
    /// connection to it from now on. Returns whether there would be more room without one that is
    /// pinned.
    pub(super) fn take_queued(&mut self, at: usize, now_ms: u64) -> bool {
        let Some(eligible) = self.eligible(at, now_ms) else { return false };
        let of = self.all[at].backend;
        while self.all[at].idle.is_empty()
            && self.queues[of].has_for(eligible)
            && self.all[at].has_room(&self.backends[of])
        {
            if !self.all[at].awaits_one() && !self.reserve(at, now_ms) {
                return self.all[at].pinned_idle > 0;
            }
            let Some(id) = self.queues[of].pop_for(eligible) else { break };
            let (server, backend) = self.with_backend(at);
            server.given(backend, now_ms);
            server.waiting.push_back(id);
            if !server.is_up(now_ms) {
                break;
            }
        }
        false
    }

    /// Takes the stream that is next for a connection to a server.
    pub(super) fn next_for(&mut self, at: usize, now_ms: u64) -> Option<StreamId> {
        if let Some(id) = self.all[at].waiting.pop_front() {
            return Some(id);
        }
        let eligible = self.eligible(at, now_ms)?;
        self.queues[self.all[at].backend].pop_for(eligible)
    }

    /// Returns whether a stream waits in the queue that a server may have.
    pub(super) fn may_take_queued(&self, at: usize, now_ms: u64) -> bool {
        self.eligible(at, now_ms).is_some_and(|eligible| self.queues[self.all[at].backend].has_for(eligible))
    }

    /// Returns the streams of the queue that a server may have; `None` where it may have none. One
    /// that is out may have them while no other is up, unless its checks say that it is out, a
    /// backup server those that have been to every other one that is up, and one that takes no new
    /// clients those that are for it alone.
    fn eligible(&self, at: usize, now_ms: u64) -> Option<Eligible> {
        let server = &self.all[at];
        if self.queues[server.backend].is_empty() {
            return None;
        }
        let others = || self.all[self.of(server.backend)].iter().filter(|other| other.takes_new(now_ms));
        let mut first = Tried::default();
        if server.takes_new(now_ms) {
            others().filter(|other| server.backup && !other.backup).for_each(|other| first.add(other.place));
        } else if server.is_up(now_ms) {
            first = Tried::all_but(server.place);
        } else if !server.is_last_resort() || others().next().is_some() {
            return None;
        }
        Some(Eligible { place: server.place, first })
    }

    /// Takes over what another lane knew of the servers by requests.
    pub(super) fn inherit(&mut self, known: &[Shown], now_ms: u64) {
        for server in &mut self.all {
            server.inherit(&self.backends[server.backend], known, now_ms);
        }
    }

    /// Gives each server the state that somebody has given it, or that of the configuration.
    /// Returns those that are drained.
    pub(super) fn set_states(&mut self, states: &HashMap<Vec<u8>, ServerState>, now_ms: u64) -> Vec<usize> {
        for server in &mut self.all {
            let backend = &self.backends[server.backend];
            let name = format!("{}/{}", backend.name, server.name);
            server.set_state(backend, states.get(name.as_bytes()).copied().unwrap_or_default(), now_ms);
        }
        (0..self.all.len()).filter(|at| self.all[*at].drained).collect()
    }

    /// Looks at what checks have found out.
    pub(super) fn read_health(&mut self, health: &HealthReader, now_ms: u64) {
        for server in &mut self.all {
            server.read_health(&self.backends[server.backend], health, now_ms);
        }
    }

    /// Writes the servers to the counter page.
    pub(super) fn show(&self, counters: &Counters, now_ms: u64) {
        let mut down = 0;
        for (at, server) in self.all.iter().enumerate() {
            down += u64::from(server.has_address() && !server.is_up(now_ms));
            server.show(at, counters, now_ms);
        }
        counters.set(count::SERVERS_DOWN, down);
        let queued = self.queues.iter().map(Queue::len).sum::<usize>();
        counters.set(count::QUEUED, u64::try_from(queued).unwrap_or(u64::MAX));
        let places = self.backends.iter().map(|backend| u64::from(self.sharers.part(backend.queue_requests_max)));
        counters.set(count::QUEUE_PLACES, places.sum());
    }

    /// Returns the indices of a backend's servers.
    pub(super) fn of(&self, backend: usize) -> Range<usize> {
        let Backend { server_first, server_count, .. } = self.backends[backend];
        index(server_first)..index(server_first + server_count)
    }
}

impl Index<usize> for Servers {
    type Output = Server;

    fn index(&self, at: usize) -> &Server {
        &self.all[at]
    }
}

impl IndexMut<usize> for Servers {
    fn index_mut(&mut self, at: usize) -> &mut Server {
        &mut self.all[at]
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
