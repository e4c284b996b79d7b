//! How far the client's bytes have been read.

use crate::connection::Event;
use crate::error::Broken;

/// The part of the conversation that the next byte belongs to.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) phase: Phase,
    /// A header block that goes on in CONTINUATION.
    pub(super) block: Option<Block>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Phase {
    #[default]
    Preface,
    /// The first frame, which is SETTINGS.
    First,
    Frames,
    /// Within a DATA frame.
    Data(Data),
}

/// A header block as far as it has come.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) ends_stream: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) frames: usize,
}

/// Bytes that were taken, and what they mean.
pub(super) type Taken<'b> = (usize, Option<Event<'b>>);
pub(super) type Step<'b> = Result<Taken<'b>, Broken>;

/// The rest of a DATA frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data {
    /// The stream, where its bytes are of use.
    pub(super) place: Option<usize>,
    pub(super) bytes: usize,
    pub(super) padding: usize,
    pub(super) ends: bool,
}
