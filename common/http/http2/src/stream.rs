//! One stream: its sides, its windows, and what waits to be sent on it.

use std::collections::VecDeque;

use crate::priority::Priority;

/// A stream, from its first HEADERS to the release of its place.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Its identifier; 0 for a place that is free.
    pub(crate) id: u32,
    /// The client has not ended its side.
    pub(crate) receives: bool,
    /// This side has not ended: some of the response is still to come or to go.
    pub(crate) sends: bool,
    /// Bytes that the client may send.
    pub(crate) window_in: i64,
    /// Bytes that may be sent to the client.
    pub(crate) window_out: i64,
    /// Its bytes are another protocol's: nothing but DATA comes on it (RFC 9113, section 8.5).
    pub(crate) switches: bool,
    /// Bytes of the body that Content-Length announced and that have not come.
    pub(crate) announced: Option<u64>,
    pub(crate) priority: Option<Priority>,
    pub(crate) waiting: Waiting,
    /// It stands in the list of those with something to send.
    pub(crate) is_queued: bool,
    /// Since when too little has gone of what waits; 0 while nothing waits.
    pub(crate) waits_since_ms: u64,
    /// Bytes that have gone since then.
    pub(crate) moved: usize,
}

impl Stream {
    /// Returns whether frames may still come or go on it.
    pub(crate) const fn is_live(&self) -> bool {
        self.id != 0 && (self.receives || self.sends)
    }

    /// Returns the priority.
    pub(crate) fn priority(&self) -> Priority {
        self.priority.unwrap_or(Priority::UNSAID)
    }

    /// Returns whether something could go if only windows allow.
    pub(crate) fn has_waiting(&self) -> bool {
        self.sends && (!self.waiting.bytes.is_empty() || self.waiting.ends)
    }

    /// Returns whether its own window allows something that waits to go.
    pub(crate) fn can_send(&self) -> bool {
        self.has_waiting() && (self.window_out > 0 || self.waiting.bytes.is_empty())
    }
}

/// Bytes that wait to be sent, and the end behind them.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) bytes: VecDeque<u8>,
    /// The response ends behind these bytes.
    pub(crate) ends: bool,
    /// Trailers, each `u16 length | name | u16 length | value`: a block is coded when it goes.
    pub(crate) trailers: Vec<u8>,
}

impl Waiting {
    /// Adds a trailer; one that is beyond all limits is left out.
    pub(crate) fn push_trailer(&mut self, name: &[u8], value: &[u8]) {
        let (Ok(name_len), Ok(value_len)) = (u16::try_from(name.len()), u16::try_from(value.len())) else { return };
        for (length, text) in [(name_len, name), (value_len, value)] {
            self.trailers.extend_from_slice(&length.to_le_bytes());
            self.trailers.extend_from_slice(text);
        }
    }

    /// Splits a trailer off: its name, its value, and what comes behind it.
    pub(crate) fn split_trailer(bytes: &[u8]) -> Option<[&[u8]; 3]> {
        let (name, rest) = split_text(bytes)?;
        let (value, rest) = split_text(rest)?;
        Some([name, value, rest])
    }
}

fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}
