//! The services: the programs that an edge has one of, and how each is started.

pub(crate) mod acme;
mod acme_kept;
pub(crate) mod bound;
pub(crate) mod cache;
pub(crate) mod cache_disk;
pub(crate) mod files;
pub(crate) mod logs;
pub(crate) mod passwords;
pub(crate) mod prober;
pub(crate) mod questions;
pub(crate) mod renewals;
pub(crate) mod resolve;
pub(crate) mod server_states;
pub(crate) mod shares;
pub(crate) mod source_rates;
pub(crate) mod spool;
pub(crate) mod ticket_seed;

use std::os::fd::{BorrowedFd, OwnedFd};

use fosse_die::{Escaped, alert};
use fosse_eventloop::slab::Key;
use fosse_plan::{Plan, SpoolPlan};
use fosse_sys::openat2::Openat2Error;
use fosse_wire::{launch::Program, start::Stream};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use self::bound::BoundServices;
use crate::{
    PROGRAM,
    children::{
        Children,
        delivered::{Delivered, Subject},
        process::Process,
    },
    lanes::{Lanes, beside},
    launch::{launcher::SpawnContext, spawn::spawn, spawn_options::SpawnOptions},
    sockets::socket::Open,
};

/// The programs that an edge has one of.
#[derive(Debug, Default)]
pub(crate) struct Services {
    pub log: Option<Key>,
    pub status: Option<Key>,
    pub store: Option<Key>,
    /// The store and the status are of the programs before an upgrade.
    pub outdated: bool,
    pub spool: Option<Key>,
    /// The place of the spool's file; `None` where it is of the programs before an upgrade.
    pub spool_place: Option<SpoolPlan>,
    pub accept: Option<Key>,
    /// The accept that is to take its place once the lanes of a reload serve.
    pub next_accept: Option<Key>,
    /// Counts how often the log files were to be opened again.
    pub log_edition: u64,
    /// The prober that has the configuration in force.
    pub prober: Option<Key>,
    /// Its connect.
    pub prober_connect: Option<Key>,
    /// The programs beside that.
    pub beside_prober: Vec<Key>,
    /// The resolve that has the configuration in force.
    pub resolve: Option<Key>,
    /// The cache that has the configuration in force.
    pub cache: Option<Key>,
    /// The acme that has the configuration in force.
    pub acme: Option<Key>,
    /// Its connect.
    pub acme_connect: Option<Key>,
    /// The parts that outlive it.
    pub acme_kept: acme_kept::AcmeKept,
    /// The cache's dispatch and connect.
    pub fill_lane: Option<[Key; 2]>,
    /// The programs beside that connect.
    pub beside_fill: Vec<Key>,
    /// Those of each generation.
    pub bound: BoundServices,
}

impl Services {
    /// Takes over what a predecessor has started.
    pub(crate) fn adopt(&mut self, key: Key, process: &Process) {
        let (program, is_leaving) = (process.program, process.leaving);
        match program {
            Program::Accept if !is_leaving => self.accept = Some(key),
            Program::Log => self.log = Some(key),
            Program::Status if !is_leaving => self.status = Some(key),
            Program::Store if !is_leaving => self.store = Some(key),
            Program::Prober if !is_leaving => self.prober = Some(key),
            Program::Connect if process.lane.is_none() && !is_leaving => self.prober_connect = Some(key),
            program if beside::is_one(program) && process.lane.is_none() && !is_leaving => self.beside_prober.push(key),
            Program::Resolve if !is_leaving => self.resolve = Some(key),
            Program::Spool if !is_leaving => self.spool = Some(key),
            _ => {}
        }
    }

    /// Forgets a child that is gone.
    pub(crate) fn forget(&mut self, key: Key) {
        self.bound.forget(key);
        let Self { log, status, store, spool, accept, next_accept, prober, prober_connect, resolve, cache, .. } = self;
        let services = [log, status, store, spool, accept, next_accept, prober, prober_connect, resolve, cache];
        for service in services.into_iter().chain([&mut self.acme, &mut self.acme_connect]) {
            if *service == Some(key) {
                *service = None;
            }
        }
    }

    /// Notes an accept that was started: beside one that serves it is the next.
    pub(crate) fn add_accept(&mut self, key: Key) {
        *(if self.accept.is_none() { &mut self.accept } else { &mut self.next_accept }) = Some(key);
    }

    /// Has the store, the status and the spool of the programs in force take the places of those
    /// before an upgrade. The store begins empty: records have no form that both must know.
    pub(crate) fn renew_outdated(&mut self) {
        if std::mem::take(&mut self.outdated) {
            (self.store, self.status) = (None, None);
        }
        if self.spool_place.is_none() {
            self.spool = None;
        }
    }

    /// Returns the spool, if its file is where a plan wants it.
    pub(crate) fn spool_at(&self, wanted: Option<&SpoolPlan>) -> Option<Key> {
        self.spool.filter(|_| self.spool_place.is_none() || self.spool_place.as_ref() == wanted)
    }
}

/// Starts the logger, which writes to start's own descriptors and to the log files of a plan.
pub(crate) fn start_log(
    services: &mut Services,
    children: &mut Children,
    cx: SpawnContext<'_>,
    plan: &Plan,
    directory: Option<BorrowedFd<'_>>,
) {
    let mut delivered = Delivered::default();
    let mut fds = Vec::new();
    for (number, stream) in [(9, Stream::Access), (10, Stream::Audit)] {
        fds.extend(log_file(plan, stream, directory).map(|fd| (number, fd)));
        delivered.note(Subject::LogFile(stream), services.log_edition);
    }
    match fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3) {
        Ok(out) => fds.push((1, out)),
        // It writes to /dev/null then, as every process without a descriptor 1.
        Err(errno) => alert(PROGRAM, format_args!("event=log-file path=stderr error=\"{errno}\"")),
    }
    let options = SpawnOptions { fds, own_stderr: true, delivered, ..SpawnOptions::default() };
    services.log = start(children, cx, Program::Log, options);
}

/// Opens the log file of a stream, if the plan names one. One that cannot be opened is reported,
/// and the rest is logged.
pub(crate) fn log_file(plan: &Plan, stream: Stream, directory: Option<BorrowedFd<'_>>) -> Option<OwnedFd> {
    let path = logs::path(plan, stream)?;
    let opened = directory.ok_or(Errno::NOENT).and_then(|directory| logs::open(directory, path));
    let report = |errno: &Errno| {
        let error = Openat2Error(*errno);
        alert(PROGRAM, format_args!("event=log-file path={} error=\"{error}\"", Escaped(path)));
    };
    opened.inspect_err(report).ok()
}

/// Starts status with its listening sockets, the sums and the states of servers.
pub(crate) fn start_status(
    services: &mut Services,
    children: &mut Children,
    cx: SpawnContext<'_>,
    sockets: &[Option<Open>; 2],
    lanes: &Lanes,
) {
    let open = sockets.iter().zip([8, 9]).filter_map(|(socket, number)| Some((number, socket.as_ref()?)));
    let sockets = open.map(|(number, open)| Ok((number, fcntl_dupfd_cloexec(&open.fd, 3)?)));
    let states = server_states::page_for_status(lanes).map(|page| page.map(|page| (11, page))).transpose();
    let questions = questions::page_for_status(lanes).map(|page| page.map(|page| (12, page))).transpose();
    let renewals = renewals::page_for_status(lanes).map(|page| Ok((13, page)));
    let copies = sockets.chain([children.uncounted.sums().map(|sums| (10, sums))]).chain(states).chain(questions);
    let copies = copies.chain(renewals);
    let fds = match copies.collect::<Result<_, Errno>>() {
        Ok(fds) => fds,
        Err(errno) => return children.not_started(Program::Status, errno, cx.event_loop.now_ms()),
    };
    let options = SpawnOptions { fds, ..SpawnOptions::default() };
    services.status = start(children, cx, Program::Status, options);
}

/// Starts a service. Where it cannot be started it is reported, and missing until the next try.
pub(crate) fn start(
    children: &mut Children,
    cx: SpawnContext<'_>,
    program: Program,
    options: SpawnOptions,
) -> Option<Key> {
    spawn(children, cx, program, options)
        .map_err(|errno| children.not_started(program, errno, cx.event_loop.now_ms()))
        .ok()
}
