//! Settings (RFC 9113, section 6.5; RFC 8441, section 3; RFC 9218, section 2.1).

use crate::error::Broken;
use crate::frame::{flag, kind, put};
use crate::limits::{FRAME_BYTES_MAX, STREAMS_COUNT_MAX, WINDOW_BYTES_INITIAL};

/// Longest window (section 6.9.1).
pub(crate) const WINDOW_BYTES_MAX: u32 = 0x7fff_ffff;
/// A window of which nobody has said anything (section 6.9.2).
pub(crate) const WINDOW_BYTES_UNSAID: u32 = 65_535;

mod id {
    pub(super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(super) const ENABLE_PUSH: u16 = 2;
    pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(super) const MAX_FRAME_SIZE: u16 = 5;
    pub(super) const MAX_HEADER_LIST_SIZE: u16 = 6;
    pub(super) const ENABLE_CONNECT_PROTOCOL: u16 = 8;
    pub(super) const NO_RFC7540_PRIORITIES: u16 = 9;
}

/// The settings of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) header_table_bytes: u32,
    pub(crate) window_bytes: u32,
    /// Streams that it lets this side have at a time.
    pub(crate) streams_count: usize,
    no_old_priorities: Option<bool>,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            header_table_bytes: 4096,
            window_bytes: WINDOW_BYTES_UNSAID,
            streams_count: usize::MAX,
            no_old_priorities: None,
        }
    }
}

impl Peer {
    /// Applies the payload of a SETTINGS frame. `smallest_table` gets each size of the table, in
    /// order.
    pub(crate) fn apply(&mut self, payload: &[u8], mut table: impl FnMut(u32)) -> Result<(), Broken> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Broken::size("SETTINGS is no multiple of six bytes"));
        }
        for [i0, i1, v0, v1, v2, v3] in settings {
            let value = u32::from_be_bytes([*v0, *v1, *v2, *v3]);
            match u16::from_be_bytes([*i0, *i1]) {
                id::HEADER_TABLE_SIZE => {
                    self.header_table_bytes = value;
                    table(value);
                }
                id::ENABLE_PUSH if value > 1 => return Err(Broken::protocol("ENABLE_PUSH is neither 0 nor 1")),
                id::MAX_CONCURRENT_STREAMS => self.streams_count = usize::try_from(value).unwrap_or(usize::MAX),
                id::INITIAL_WINDOW_SIZE if value > WINDOW_BYTES_MAX => {
                    return Err(Broken::flow("INITIAL_WINDOW_SIZE is beyond every window"));
                }
                id::INITIAL_WINDOW_SIZE => self.window_bytes = value,
                id::MAX_FRAME_SIZE if !(16_384..=16_777_215).contains(&value) => {
                    return Err(Broken::protocol("MAX_FRAME_SIZE is none"));
                }
                id::ENABLE_CONNECT_PROTOCOL if value > 1 => {
                    return Err(Broken::protocol("ENABLE_CONNECT_PROTOCOL is neither 0 nor 1"));
                }
                id::NO_RFC7540_PRIORITIES => self.no_old_priorities(value)?,
                // MAX_FRAME_SIZE: none is written that is longer than every peer takes.
                _ => {}
            }
        }
        Ok(())
    }

    fn no_old_priorities(&mut self, value: u32) -> Result<(), Broken> {
        let wanted = match value {
            0 => false,
            1 => true,
            _ => return Err(Broken::protocol("NO_RFC7540_PRIORITIES is neither 0 nor 1")),
        };
        if self.no_old_priorities.replace(wanted).is_some_and(|before| before != wanted) {
            return Err(Broken::protocol("NO_RFC7540_PRIORITIES was changed"));
        }
        Ok(())
    }
}

/// Appends the SETTINGS of this side.
pub(crate) fn put_own(out: &mut Vec<u8>, list_bytes: usize, extended_connect: bool) {
    let settings = [
        (id::MAX_CONCURRENT_STREAMS, STREAMS_COUNT_MAX),
        (id::INITIAL_WINDOW_SIZE, WINDOW_BYTES_INITIAL as usize),
        (id::MAX_HEADER_LIST_SIZE, list_bytes),
        (id::NO_RFC7540_PRIORITIES, 1),
        (id::ENABLE_CONNECT_PROTOCOL, 1),
    ];
    put_settings(out, if extended_connect { &settings } else { &settings[..4] });
}

/// Appends the SETTINGS of a client: a server pushes nothing, and hears what a head may have. A
/// stream's window is the one of which nobody has to say anything.
pub(crate) fn put_client(out: &mut Vec<u8>, list_bytes: usize) {
    put_settings(out, &[(id::ENABLE_PUSH, 0), (id::MAX_HEADER_LIST_SIZE, list_bytes)]);
}

fn put_settings(out: &mut Vec<u8>, settings: &[(u16, usize)]) {
    let mut payload = Vec::with_capacity(settings.len() * 6);
    for (id, value) in settings {
        payload.extend_from_slice(&id.to_be_bytes());
        payload.extend_from_slice(&u32::try_from(*value).unwrap_or(u32::MAX).to_be_bytes());
    }
    put(out, kind::SETTINGS, 0, 0, &payload);
}

/// Appends the acknowledgement of the peer's.
pub(crate) fn put_ack(out: &mut Vec<u8>) {
    put(out, kind::SETTINGS, flag::ACK, 0, &[]);
}

const _: () = assert!(FRAME_BYTES_MAX == 16_384, "what is not said in SETTINGS");
