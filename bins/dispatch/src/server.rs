//! The turns: events of descriptors, then one write to each peer.

use std::os::fd::OwnedFd;

use fosse_arena::{ARENA_BYTES_MAX, Reader};
use fosse_counters::{
    AddressesReader, Counters, DRAINING, HealthReader, STREAM_CONNECTION, SharesPage, StatesReader, dispatch as count,
};
use fosse_eventloop::{Event, EventLoop, Interest, slab::Key};
use fosse_inherit::Descriptors;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::Dispatch as Settings;
use fosse_stage::{
    Gone, Input, Output,
    fronts::{FromFronts, ToFronts},
};
use fosse_sys::{
    memory::HeapTrimmer,
    page::{Page, PageReader},
};
use fosse_wire::{frame::Hello, slots::Slots, start::ToChild};

use crate::{
    cache::{client::Cache, piped::Pipes},
    context::{Context, Shared, token},
    events::{begin_cache, on_backend, on_cache, on_client, on_client_sockets, on_credit, on_frames},
    exchange::{clients::Clients, streams::Streams},
    fill,
    lane::Lane,
    limits,
    policies::Policies,
    slow_clients,
    upstream::{Upstream, states::Reports},
};

/// The parts that the lock forbids to make.
#[derive(Debug)]
pub struct BeforeLock {
    inputs: FromFronts,
    output: ToFronts,
    /// Credit from encode, and frames for it, where dispatch writes to it.
    encode: Option<(Input, Output)>,
    /// The page of another lane's dispatch. Without it the servers are taken to be up.
    of_another_lane: Option<PageReader>,
    /// The pages in which others say how servers are.
    reports: Reports,
    /// The memory of the cache, where there is one.
    kept: Option<(PageReader, Pipes)>,
    /// The page of the limits that lanes share. Without it each lane has them for itself.
    shares: Option<SharesPage>,
}

impl BeforeLock {
    /// Makes them: a stream is asked for its type, pages are mapped.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors, column: Option<u16>) -> Self {
        let mut page = |number| descriptors.optional(number).and_then(|page| PageReader::map(page).ok());
        let (of_another_lane, health, states, addresses) = (page(10), page(11), page(12), page(13));
        let most = usize::try_from(ARENA_BYTES_MAX).unwrap_or(usize::MAX);
        let kept = descriptors.optional(15).and_then(|memory| {
            let page = PageReader::map_of(&memory, most).ok()?;
            page.use_small_pages();
            Some((page, Pipes::new(memory)))
        });
        let shares = column.zip(descriptors.optional(18));
        let shares = shares.and_then(|(column, page)| SharesPage::of(Page::map(page).ok()?, column));
        let reports = Reports {
            health: health.map(HealthReader::new),
            states: states.map(StatesReader::new),
            addresses: addresses.map(AddressesReader::new),
        };
        let encode = descriptors.optional(16).zip(descriptors.optional(17));
        let (first_in, first_out) = (descriptors.required(0), descriptors.required(1));
        Self {
            inputs: FromFronts::inherit(first_in, descriptors),
            output: ToFronts::inherit(first_out, descriptors),
            encode: encode.map(|(from, to)| (Input::new(from), Output::new(to, Hello::default()))),
            of_another_lane,
            reports,
            kept,
            shares,
        }
    }
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    /// Frames from parse and further fronts, or from the filter.
    pub(crate) inputs: FromFronts,
    /// Fronts that are gone, of several.
    pub(crate) lost_fronts: Vec<Slots>,
    /// Credit from encode.
    pub(crate) from_encode: Option<Input>,
    /// The descriptor to read of a session with another encode, of which that to write is to come.
    next_encode: Option<OwnedFd>,
    /// Socket over which parse lends those of clients.
    pub(crate) client_sockets: Option<OwnedFd>,
    pub(crate) settings: Settings,
    pub(crate) policies: Policies,
    pub(crate) streams: Streams,
    pub(crate) upstream: Upstream,
    pub(crate) clients: Clients,
    pub(crate) shared: Shared,
    /// Memory that a flood has left.
    heap: HeapTrimmer,
    is_draining: bool,
    /// It asks for responses that are kept.
    is_for_cache: bool,
}

impl Server {
    /// Reads the settings and what pages say of the servers, and waits for frames.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given, before: BeforeLock, fills: bool) -> Result<Self, ExitReason> {
        let BeforeLock { inputs, output, encode, of_another_lane, reports, kept, shares } = before;
        let (clients, connect) = (given.optional(8), given.required(9));
        let settings: Settings = given.settings();
        let settings = if fills { fill::settings(settings) } else { settings };
        let mut server = Self::of(settings, inputs, (output, encode), connect, clients);
        server.policies.keys = given.optional_settings(14).unwrap_or_default();
        if fills {
            (server.clients, server.is_for_cache) = (Clients::none(), true);
        }
        let configuration = server.settings.configuration;
        server.shared.cache = kept.map(|(page, pipes)| {
            Box::new(Cache::new((Reader::new(page), pipes), configuration, token::of(token::CACHE)))
        });
        let known = of_another_lane.map_or_else(Vec::new, |page| fosse_counters::servers(|word| page.get(word)));
        let backends = server.settings.backends.iter().enumerate();
        backends.for_each(|(row, backend)| process.counters.name_row(row, &backend.name));
        server.upstream.inherit(&known, (reports, shares), &process.counters, process.event_loop.now_ms());
        server.watch(&process.event_loop)?;
        Ok(server)
    }

    /// Makes the state of a lane without requests.
    #[must_use]
    pub fn of(
        mut settings: Settings,
        inputs: FromFronts,
        (output, encode): (ToFronts, Option<(Input, Output)>),
        connect: OwnedFd,
        client_sockets: Option<OwnedFd>,
    ) -> Self {
        let (from_encode, to_encode) = encode.unzip();
        Self {
            inputs,
            lost_fronts: Vec::new(),
            from_encode,
            next_encode: None,
            client_sockets,
            upstream: Upstream::new(&settings, connect),
            shared: Shared::new(output, to_encode, settings.lane_response_bytes_max),
            policies: Policies::of(&mut settings),
            settings,
            streams: Streams::default(),
            clients: Clients::default(),
            heap: HeapTrimmer::default(),
            is_draining: false,
            is_for_cache: false,
        }
    }

    /// Watches the peers.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn watch(&self, event_loop: &EventLoop) -> Result<(), rustix::io::Errno> {
        self.inputs.watch(event_loop, token::of(token::INPUT))?;
        event_loop.add(self.upstream.connect_fd(), token::of(token::CONNECT), Interest::IN)?;
        if let Some(encode) = &self.from_encode {
            event_loop.add(encode, token::of(token::ENCODE), Interest::IN)?;
        }
        let clients = self.client_sockets.as_ref();
        clients.map_or(Ok(()), |clients| event_loop.add(clients, token::of(token::CLIENTS), Interest::IN))
    }

    /// Lends the parts to the handlers of an event.
    pub(crate) fn parts<'a>(
        &'a mut self,
        event_loop: &'a EventLoop,
        counters: &'a Counters,
    ) -> (&'a mut FromFronts, Option<&'a OwnedFd>, &'a mut Streams, Lane<'a>) {
        let Self { inputs, client_sockets, settings, policies, streams, upstream, clients, shared, .. } = self;
        let context = Context { event_loop, counters, shared };
        (inputs, client_sockets.as_ref(), streams, Lane { settings, policies, upstream, clients, context })
    }

    /// Passes an event on to its handler.
    ///
    /// # Errors
    /// [`Gone`] where a peer is, or has broken the protocol.
    pub fn take(&mut self, event: Event, event_loop: &EventLoop, counters: &Counters) -> Result<(), Gone> {
        let (kind, key) = Key::of_token(event.token);
        if kind == token::ENCODE {
            self.take_credit(event_loop, counters);
            return Ok(());
        }
        let (inputs, client_sockets, streams, mut lane) = self.parts(event_loop, counters);
        match kind {
            token::INPUT => {
                let Some((slots, input)) = inputs.of(event.token) else { return Ok(()) };
                if let Err(gone) = on_frames(input, client_sockets, streams, &mut lane) {
                    self.lose_front(slots, gone, event_loop, counters)?;
                }
            }
            token::CLIENTS => {
                let taken = client_sockets.map_or(Ok(()), |fd| on_client_sockets(fd, streams, &mut lane));
                taken.or_else(|gone| self.lose_client_sockets(gone, event_loop, counters))?;
            }
            token::CONNECT => {
                while let Some(news) = lane.upstream.next_event(&lane.context)? {
                    lane.supplied(streams, news);
                }
            }
            token::CACHE => on_cache(streams, &mut lane),
            token::CONNECTION => on_backend(key, event, streams, &mut lane),
            token::CLIENT => on_client(event.token, streams, &mut lane),
            token::PASSWORDS => lane.on_passwords(streams),
            // Output, watched while a write is blocked: every turn ends with one.
            _ => {}
        }
        Ok(())
    }

    /// Takes what encode grants.
    fn take_credit(&mut self, event_loop: &EventLoop, counters: &Counters) {
        // It is needed beside the parts, which are lent out of the same.
        let Some(mut encode) = self.from_encode.take() else { return };
        let (_, _, streams, mut lane) = self.parts(event_loop, counters);
        let taken = on_credit(&mut encode, streams, &mut lane);
        self.from_encode = Some(encode);
        if let Err(gone) = taken {
            self.lose_encode(gone, event_loop, counters);
        }
    }

    /// Ends the requests and idle connections whose time is over.
    pub(crate) fn end_overdue(&mut self, event_loop: &EventLoop, counters: &Counters) {
        let (_, _, streams, mut lane) = self.parts(event_loop, counters);
        lane.end_overdue_streams(streams);
        lane.upstream.close_overdue(&lane.context);
        for news in lane.upstream.look_at_others(&lane.context) {
            lane.supplied(streams, news);
        }
    }

    /// Looks after the servers, slow clients and the memory.
    pub(crate) fn tick(&mut self, event_loop: &EventLoop, counters: &Counters) {
        counters.set(count::BUFFERED_BYTES, self.shared.buffered_bytes);
        counters.set(count::AHEAD_BYTES, self.shared.ahead.bytes());
        counters.set(count::STREAMS, u64::try_from(self.streams.len()).unwrap_or(0));
        if self.heap.should_trim() {
            fosse_sys::memory::trim();
        }
        let (_, _, streams, mut lane) = self.parts(event_loop, counters);
        slow_clients::read_ahead(streams, &mut lane);
        lane.drop_overdue_copies();
        for news in lane.upstream.tick(&lane.context) {
            lane.supplied(streams, news);
        }
    }

    /// Writes what the turn brought: once to each backend, once to parse.
    ///
    /// # Errors
    /// [`Gone`] where parse is.
    pub fn flush(&mut self, event_loop: &EventLoop, counters: &Counters) -> Result<(), Gone> {
        let (_, _, streams, mut lane) = self.parts(event_loop, counters);
        slow_clients::make_room(streams, &mut lane);
        lane.send_requests(streams);
        lane.context.shared.logins.flush(event_loop);
        counters.set(STREAM_CONNECTION, 0);
        self.shared.lease_bytes_left = limits::LEASE_TURN_ALL_BYTES_MAX;
        if let Some(cache) = &mut self.shared.cache {
            cache.flush(event_loop);
        }
        let encode = self.shared.to_encode.as_mut();
        if let Some(Err(gone)) = encode.map(|encode| encode.flush(event_loop, token::of(token::TO_ENCODE))) {
            self.lose_encode(gone, event_loop, counters);
        }
        if !self.lost_fronts.is_empty() {
            self.end_streams_of_lost(counters, event_loop);
        }
        let lost = self.shared.output.flush(event_loop, token::of(token::OUTPUT))?;
        lost.into_iter().for_each(|slots| self.note_lost(slots));
        Ok(())
    }

    /// Returns the way in which the program ends that has lost a peer: with nothing under way that
    /// is a clean end, and where it asks for a cache always, which is replaced at each reload.
    fn exit_reason(&self, process: &Process, gone: Gone) -> ExitReason {
        // A turn has several peers: one may be found gone with the frames of another just worked
        // on.
        if gone.is_departure() {
            process.counters.set(STREAM_CONNECTION, 0);
        }
        if gone == Gone::End && (self.is_draining || self.streams.is_empty())
            || gone.is_departure() && self.is_for_cache
        {
            return ExitReason::Done;
        }
        ExitReason::Failed(format!("lane: {gone}"))
    }
}

impl Service for Server {
    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        let now_ms = process.event_loop.now_ms();
        let (streams, connections) = (self.shared.deadlines.wait_ms(now_ms), self.upstream.wait_ms(now_ms));
        streams.into_iter().chain(connections).min()
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        let done = self.take(event, &process.event_loop, &process.counters);
        done.map_err(|gone| self.exit_reason(process, gone))
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain => {
                self.is_draining = true;
                process.counters.set(DRAINING, 1);
                Ok(())
            }
            Order::End => Err(self.exit_reason(process, Gone::End)),
            Order::Give(ToChild::Passwords { .. }, fd) => {
                let (_, _, streams, mut lane) = self.parts(&process.event_loop, &process.counters);
                lane.on_password_session(fd, streams);
                Ok(())
            }
            Order::Give(ToChild::Cache { .. }, fd) => {
                let (_, _, streams, mut lane) = self.parts(&process.event_loop, &process.counters);
                begin_cache(fd, streams, &mut lane);
                Ok(())
            }
            Order::Give(ToChild::Encode { writes: false, .. }, fd) => {
                self.next_encode = Some(fd);
                Ok(())
            }
            Order::Give(ToChild::Encode { writes: true, .. }, writes) => {
                let Some(reads) = self.next_encode.take() else { return Err(ExitReason::broken_protocol("start")) };
                Ok(self.begin_encode((reads, writes), &process.event_loop, &process.counters)?)
            }
            // Orders for other programs.
            Order::Tell(_) | Order::Give(..) => Ok(()),
        }
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.tick(&process.event_loop, &process.counters);
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.end_overdue(&process.event_loop, &process.counters);
        let flushed = self.flush(&process.event_loop, &process.counters);
        flushed.map_err(|gone| self.exit_reason(process, gone))
    }
}
