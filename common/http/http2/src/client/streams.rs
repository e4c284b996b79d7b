//! The streams that this side has opened, and their places.

use crate::error::Broken;
use crate::settings::WINDOW_BYTES_MAX;

/// A stream, from its HEADERS to the release of its place.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Its identifier; 0 for a place that is free.
    pub(super) id: u32,
    /// The request has not ended.
    pub(super) sends: bool,
    /// The response has not ended.
    pub(super) receives: bool,
    /// The final head has come.
    pub(super) has_head: bool,
    /// The request is HEAD.
    pub(super) to_head: bool,
    /// Bytes that the server may send.
    pub(super) window_in: i64,
    /// Bytes that may be sent to the server.
    pub(super) window_out: i64,
    /// Bytes of the body that Content-Length announced and that have not come.
    pub(super) announced: Option<u64>,
}

impl Stream {
    const fn is_live(&self) -> bool {
        self.sends || self.receives
    }
}

/// Last identifier that is used: the standard has no more than twice as many, and a server that
/// leaves with a number must have one above all.
const IDENTIFIER_MAX: u32 = 0x3fff_ffff;

/// Places are used again, the last that was released first.
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: Vec<Stream>,
    /// Identifiers of live streams by their places, 0 in others: few bytes to search.
    ids: Vec<u32>,
    free: Vec<usize>,
    live: usize,
    last: u32,
    /// Bytes that may still come for streams that were cut: what their windows had left.
    stray: i64,
}

impl Streams {
    pub(super) const fn live(&self) -> usize {
        self.live
    }

    /// Returns whether all identifiers were used.
    pub(super) const fn is_used_up(&self) -> bool {
        self.last >= IDENTIFIER_MAX
    }

    /// Returns whether a stream was opened by this side, be it over or not.
    pub(super) const fn was_opened(&self, id: u32) -> bool {
        id % 2 == 1 && id <= self.last
    }

    /// Opens a stream. Returns its place and its identifier.
    pub(super) fn open(&mut self, stream: Stream) -> (usize, u32) {
        let place = self.free.pop().unwrap_or(self.all.len());
        if place == self.all.len() {
            self.all.push(Stream::default());
            self.ids.push(0);
        }
        self.last = if self.last == 0 { 1 } else { self.last + 2 };
        self.all[place] = Stream { id: self.last, ..stream };
        self.ids[place] = self.last;
        self.live += 1;
        (place, self.last)
    }

    /// Returns the place of a live stream.
    #[inline]
    pub(super) fn find(&self, id: u32) -> Option<usize> {
        self.ids.iter().position(|other| *other == id && id != 0)
    }

    /// Returns the stream at a place while it is live.
    #[inline]
    pub(super) fn live_at(&mut self, place: usize) -> Option<&mut Stream> {
        self.all.get_mut(place).filter(|stream| stream.is_live())
    }

    /// Returns the stream at a place while something of it may be sent, to be looked at.
    pub(super) fn sending(&self, place: usize) -> Option<&Stream> {
        self.all.get(place).filter(|stream| stream.sends)
    }

    /// Returns the places of live streams with a higher identifier.
    pub(super) fn above(&self, id: u32) -> Vec<usize> {
        self.ids.iter().enumerate().filter(|(_, other)| **other > id).map(|(place, _)| place).collect()
    }

    /// Changes what may be sent on each stream (RFC 9113, section 6.9.2).
    pub(super) fn change_windows_out(&mut self, change: i64) -> Result<(), Broken> {
        for stream in self.all.iter_mut().filter(|stream| stream.is_live()) {
            stream.window_out += change;
            if stream.window_out > i64::from(WINDOW_BYTES_MAX) {
                return Err(Broken::flow("a stream's window is beyond all"));
            }
        }
        Ok(())
    }

    /// Notes that a side of a stream has ended.
    pub(super) fn note(&mut self, place: usize) {
        if self.ids.get(place).is_some_and(|id| *id != 0) && !self.all[place].is_live() {
            self.ids[place] = 0;
            self.live -= 1;
        }
    }

    /// Ends both sides of a live stream. Returns its identifier.
    pub(super) fn cut(&mut self, place: usize) -> Option<u32> {
        let stream = self.live_at(place)?;
        (stream.sends, stream.receives) = (false, false);
        let (id, left) = (stream.id, stream.window_in);
        self.stray += left.max(0);
        self.note(place);
        Some(id)
    }

    /// Takes bytes that have come for a stream that is over. They were on their way where one was
    /// cut that could be sent as many; a server that goes on is told so.
    pub(super) fn take_stray(&mut self, bytes: i64) -> Result<(), Broken> {
        self.stray -= bytes;
        if self.stray < 0 { Err(Broken::flow("data for streams that are over")) } else { Ok(()) }
    }

    /// Gives a place back.
    pub(super) fn release(&mut self, place: usize) {
        if let Some(stream) = self.all.get_mut(place).filter(|stream| stream.id != 0) {
            *stream = Stream::default();
            self.free.push(place);
        }
    }
}
