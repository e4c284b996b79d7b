//! The streams of a connection, and their places.

use crate::error::Broken;
use crate::history::{Ended, History};
use crate::limits::{PLACES_COUNT_MAX, STREAMS_COUNT_MAX};
use crate::settings::WINDOW_BYTES_MAX;
use crate::stream::Stream;

/// Places are used again, the last that was released first.
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: Vec<Stream>,
    /// Identifiers of live streams by their places, 0 in others: few bytes to search.
    ids: Vec<u32>,
    free: Vec<usize>,
    live: usize,
    last: u32,
    history: History,
}

impl Streams {
    /// Returns how many places are taken.
    pub(super) const fn taken(&self) -> usize {
        self.all.len() - self.free.len()
    }

    /// Returns whether one more stream may be opened.
    pub(super) const fn has_room(&self) -> bool {
        self.live < STREAMS_COUNT_MAX && self.taken() < PLACES_COUNT_MAX
    }

    /// Returns the last identifier that the client has used.
    pub(super) const fn last(&self) -> u32 {
        self.last
    }

    /// Notes that the client has used an identifier, and with it all below.
    pub(super) const fn saw(&mut self, id: u32) {
        self.last = id;
    }

    /// Returns the place of a live stream.
    #[inline]
    pub(super) fn find(&self, id: u32) -> Option<usize> {
        self.ids.iter().position(|other| *other == id && id != 0)
    }

    /// Opens a stream. Returns its place.
    pub(super) fn open(&mut self, id: u32, stream: Stream) -> usize {
        let place = self.free.pop().unwrap_or(self.all.len());
        if place == self.all.len() {
            self.all.push(Stream::default());
            self.ids.push(0);
        }
        // A queue may still have the place.
        self.all[place] = Stream { id, is_queued: self.all[place].is_queued, ..stream };
        self.ids[place] = id;
        self.live += 1;
        place
    }

    /// Returns the stream at a place while it is live.
    #[inline]
    pub(super) fn live(&mut self, place: usize) -> Option<&mut Stream> {
        self.all.get_mut(place).filter(|stream| stream.is_live())
    }

    /// Returns whether the stream at a place is live.
    pub(super) fn is_live(&self, place: usize) -> bool {
        self.all.get(place).is_some_and(Stream::is_live)
    }

    /// Returns how many bytes of the stream at a place wait.
    pub(super) fn waiting(&self, place: usize) -> usize {
        self.all.get(place).map_or(0, |stream| stream.waiting.bytes.len())
    }

    /// Returns how many bytes may still come on the stream at a place.
    pub(super) fn window_in(&self, place: usize) -> i64 {
        self.all.get(place).map_or(0, |stream| stream.window_in)
    }

    /// Returns the stream at a place, whatever has become of it.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut Stream> {
        self.all.get_mut(place)
    }

    /// Iterates over all live streams with their places.
    pub(super) fn all_live(&mut self) -> impl Iterator<Item = (usize, &mut Stream)> {
        self.all.iter_mut().enumerate().filter(|(_, stream)| stream.is_live())
    }

    /// Changes what may be sent on each stream (RFC 9113, section 6.9.2). Returns the places of
    /// those that something waits on.
    pub(super) fn change_windows_out(&mut self, change: i64) -> Result<Vec<usize>, Broken> {
        let mut waiting = Vec::new();
        for (place, stream) in self.all_live() {
            stream.window_out += change;
            if stream.window_out > i64::from(WINDOW_BYTES_MAX) {
                return Err(Broken::flow("a stream's window is beyond all"));
            }
            if stream.can_send() {
                waiting.push(place);
            }
        }
        Ok(waiting)
    }

    /// Notes that a stream has ended as it should, where both sides have.
    pub(super) fn end(&mut self, place: usize) {
        if self.all.get(place).is_some_and(|stream| !stream.receives && !stream.sends) && self.ids[place] != 0 {
            self.ids[place] = 0;
            self.live -= 1;
        }
    }

    /// Ends a live stream on both sides, and forgets what waits.
    pub(super) fn cut(&mut self, place: usize, how: Ended) {
        let Some(stream) = self.live(place) else { return };
        let id = stream.id;
        *stream = Stream { id, is_queued: stream.is_queued, ..Stream::default() };
        self.history.add(id, how);
        self.end(place);
    }

    /// Remembers a stream that was refused before it had a place.
    pub(super) fn refused(&mut self, id: u32) {
        self.history.add(id, Ended::Here);
    }

    /// Returns how a stream that is not live was reset.
    pub(super) fn ended(&self, id: u32) -> Option<Ended> {
        self.history.find(id)
    }

    /// Gives a place back. Its stream is not live.
    pub(super) fn release(&mut self, place: usize) {
        let Some(stream) = self.all.get_mut(place) else { return };
        if stream.id != 0 && !stream.is_live() {
            *stream = Stream { is_queued: stream.is_queued, ..Stream::default() };
            self.free.push(place);
        }
    }
}
