//! The bytes of messages to children.

use super::ToChild;
use crate::{
    WireError,
    beside::Beside,
    door::Door,
    message::{MESSAGE_BYTES, Raw, narrow},
    pipe::Stream,
    reload::ReloadProgress,
};

/// Reads the stream of a file: events have none.
fn with_a_file(stream: u8) -> Result<Stream, WireError> {
    match Stream::from_byte(stream)? {
        Stream::Log => Err(WireError::Field("stream")),
        stream => Ok(stream),
    }
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
                | Self::Beside { .. }
                | Self::Chains { .. }
                | Self::Csr { errno: 0, .. }
                | Self::ChainRoom { .. }
                | Self::Certificates { .. }
                | Self::CertificatesRefused { .. }
        )
    }

    /// The bytes on the wire.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "every message, once, in one place")]
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
            Self::Beside { which, lane } => Raw { kind: 27, a: which as u8, c: lane, ..Raw::default() },
            Self::Chains { lane, set } => Raw { kind: 23, c: lane, d: u64::from(set), ..Raw::default() },
            Self::Certificates { set, tag } => Raw { kind: 26, c: set, d: u64::from(tag), ..Raw::default() },
            Self::Csr { certificate, errno } => Raw { kind: 24, b: certificate, c: u32::from(errno), ..Raw::default() },
            Self::ChainRoom { certificate } => Raw { kind: 29, b: certificate, ..Raw::default() },
            Self::Issued { certificate, taken } => {
                Raw { kind: 25, a: u8::from(taken), b: certificate, ..Raw::default() }
            }
            Self::CertificatesRefused { tag } => Raw { kind: 28, c: tag, ..Raw::default() },
            Self::LaneRest { lane, door } => Raw { kind: 21, b: door as u16, c: lane, ..Raw::default() },
        }
        .encode()
    }

    /// Reads a message that came with `fds` descriptors.
    ///
    /// # Errors
    /// [`WireError::Kind`] for an unknown one, [`WireError::Field`] where the descriptor count is
    /// wrong.
    #[expect(clippy::too_many_lines, reason = "every message, once, in one place")]
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
            13 => Self::LogFile { stream: with_a_file(raw.a)? },
            14 => Self::LogLines { max: raw.c, syslog_prefix: raw.a == 1 },
            15 => Self::PenaliseSource { source: raw.d },
            16 => Self::Spool { lane: raw.c },
            17 => Self::PageEnd { program: raw.a, number: raw.c, pid: narrow(raw.d)? },
            18 => Self::Passwords { lane: raw.c },
            19 => Self::Cache { lane: raw.c },
            20 => Self::Encode { lane: raw.c, writes: raw.a == 1 },
            21 => Self::LaneRest { lane: raw.c, door: Door::of_number(raw.b)? },
            22 => Self::Keys { lane: raw.c },
            27 => Self::Beside { which: Beside::of_number(raw.a)?, lane: raw.c },
            23 => Self::Chains { lane: raw.c, set: narrow(raw.d)? },
            26 => Self::Certificates { set: raw.c, tag: narrow(raw.d)? },
            24 => {
                let errno = u16::try_from(raw.c).map_err(|_| WireError::Field("errno"))?;
                Self::Csr { certificate: raw.b, errno }
            }
            25 => Self::Issued { certificate: raw.b, taken: raw.a == 1 },
            28 => Self::CertificatesRefused { tag: raw.c },
            29 => Self::ChainRoom { certificate: raw.b },
            kind => return Err(WireError::Kind(kind)),
        };
        if fds == usize::from(message.brings_fd()) { Ok(message) } else { Err(WireError::Field("descriptors")) }
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
            ToChild::Beside { which: Beside::Http2, lane: 4 },
            ToChild::Chains { lane: u32::MAX, set: 9 },
            ToChild::Certificates { set: 9, tag: u32::MAX },
            ToChild::Csr { certificate: u16::MAX, errno: 0 },
            ToChild::Csr { certificate: 1, errno: u16::MAX },
            ToChild::ChainRoom { certificate: u16::MAX },
            ToChild::Issued { certificate: u16::MAX, taken: true },
            ToChild::CertificatesRefused { tag: u32::MAX },
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
}
