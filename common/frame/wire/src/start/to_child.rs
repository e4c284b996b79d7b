//! From start to a child.

use crate::{beside::Beside, door::Door, pipe::Stream, reload::ReloadProgress};

mod layout;

/// From start to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToChild {
    /// Finish what is under way, take nothing new, then exit 0.
    Drain,
    /// accept: a lane is ready; the channel of one of its doors comes along. `connections_max`
    /// bounds what the lane is given by all of them.
    LaneAdd {
        /// Number of the lane, unique over the edge's life.
        lane: u32,
        /// The one of its programs that reads the channel.
        door: Door,
        /// Connections it may have at a time.
        connections_max: u32,
        /// It lived before this accept did: ask it to LIST.
        known: bool,
    },
    /// accept: no new connection to this lane; what it returns goes to others.
    LaneDrain {
        /// Number of the lane.
        lane: u32,
    },
    /// accept: the process that read the channel of this lane is gone; the end that it read comes
    /// along, with what it has not read. Nothing is sent to the lane any more.
    LaneRest {
        /// Number of the lane.
        lane: u32,
        /// The one of its doors.
        door: Door,
    },
    /// accept: a listening socket comes along.
    Listen {
        /// Its index in the configuration.
        listener: u16,
        /// Listeners of older generations are closed when a new one arrives.
        generation: u32,
    },
    /// accept, parse: an address list comes along as a sealed memfd.
    Addresses {
        /// Index of the listener it is for, `u16::MAX` for all.
        listener: u16,
        /// Number of the build of the lists.
        generation: u32,
    },
    /// accept: a process died while it worked on this connection.
    Penalise {
        /// accept's own number of the connection.
        connection: u64,
    },
    /// accept: a process died while it worked for this source, which a trusted proxy has named.
    PenaliseSource {
        /// The word that names it in a counter page.
        source: u64,
    },
    /// accept: the strikes of earlier ones come along as a sealed memfd, one [`ToStart::Strike`]
    /// message after the other.
    Strikes,
    /// log: the reading end of a process's pipe comes along.
    PipeAdd {
        /// The one of its pipes.
        stream: Stream,
        /// Index into [`crate::launch::Program::ALL`].
        program: u8,
        /// Its lane, [`LANE_NONE`] for programs without one.
        lane: u32,
        /// Its process id, for the prefix.
        pid: u32,
    },
    /// log: the file of a stream comes along, in place of the one it had; never that of events.
    LogFile {
        /// The stream whose lines go there.
        stream: Stream,
    },
    /// log: how lines of events are written from now on.
    LogLines {
        /// Those that a process may write in a second; 0 for no limit.
        max: u32,
        /// Each begins with its priority.
        syslog_prefix: bool,
    },
    /// status: the page of a process comes along, read-only.
    PageAdd {
        /// Index into [`crate::launch::Program::ALL`].
        program: u8,
        /// Its lane, [`LANE_NONE`] for programs without one.
        lane: u32,
        /// Its process id.
        pid: u32,
    },
    /// status: the process is gone, and what it has counted is not to be summed up.
    PageDrop {
        /// Its process id.
        pid: u32,
    },
    /// status: the process has ended; its page comes along, to be added to the sums once.
    PageEnd {
        /// Index into [`crate::launch::Program::ALL`].
        program: u8,
        /// Counted from 1 over the edge's life, in the order in which processes end.
        number: u32,
        /// Its process id.
        pid: u32,
    },
    /// status: the state of the last reload; its words come along as a sealed memfd.
    Reload {
        /// Counted from 1 over the edge's life, the first start included.
        number: u32,
        /// Its state.
        progress: ReloadProgress,
        /// Number of the configuration that serves.
        generation: u32,
    },
    /// waf-filter: a socket to fosse-store comes along, in place of the one before. store: a socket
    /// to a filter does.
    Records {
        /// The filter's lane.
        lane: u32,
    },
    /// waf-filter: a socket to fosse-spool comes along, in place of the one before. spool: a socket
    /// to a filter does.
    Spool {
        /// The filter's lane.
        lane: u32,
    },
    /// dispatch: a socket to fosse-password comes along, in place of the one before. password: a
    /// socket to a dispatch does.
    Passwords {
        /// The dispatch's lane.
        lane: u32,
    },
    /// dispatch: a socket to fosse-cache comes along, in place of the one before. cache: a socket
    /// to a dispatch does.
    Cache {
        /// The lane.
        lane: u32,
    },
    /// parse, and whoever sends responses to encode: one of the two descriptors of a socket to
    /// another fosse-encode, in place of the one before. That to read comes first.
    Encode {
        /// The lane.
        lane: u32,
        /// The descriptor is the one to write.
        writes: bool,
    },
    /// tls: a socket to another fosse-keys comes along, in place of the one before; behind CHAINS,
    /// of the set of those.
    Keys {
        /// The lane.
        lane: u32,
    },
    /// connect: a socket to another one of the programs beside it comes along, in place of the one
    /// before.
    Beside {
        /// The program.
        which: Beside,
        /// The lane.
        lane: u32,
    },
    /// tls: the chains of another set of certificates come along as a sealed memfd, and its KEYS
    /// follow. acme: those of the set in force.
    Chains {
        /// The lane, [`LANE_NONE`] for acme.
        lane: u32,
        /// Number of the set, counted from 1 over the edge's life.
        set: u32,
    },
    /// acme: the request for a certificate comes along as a sealed memfd, signed with a new key
    /// that nobody but start's files has; none where no key could be made.
    Csr {
        /// Number of the certificate in the configuration.
        certificate: u16,
        /// errno of the failure, 0 without.
        errno: u16,
    },
    /// acme, behind CSR: an empty memfd for the chain of that certificate comes along.
    ChainRoom {
        /// Number of the certificate.
        certificate: u16,
    },
    /// acme: the chain that it has written was looked at.
    Issued {
        /// Number of the certificate.
        certificate: u16,
        /// It is in force; otherwise nothing was changed.
        taken: bool,
    },
    /// status: a set of certificates is in force; what there is to say of each comes along as a
    /// sealed memfd.
    Certificates {
        /// Number of the set.
        set: u32,
        /// The last CERTIFICATES-WANTED before its files were opened, 0 for none.
        tag: u32,
    },
    /// status: files of certificates are not as they should be, and the set in force stays; why
    /// comes along as a sealed memfd.
    CertificatesRefused {
        /// As that of CERTIFICATES.
        tag: u32,
    },
}
