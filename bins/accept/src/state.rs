//! The state of fosse-accept: the admission, the connections, and the lanes that hold them.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::OwnedFd;

use fosse_eventloop::EventLoop;
use fosse_settings::Accept;
use fosse_source::Source;
use fosse_wire::channel::{Connection, Kind};

use crate::PROGRAM;
use crate::admission::Admission;
use crate::connections::Connections;
use crate::lane_channels::{Gone, LaneChannels, Pending};
use crate::lanes::Lanes;
use crate::limits::LIST_WAIT_MS;
use crate::listeners::Listeners;
use crate::way::Way;

/// The tables, and the connections between them.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) admission: Admission,
    pub(crate) listeners: Listeners,
    pub(crate) lanes: Lanes,
    pub(crate) channels: LaneChannels,
    pub(crate) connections: Connections,
    /// Accepted or given back, and no lane has them yet.
    pub(crate) waiting: VecDeque<Pending>,
    pub(crate) listing: Listing,
    /// Leaving, at the latest at this time: the lanes stay, and another accept takes over.
    pub(crate) leaving_until_ms: Option<u64>,
    /// The kernel was out of room for descriptors under way: nothing is sent before the next tick.
    pub(crate) congested: bool,
}

impl State {
    pub(crate) fn new(settings: Accept) -> Self {
        Self {
            admission: Admission::new(settings),
            listeners: Listeners::default(),
            lanes: Lanes::default(),
            channels: LaneChannels::default(),
            connections: Connections::default(),
            waiting: VecDeque::new(),
            listing: Listing::default(),
            leaving_until_ms: None,
            congested: false,
        }
    }

    /// Has all lanes refuse a source until that time.
    pub(crate) fn penalise_everywhere(&mut self, source: Source, until_ms: u64) {
        let Some(network) = source.networks().next() else { return };
        for way in self.channels.ways() {
            self.channels.tell(way, Kind::Penalised, network, until_ms);
        }
    }

    /// Tells a new lane of the sources that are penalised, and has it told of all that have much.
    pub(crate) fn brief(&mut self, way: Way) {
        for (source, until_ms) in self.admission.penalties() {
            let network = source.networks().next();
            network.into_iter().for_each(|network| self.channels.tell(way, Kind::Penalised, network, until_ms));
        }
        self.admission.shares.tell_again();
    }

    /// Puts what has changed of networks that have much into words for the lanes.
    pub(crate) fn share_news(&mut self) {
        let Self { admission, channels, connections, .. } = self;
        let mut shares = std::mem::take(&mut admission.shares);
        let changed = connections.take_changed(!shares.is_empty());
        changed.into_iter().for_each(|network| shares.direct_changed(network));
        let direct = |network| u64::from(connections.of(network));
        // Fronts count clients that proxies name, whichever door they came by.
        let fronts: Vec<Way> = channels.ways().into_iter().filter(|way| way.door.is_front()).collect();
        for news in shares.news(&fronts, |network| admission.lowest_limit(network), direct) {
            channels.tell(news.front, Kind::Elsewhere, news.network, news.count);
        }
        admission.shares = shares;
    }

    /// Takes back a connection that a lane has not read, as this accept or one before has sent it.
    /// Returns whether another lane may have it: not that of a source that has got a penalty since.
    pub(crate) fn take_unread(&mut self, sent: Connection, fd: OwnedFd, way: Way, now_ms: u64) -> bool {
        let known = self.connections.held(sent.id, way);
        match known {
            Some(_) => {
                self.connections.give(sent.id, Way::NONE);
                self.lanes.closed(way.lane);
            }
            None if !self.admission.reconsider(sent).is_some_and(|one| self.connections.add(one, Way::NONE)) => {
                return false;
            }
            None => {}
        }
        let Some(connection) = self.connections.held(sent.id, Way::NONE) else { return false };
        if self.admission.is_penalised(&connection, now_ms) {
            self.connections.close(sent.id, Way::NONE);
            return false;
        }
        self.waiting.push_back(Pending { connection, fd });
        true
    }

    /// Forgets a way and all it held; what it was still to get goes to others.
    pub(crate) fn lose(&mut self, event_loop: &EventLoop, way: Way, why: Gone) {
        for pending in self.channels.remove(event_loop, way) {
            self.lanes.closed(way.lane);
            self.connections.give(pending.connection.id, Way::NONE);
            self.waiting.push_back(pending);
        }
        let lost = self.connections.lose(way);
        self.lanes.remove(way, lost);
        self.listing.remove(way);
        if way.door.is_front() {
            self.admission.shares.lose(way);
        }
        // At each reload all lanes end, most of them with nothing left.
        if lost > 0 || why != Gone::Ended {
            fosse_die::info(PROGRAM, format_args!("{way} gone connections={lost} reason=\"{why}\""));
        }
    }
}

/// Ways that lived before this process and have not yet said what they hold.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    ways: BTreeSet<Way>,
    deadline_ms: u64,
}

impl Listing {
    /// Expects a lane to say what it holds.
    pub(crate) fn add(&mut self, way: Way, now_ms: u64) {
        self.ways.insert(way);
        self.deadline_ms = now_ms.saturating_add(LIST_WAIT_MS);
    }

    /// The lane has said all, or is gone.
    pub(crate) fn remove(&mut self, way: Way) {
        self.ways.remove(&way);
    }

    /// Returns whether the lane is still saying what it holds.
    pub(crate) fn contains(&self, way: Way) -> bool {
        self.ways.contains(&way)
    }

    /// Returns whether all connections are counted that can be, so that limits hold.
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        self.ways.is_empty() || now_ms >= self.deadline_ms
    }
}
