//! fd 8, to fosse-accept: connections come, idle ones go back, and accept hears of the end of each.

use std::os::fd::{BorrowedFd, OwnedFd};

use fosse_counters::Counters;
use fosse_die::warning;
use fosse_eventloop::EventLoop;
use fosse_fdpass::{Fit, Received};
use fosse_wire::channel::{self, Connection, Tally};
use rustix::io::Errno;

/// Connections in one CLOSED or OPEN message.
const RECORDS_MAX: usize = 200;

/// The channel to fosse-accept, with what accept has not been sent yet.
#[derive(Debug, Default)]
pub struct AcceptChannel {
    fd: Option<OwnedFd>,
    /// The rest of the reply to LIST; `None` when accept has not asked, or has all of it.
    open: Option<Vec<Connection>>,
    closed: Vec<Connection>,
    /// The shares of clients that trusted proxies name.
    shares: Vec<Tally>,
    /// Offences of clients that make a penalty if they go on.
    offences: Vec<Tally>,
}

/// A message of fosse-accept.
#[derive(Debug)]
pub enum FromAccept {
    /// New connections, and the number of those that there was no descriptor for: they are closed,
    /// and accept is to hear of it.
    Connections(Vec<(Connection, OwnedFd)>, usize),
    /// A fosse-accept that has been restarted asks for the connections there are.
    List,
    /// That many idle connections are to make room for new ones.
    Relieve(usize),
    /// The numbers of clients in the rest of the edge.
    Elsewhere(Vec<Tally>),
    /// Sources that are refused from now on.
    Penalised(Vec<Tally>),
}

/// Reports connections that there was no descriptor for, and adds them to `counter`: they are
/// reset, and the others go on.
pub fn report_lost(program: &str, connections: usize, counter: usize, counters: &Counters) {
    if connections > 0 {
        counters.add(counter, u64::try_from(connections).unwrap_or(0));
        let cure = "raise the hard limit of descriptors (LimitNOFILE, ulimit -Hn)";
        warning(program, format_args!("event=no-descriptor connections={connections} cure=\"{cure}\""));
    }
}

impl AcceptChannel {
    /// Takes over the descriptor, where there is one.
    pub const fn new(fd: Option<OwnedFd>) -> Self {
        Self { fd, open: None, closed: Vec::new(), shares: Vec::new(), offences: Vec::new() }
    }

    /// Returns the descriptor to watch; `None` once accept is gone.
    pub const fn fd(&self) -> Option<&OwnedFd> {
        self.fd.as_ref()
    }

    /// Receives one message through `buffer`; `None` where there is none now, or accept is gone.
    ///
    /// # Errors
    /// What recvmsg(2) says.
    pub fn receive(&mut self, buffer: &mut [u8], event_loop: &EventLoop) -> Result<Option<FromAccept>, Errno> {
        let Some(fd) = &self.fd else { return Ok(None) };
        let buffer = &mut buffer[..channel::MESSAGE_BYTES_MAX];
        let mut fds: Vec<OwnedFd> = Vec::new();
        let message = match fosse_fdpass::receive_what_fits(fd, buffer, &mut fds)? {
            (Received::Message(length), Fit::Whole) => channel::decode(&buffer[..length], fds.len()).ok(),
            (Received::Message(length), Fit::Short) => channel::decode(&buffer[..length], channel::count(length)).ok(),
            (Received::Nothing, _) => return Ok(None),
            (Received::End, _) => None,
        };
        match message {
            Some(message) if message.kind == channel::Kind::Connections => {
                let lost = message.connections.get(fds.len()..).unwrap_or_default();
                self.closed.extend_from_slice(lost);
                let lost = lost.len();
                Ok(Some(FromAccept::Connections(message.connections.into_iter().zip(fds).collect(), lost)))
            }
            Some(message) if message.kind == channel::Kind::List => Ok(Some(FromAccept::List)),
            Some(message) if message.kind == channel::Kind::Relieve => {
                Ok(Some(FromAccept::Relieve(message.connections.len())))
            }
            Some(message) if message.kind == channel::Kind::Elsewhere => {
                Ok(Some(FromAccept::Elsewhere(message.tallies)))
            }
            Some(message) if message.kind == channel::Kind::Penalised => {
                Ok(Some(FromAccept::Penalised(message.tallies)))
            }
            // It is gone, or breaks the protocol. No connection comes any more, and those that are
            // here are served to their end.
            _ => {
                self.lose(event_loop);
                Ok(None)
            }
        }
    }

    fn lose(&mut self, event_loop: &EventLoop) {
        if let Some(fd) = self.fd.take() {
            // Nothing is watched that is closed; where this fails it was not watched.
            let _ = event_loop.remove(&fd);
        }
        self.open = None;
        self.closed.clear();
        self.shares.clear();
        self.offences.clear();
    }

    /// Replies to LIST with the connections there are, once there is room for it.
    pub fn list(&mut self, open: Vec<Connection>) {
        self.open = Some(open);
    }

    /// Notes the end of a connection for accept.
    pub fn note_closed(&mut self, record: Connection) {
        self.closed.push(record);
    }

    /// Notes what clients have here, as far as accept is to hear of it.
    pub fn note_shares(&mut self, shares: Vec<Tally>) {
        self.shares.extend(shares);
    }

    /// Notes what makes a penalty if it goes on.
    pub fn note_offences(&mut self, offences: Vec<Tally>) {
        self.offences.extend(offences);
    }

    /// Returns whether accept has heard of every end.
    pub const fn has_sent_all(&self) -> bool {
        self.closed.is_empty()
    }

    /// Sends what accept has not been sent yet. What it cannot take now it gets in a later turn.
    pub fn send(&mut self, event_loop: &EventLoop) {
        // The end of a connection comes after the message that it is there.
        let sent = self.send_open().and_then(|()| self.send_closed()).and_then(|()| self.send_tallies());
        if sent.is_err_and(|errno| errno != Errno::AGAIN) {
            self.lose(event_loop);
        }
    }

    /// OPEN, batched; an empty one is the last.
    fn send_open(&mut self) -> Result<(), Errno> {
        let mut bytes = Vec::new();
        while let (Some(fd), Some(open)) = (&self.fd, &mut self.open) {
            let count = open.len().min(RECORDS_MAX);
            channel::encode(&mut bytes, channel::Kind::Open, &open[..count]);
            fosse_fdpass::send(fd, &bytes, &[])?;
            if count == 0 {
                self.open = None;
            } else {
                open.drain(..count);
            }
        }
        Ok(())
    }

    /// CLOSED, batched.
    fn send_closed(&mut self) -> Result<(), Errno> {
        let Some(fd) = &self.fd else {
            // Nobody is left who would want to know.
            self.closed.clear();
            return Ok(());
        };
        let mut bytes = Vec::new();
        while !self.closed.is_empty() {
            let count = self.closed.len().min(RECORDS_MAX);
            channel::encode(&mut bytes, channel::Kind::Closed, &self.closed[..count]);
            fosse_fdpass::send(fd, &bytes, &[])?;
            self.closed.drain(..count);
        }
        Ok(())
    }

    /// SHARES and OFFENCES, batched.
    fn send_tallies(&mut self) -> Result<(), Errno> {
        let Some(fd) = &self.fd else {
            self.shares.clear();
            self.offences.clear();
            return Ok(());
        };
        let all = [(channel::Kind::Shares, &mut self.shares), (channel::Kind::Offences, &mut self.offences)];
        for (kind, tallies) in all {
            let mut bytes = Vec::new();
            while !tallies.is_empty() {
                let count = tallies.len().min(RECORDS_MAX);
                channel::encode_tallies(&mut bytes, kind, &tallies[..count]);
                fosse_fdpass::send(fd, &bytes, &[])?;
                tallies.drain(..count);
            }
        }
        Ok(())
    }

    /// Gives idle connections back, at most [`channel::BATCH_FDS_MAX`]: accept finds them another
    /// lane. Returns whether it has taken them.
    pub fn give_back<'a>(&self, idle: impl Iterator<Item = (Connection, BorrowedFd<'a>)>) -> bool {
        let Some(fd) = &self.fd else { return false };
        let (records, fds): (Vec<Connection>, Vec<BorrowedFd<'_>>) = idle.unzip();
        let mut bytes = Vec::new();
        channel::encode(&mut bytes, channel::Kind::Return, &records);
        fosse_fdpass::send(fd, &bytes, &fds).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (AcceptChannel, OwnedFd) {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        (AcceptChannel::new(Some(ours)), theirs)
    }

    fn next(theirs: &OwnedFd) -> Option<channel::Message> {
        let (mut bytes, mut fds) = ([0; channel::MESSAGE_BYTES_MAX], Vec::new());
        match fosse_fdpass::receive(theirs, &mut bytes, &mut fds).unwrap() {
            Received::Message(length) => Some(channel::decode(&bytes[..length], fds.len()).unwrap()),
            _ => None,
        }
    }

    fn record(id: u64) -> Connection {
        Connection { id, ..Connection::default() }
    }

    #[test]
    fn the_end_of_a_connection_is_sent_after_the_list_that_has_it() {
        let (mut channel, theirs) = pair();
        channel.list(vec![record(1)]);
        channel.note_closed(record(1));
        channel.send(&EventLoop::new().unwrap());
        let kinds: Vec<_> = core::iter::from_fn(|| next(&theirs)).map(|m| (m.kind, m.connections.len())).collect();
        assert_eq!(kinds, [(channel::Kind::Open, 1), (channel::Kind::Open, 0), (channel::Kind::Closed, 1)]);
        assert!(channel.has_sent_all());
    }

    #[test]
    fn an_accept_that_is_gone_or_breaks_the_protocol_is_lost_and_nothing_waits_for_it() {
        let event_loop = EventLoop::new().unwrap();
        let (mut channel, theirs) = pair();
        fosse_fdpass::send(&theirs, b"nonsense", &[]).unwrap();
        channel.note_closed(record(1));
        let mut buffer = [0; channel::MESSAGE_BYTES_MAX];
        assert!(channel.receive(&mut buffer, &event_loop).unwrap().is_none());
        assert!(channel.fd().is_none() && channel.has_sent_all());
        let (mut channel, theirs) = pair();
        drop(theirs);
        channel.note_closed(record(1));
        channel.send(&event_loop);
        assert!(channel.fd().is_none() && channel.has_sent_all());
    }
}
