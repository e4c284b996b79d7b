//! The SEQPACKET channels of each lane, one for each door: batches down, records up, never waiting
//! for either.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_eventloop::{EventLoop, Interest};
use fosse_fdpass::{Fit, Received, send};
use fosse_source::Network;
use fosse_wire::WireError;
use fosse_wire::channel::{
    BATCH_FDS_MAX, Connection, Kind, MESSAGE_BYTES_MAX, Message, Tally, decode, encode, encode_tallies,
};
use rustix::io::Errno;
use rustix::net::sockopt;

use crate::limits::CHANNEL_BUFFER_BYTES;
use crate::way::Way;

/// Token of a way is this plus its number.
pub(crate) const FIRST_TOKEN: u64 = 1 << 40;

/// A connection with its descriptor, on its way to a lane.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The record that the lane is sent.
    pub(crate) connection: Connection,
    /// The client's socket.
    pub(crate) fd: OwnedFd,
}

/// The reason that a batch did not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// The lane has not read what it was sent before.
    Full,
    /// The kernel is out of memory, or too many descriptors of this UID are under way.
    Exhausted,
    /// The lane is gone.
    Gone,
}

/// The reason for which a lane is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It has ended.
    Ended,
    /// It said something that is not in their conversation.
    Broken(&'static str),
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "ended",
            Self::Broken(how) => how,
        })
    }
}

/// The result of a read from a lane.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message, with its descriptors.
    Message(Message, Vec<OwnedFd>),
    /// No more for now.
    Nothing,
    /// Nothing more ever.
    Gone(Gone),
}

/// All channels, by their way.
#[derive(Debug, Default)]
pub(crate) struct LaneChannels {
    channels: BTreeMap<Way, Channel>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Channel {
    fd: OwnedFd,
    batch: Vec<Pending>,
    /// The last word on each network, which the lane is to hear before the next connections.
    tallies: BTreeMap<(u8, Network), u64>,
    watched: Interest,
}

/// Records in one message about networks.
const TALLIES_COUNT: usize = 200;

impl LaneChannels {
    /// Adds a channel.
    pub(crate) fn add(&mut self, event_loop: &EventLoop, way: Way, fd: OwnedFd) -> Result<(), Errno> {
        sockopt::set_socket_send_buffer_size(&fd, CHANNEL_BUFFER_BYTES)?;
        event_loop.add(&fd, token(way), Interest::IN)?;
        self.channels.insert(way, Channel { fd, batch: Vec::new(), tallies: BTreeMap::new(), watched: Interest::IN });
        Ok(())
    }

    /// Removes the channel of a lane; returns what was still to be sent to it.
    pub(crate) fn remove(&mut self, event_loop: &EventLoop, way: Way) -> Vec<Pending> {
        let Some(channel) = self.channels.remove(&way) else { return Vec::new() };
        let _ = event_loop.remove(&channel.fd);
        channel.batch
    }

    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Returns all ways.
    pub(crate) fn ways(&self) -> Vec<Way> {
        self.channels.keys().copied().collect()
    }

    /// Adds a connection to the lane's next batch; gives it back where there is no such lane.
    pub(crate) fn enqueue(&mut self, way: Way, pending: Pending) -> Result<(), Pending> {
        match self.channels.get_mut(&way) {
            Some(channel) => {
                channel.batch.push(pending);
                Ok(())
            }
            None => Err(pending),
        }
    }

    /// Adds a word on a network to what the lane hears next.
    pub(crate) fn tell(&mut self, way: Way, kind: Kind, network: Network, number: u64) {
        if let Some(channel) = self.channels.get_mut(&way) {
            channel.tallies.insert((kind as u8, network), number);
        }
    }

    /// Returns whether a connection is on a batch.
    pub(crate) fn has_pending(&self) -> bool {
        self.channels.values().any(|channel| !channel.batch.is_empty())
    }

    /// Sends the lane's batch. Returns the number that went, accept's copies of which are closed,
    /// and those that could not, with the reason.
    pub(crate) fn flush(&mut self, way: Way) -> (usize, Option<(Undelivered, Vec<Pending>)>) {
        let mut sent = 0_usize;
        let Some(channel) = self.channels.get_mut(&way) else { return (sent, None) };
        if let Err(errno) = send_tallies(channel, &mut self.bytes) {
            return (sent, Some((undelivered(errno), std::mem::take(&mut channel.batch))));
        }
        while !channel.batch.is_empty() {
            let len = channel.batch.len().min(BATCH_FDS_MAX);
            let (records, fds): (Vec<Connection>, Vec<BorrowedFd<'_>>) =
                channel.batch.iter().take(len).map(|one| (one.connection, one.fd.as_fd())).unzip();
            encode(&mut self.bytes, Kind::Connections, &records);
            if let Err(errno) = send(&channel.fd, &self.bytes, &fds) {
                return (sent, Some((undelivered(errno), std::mem::take(&mut channel.batch))));
            }
            channel.batch.drain(..len).for_each(drop);
            sent += len;
        }
        (sent, None)
    }

    /// Requests a list of what the lane holds; returns false where the request cannot be sent.
    pub(crate) fn request_list(&mut self, way: Way) -> bool {
        encode(&mut self.bytes, Kind::List, &[]);
        self.channels.get(&way).is_some_and(|channel| send(&channel.fd, &self.bytes, &[]).is_ok())
    }

    /// Asks a lane to end that many idle connections. One that cannot be sent is lost: the next
    /// client asks again.
    pub(crate) fn relieve(&mut self, way: Way, count: usize) {
        encode(&mut self.bytes, Kind::Relieve, &vec![Connection::default(); count.min(BATCH_FDS_MAX)]);
        if let Some(channel) = self.channels.get(&way) {
            let _ = send(&channel.fd, &self.bytes, &[]);
        }
    }

    /// Receives one message from a lane.
    pub(crate) fn receive(&mut self, way: Way) -> Heard {
        let Some(channel) = self.channels.get(&way) else { return Heard::Nothing };
        let (message, fds) = match next_of(&channel.fd, &mut self.bytes) {
            Ok(Some(next)) => next,
            Ok(None) => return Heard::Nothing,
            Err(gone) => return Heard::Gone(gone),
        };
        match message {
            Ok(Message {
                kind: Kind::Connections | Kind::List | Kind::Relieve | Kind::Elsewhere | Kind::Penalised,
                ..
            }) => Heard::Gone(Gone::Broken("message of the other direction")),
            Ok(message) => Heard::Message(message, fds),
            Err(_) => Heard::Gone(Gone::Broken("malformed message")),
        }
    }

    /// Receives the connections that are still in the channel of a lane which is gone, through the
    /// end that it has read.
    pub(crate) fn receive_rest(&mut self, fd: &OwnedFd) -> Vec<(Connection, OwnedFd)> {
        let mut rest = Vec::new();
        while let Ok(Some((message, fds))) = next_of(fd, &mut self.bytes) {
            // Others are words to that lane alone.
            let connections = message.ok().filter(|message| message.kind == Kind::Connections);
            rest.extend(connections.into_iter().flat_map(|message| message.connections).zip(fds));
        }
        rest
    }

    /// Watches a lane for what is wanted now: reading unless too many connections wait, room only
    /// while it is full.
    pub(crate) fn watch(&mut self, event_loop: &EventLoop, way: Way, reading: bool, room: bool) {
        let Some(channel) = self.channels.get_mut(&way) else { return };
        let mut wanted = Interest::empty();
        wanted.set(Interest::IN, reading);
        wanted.set(Interest::OUT, room);
        if wanted != channel.watched && event_loop.modify(&channel.fd, token(way), wanted).is_ok() {
            channel.watched = wanted;
        }
    }
}

/// Sends what a lane is to hear of networks.
fn send_tallies(channel: &mut Channel, bytes: &mut Vec<u8>) -> Result<(), Errno> {
    for kind in [Kind::Elsewhere, Kind::Penalised] {
        let waiting = |tallies: &BTreeMap<(u8, Network), u64>| {
            let of_kind = tallies.iter().filter(|((of, _), _)| *of == kind as u8);
            of_kind.map(|((_, network), number)| (*network, *number)).take(TALLIES_COUNT).collect::<Vec<_>>()
        };
        loop {
            let batch = waiting(&channel.tallies);
            if batch.is_empty() {
                break;
            }
            let tally = |(network, number): &(Network, u64)| {
                let (address, bits) = network.parts();
                Tally { address, bits, number: *number }
            };
            encode_tallies(bytes, kind, &batch.iter().map(tally).collect::<Vec<_>>());
            send(&channel.fd, bytes, &[])?;
            for (network, _) in batch {
                channel.tallies.remove(&(kind as u8, network));
            }
        }
    }
    Ok(())
}

/// A message, where it is one, and the descriptors that have come with it.
type Next = (Result<Message, WireError>, Vec<OwnedFd>);

/// Receives the next message of a channel, whatever its direction; `None` where there is none now.
fn next_of(fd: &OwnedFd, bytes: &mut Vec<u8>) -> Result<Option<Next>, Gone> {
    let mut fds = Vec::new();
    bytes.resize(MESSAGE_BYTES_MAX, 0);
    let (len, fit) = match fosse_fdpass::receive_what_fits(fd, bytes, &mut fds) {
        Ok((Received::Message(len), fit)) => (len, fit),
        Ok((Received::Nothing, _)) => return Ok(None),
        Ok((Received::End, _)) => return Err(Gone::Ended),
        Err(_) => return Err(Gone::Broken("unreadable message")),
    };
    let sent = if fit == Fit::Whole { fds.len() } else { fosse_wire::channel::count(len) };
    Ok(Some((decode(&bytes[..len], sent), fds)))
}

fn token(way: Way) -> u64 {
    FIRST_TOKEN + way.number()
}

fn undelivered(errno: Errno) -> Undelivered {
    match errno {
        Errno::AGAIN => Undelivered::Full,
        Errno::NOBUFS | Errno::NOMEM | Errno::TOOMANYREFS => Undelivered::Exhausted,
        _ => Undelivered::Gone,
    }
}
