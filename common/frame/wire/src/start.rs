//! start and its children: messages of exactly 16 bytes, `u8 kind | u8 a | u16 b | u32 c | u64 d`,
//! at most one descriptor.
//!
//! start parses nothing else that a child sends.

use crate::{WireError, message::Raw};

pub use crate::{door::Door, message::MESSAGE_BYTES, pipe::Stream, reload::ReloadProgress, strike::Strike};

/// The lane, in messages, of a program that is in none.
pub const LANE_NONE: u32 = u32::MAX;

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
    /// tls: a socket to another fosse-keys comes along, in place of the one before.
    Keys {
        /// The lane.
        lane: u32,
    },
}

/// From a child to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToStart {
    /// Locked down and serving.
    Ready,
    /// Nothing is under way any more; exit 0 follows.
    Drained,
    /// A zygote or the fork server has started a process, or could not.
    Started {
        /// Token of the launch.
        token: u32,
        /// Process id, 0 where it failed.
        pid: u32,
        /// errno of the failure, 0 without.
        errno: u16,
    },
    /// accept: to be kept for the next one.
    Strike(Strike),
    /// A zygote, before READY: its rules keep records, so its filters need a socket to fosse-store.
    KeepsRecords,
}

const fn narrow(value: u64) -> Result<u32, WireError> {
    if value > u32::MAX as u64 { Err(WireError::Field("pid")) } else { Ok(value as u32) }
}

impl ToChild {
    /// Returns whether a descriptor comes along.
    #[must_use]
    pub(crate) const fn brings_fd(&self) -> bool {
        matches!(
            self,
            Self::LaneAdd { .. }
                | Self::LaneRest { .. }
                | Self::Listen { .. }
                | Self::Addresses { .. }
                | Self::Strikes
                | Self::PipeAdd { .. }
                | Self::LogFile { .. }
                | Self::PageAdd { .. }
                | Self::PageEnd { .. }
                | Self::Reload { .. }
                | Self::Records { .. }
                | Self::Spool { .. }
                | Self::Passwords { .. }
                | Self::Cache { .. }
                | Self::Encode { .. }
                | Self::Keys { .. }
        )
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; MESSAGE_BYTES] {
        match *self {
            Self::Drain => Raw { kind: 1, ..Raw::default() },
            Self::LaneAdd { lane, door, connections_max, known } => {
                Raw { kind: 2, a: u8::from(known), b: door as u16, c: lane, d: u64::from(connections_max) }
            }
            Self::LaneDrain { lane } => Raw { kind: 3, c: lane, ..Raw::default() },
            Self::Listen { listener, generation } => Raw { kind: 4, b: listener, c: generation, ..Raw::default() },
            Self::Addresses { listener, generation } => Raw { kind: 5, b: listener, c: generation, ..Raw::default() },
            Self::Penalise { connection } => Raw { kind: 6, d: connection, ..Raw::default() },
            Self::PipeAdd { stream, program, lane, pid } => {
                Raw { kind: 7, a: stream as u8, b: u16::from(program), c: lane, d: u64::from(pid) }
            }
            Self::PageAdd { program, lane, pid } => Raw { kind: 8, a: program, b: 0, c: lane, d: u64::from(pid) },
            Self::PageDrop { pid } => Raw { kind: 9, d: u64::from(pid), ..Raw::default() },
            Self::Strikes => Raw { kind: 10, ..Raw::default() },
            Self::Records { lane } => Raw { kind: 11, c: lane, ..Raw::default() },
            Self::Reload { number, progress, generation } => {
                Raw { kind: 12, a: progress as u8, b: 0, c: number, d: u64::from(generation) }
            }
            Self::LogFile { stream } => Raw { kind: 13, a: stream as u8, ..Raw::default() },
            Self::LogLines { max, syslog_prefix } => {
                Raw { kind: 14, a: u8::from(syslog_prefix), c: max, ..Raw::default() }
            }
            Self::PenaliseSource { source } => Raw { kind: 15, d: source, ..Raw::default() },
            Self::Spool { lane } => Raw { kind: 16, c: lane, ..Raw::default() },
            Self::Passwords { lane } => Raw { kind: 18, c: lane, ..Raw::default() },
            Self::Cache { lane } => Raw { kind: 19, c: lane, ..Raw::default() },
            Self::Encode { lane, writes } => Raw { kind: 20, a: u8::from(writes), c: lane, ..Raw::default() },
            Self::PageEnd { program, number, pid } => Raw { kind: 17, a: program, b: 0, c: number, d: u64::from(pid) },
            Self::Keys { lane } => Raw { kind: 22, c: lane, ..Raw::default() },
            Self::LaneRest { lane, door } => Raw { kind: 21, b: door as u16, c: lane, ..Raw::default() },
        }
        .encode()
    }

    /// Reads a message that came with `fds` descriptors.
    ///
    /// # Errors
    /// [`WireError::Kind`] for an unknown one, [`WireError::Field`] where the descriptor count is
    /// wrong.
    pub fn decode(bytes: &[u8], fds: usize) -> Result<Self, WireError> {
        let raw = Raw::decode(bytes)?;
        let message = match raw.kind {
            1 => Self::Drain,
            2 => Self::LaneAdd {
                lane: raw.c,
                door: Door::of_number(raw.b)?,
                connections_max: narrow(raw.d)?,
                known: raw.a == 1,
            },
            3 => Self::LaneDrain { lane: raw.c },
            4 => Self::Listen { listener: raw.b, generation: raw.c },
            5 => Self::Addresses { listener: raw.b, generation: raw.c },
            6 => Self::Penalise { connection: raw.d },
            7 => Self::PipeAdd {
                stream: Stream::from_byte(raw.a)?,
                program: u8::try_from(raw.b).map_err(|_| WireError::Field("program"))?,
                lane: raw.c,
                pid: narrow(raw.d)?,
            },
            8 => Self::PageAdd { program: raw.a, lane: raw.c, pid: narrow(raw.d)? },
            9 => Self::PageDrop { pid: narrow(raw.d)? },
            10 => Self::Strikes,
            11 => Self::Records { lane: raw.c },
            12 => Self::Reload { number: raw.c, progress: ReloadProgress::of_byte(raw.a)?, generation: narrow(raw.d)? },
            13 => match Stream::from_byte(raw.a)? {
                Stream::Log => return Err(WireError::Field("stream")),
                stream => Self::LogFile { stream },
            },
            14 => Self::LogLines { max: raw.c, syslog_prefix: raw.a == 1 },
            15 => Self::PenaliseSource { source: raw.d },
            16 => Self::Spool { lane: raw.c },
            17 => Self::PageEnd { program: raw.a, number: raw.c, pid: narrow(raw.d)? },
            18 => Self::Passwords { lane: raw.c },
            19 => Self::Cache { lane: raw.c },
            20 => Self::Encode { lane: raw.c, writes: raw.a == 1 },
            21 => Self::LaneRest { lane: raw.c, door: Door::of_number(raw.b)? },
            22 => Self::Keys { lane: raw.c },
            kind => return Err(WireError::Kind(kind)),
        };
        if fds == usize::from(message.brings_fd()) { Ok(message) } else { Err(WireError::Field("descriptors")) }
    }
}

impl ToStart {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; MESSAGE_BYTES] {
        match *self {
            Self::Ready => Raw { kind: 64, ..Raw::default() },
            Self::Drained => Raw { kind: 65, ..Raw::default() },
            Self::Started { token, pid, errno } => Raw { kind: 66, a: 0, b: errno, c: token, d: u64::from(pid) },
            Self::Strike(strike) => strike.raw(),
            Self::KeepsRecords => Raw { kind: 68, ..Raw::default() },
        }
        .encode()
    }

    /// Reads a message; children never send descriptors here.
    ///
    /// # Errors
    /// [`WireError::Kind`] for an unknown one, layout errors as everywhere.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let raw = Raw::decode(bytes)?;
        match raw.kind {
            64 => Ok(Self::Ready),
            65 => Ok(Self::Drained),
            66 => Ok(Self::Started { token: raw.c, pid: narrow(raw.d)?, errno: raw.b }),
            Strike::KIND => Strike::of_raw(raw).map(Self::Strike),
            68 => Ok(Self::KeepsRecords),
            kind => Err(WireError::Kind(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_comes_back_and_says_whether_a_descriptor_comes_along() {
        let all = [
            ToChild::Drain,
            ToChild::LaneAdd { lane: 70_000, door: Door::Tls, connections_max: 9, known: true },
            ToChild::LaneDrain { lane: 3 },
            ToChild::LaneRest { lane: 3, door: Door::Tls },
            ToChild::Listen { listener: 2, generation: 8 },
            ToChild::Addresses { listener: u16::MAX, generation: 8 },
            ToChild::Penalise { connection: u64::MAX },
            ToChild::PenaliseSource { source: u64::MAX },
            ToChild::Strikes,
            ToChild::PipeAdd { stream: Stream::Audit, program: 3, lane: u32::MAX, pid: 77 },
            ToChild::LogFile { stream: Stream::Access },
            ToChild::LogLines { max: u32::MAX, syslog_prefix: true },
            ToChild::PageAdd { program: 3, lane: 1, pid: 77 },
            ToChild::PageDrop { pid: 77 },
            ToChild::PageEnd { program: 3, number: u32::MAX, pid: 77 },
            ToChild::Records { lane: 4 },
            ToChild::Spool { lane: 4 },
            ToChild::Passwords { lane: 4 },
            ToChild::Cache { lane: 4 },
            ToChild::Encode { lane: 4, writes: false },
            ToChild::Encode { lane: 4, writes: true },
            ToChild::Keys { lane: 4 },
            ToChild::Reload { number: 1, progress: ReloadProgress::Begun, generation: 0 },
            ToChild::Reload { number: u32::MAX, progress: ReloadProgress::FailedForGood, generation: u32::MAX },
        ];
        for message in all {
            let fds = usize::from(message.brings_fd());
            assert_eq!(ToChild::decode(&message.encode(), fds), Ok(message));
            assert!(ToChild::decode(&message.encode(), 1 - fds).is_err());
            assert!(ToChild::decode(&message.encode()[..15], fds).is_err());
        }
    }

    #[test]
    fn every_message_for_the_supervisor_comes_back() {
        let narrow = Strike { wide: false, source: 0xc000_0201, penalised: false, seconds: 7 };
        let wide = Strike { wide: true, source: u64::MAX, penalised: true, seconds: u32::MAX };
        for message in [
            ToStart::Ready,
            ToStart::Drained,
            ToStart::Started { token: 1, pid: 2, errno: 3 },
            ToStart::Strike(narrow),
            ToStart::Strike(wide),
            ToStart::KeepsRecords,
        ] {
            assert_eq!(ToStart::decode(&message.encode()), Ok(message));
        }
        let no_address = Strike { source: 1 << 32, ..narrow };
        assert_eq!(ToStart::decode(&ToStart::Strike(no_address).encode()), Err(WireError::Field("strike")));
    }
}
