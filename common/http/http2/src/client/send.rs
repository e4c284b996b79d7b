//! Requests to bytes.

use super::streams::Stream;
use super::{Client, Request};
use crate::error::Code;
use crate::frame::{finish_block, flag, kind, put, put_header, put_reset, put_window};
use crate::limits::{FRAME_BYTES_MAX, OUTPUT_BYTES_FULL};
use crate::settings::WINDOW_BYTES_UNSAID;

impl Client {
    /// Opens a stream with a request: its pseudo-header fields, then `fields`, whose names may be
    /// in any case. Returns its place; `None` where there is no room.
    pub fn open<'f>(
        &mut self,
        request: &Request<'f>,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    ) -> Option<usize> {
        if !self.has_room() {
            return None;
        }
        let (place, id) = self.streams.open(Stream {
            sends: !request.is_ended,
            receives: true,
            to_head: request.method == b"HEAD",
            window_in: i64::from(WINDOW_BYTES_UNSAID),
            window_out: i64::from(self.peer.window_bytes),
            ..Stream::default()
        });
        let Self { output, encoder, .. } = self;
        let at = output.len();
        put_header(output, 0, kind::HEADERS, 0, id);
        encoder.begin(output);
        let first: [(&[u8], &[u8]); 4] = [
            (b":method", request.method),
            (b":scheme", request.scheme),
            (b":authority", request.authority),
            (b":path", request.path),
        ];
        for (name, value) in first.into_iter().chain(fields) {
            encoder.field(output, name, value);
        }
        let flags = if request.is_ended { flag::END_STREAM } else { 0 };
        finish_block(output, at, flags, id, FRAME_BYTES_MAX);
        self.last_data = None;
        Some(place)
    }

    /// Returns how many bytes of a request's body can go now.
    #[must_use]
    pub fn room(&self, place: usize) -> usize {
        let window = self.streams.sending(place).map_or(0, |stream| stream.window_out.min(self.window_out));
        let output = OUTPUT_BYTES_FULL - self.output().len().min(OUTPUT_BYTES_FULL);
        usize::try_from(window).unwrap_or(0).min(output)
    }

    /// Returns whether the request at a place has not ended.
    #[must_use]
    pub fn is_sending(&self, place: usize) -> bool {
        self.streams.sending(place).is_some()
    }

    /// Sends bytes of a request's body, no more than there is room for; what is beyond that is not
    /// sent. Returns how many were.
    pub fn data(&mut self, place: usize, bytes: &[u8]) -> usize {
        let bytes = &bytes[..self.room(place).min(bytes.len())];
        let Some(stream) = self.streams.live_at(place).filter(|stream| stream.sends && !bytes.is_empty()) else {
            return 0;
        };
        let (id, length) = (stream.id, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        stream.window_out -= length;
        self.window_out -= length;
        for part in bytes.chunks(FRAME_BYTES_MAX) {
            self.last_data = Some((self.output.len(), id));
            put(&mut self.output, kind::DATA, 0, id, part);
        }
        self.floods.data(bytes.len());
        bytes.len()
    }

    /// Ends a request.
    pub fn end(&mut self, place: usize) {
        let Some(stream) = self.streams.live_at(place).filter(|stream| stream.sends) else { return };
        stream.sends = false;
        let id = stream.id;
        match self.last_data.take().filter(|(at, last)| *last == id && *at >= self.sent) {
            Some((at, _)) => self.output[at + 4] |= flag::END_STREAM,
            None => put(&mut self.output, kind::DATA, flag::END_STREAM, id, &[]),
        }
        self.streams.note(place);
    }

    /// Lets the server send more bytes of a response.
    pub fn grant(&mut self, place: usize, bytes: u32) {
        let Some(stream) = self.streams.live_at(place).filter(|stream| stream.receives && bytes > 0) else { return };
        stream.window_in += i64::from(bytes);
        put_window(&mut self.output, stream.id, bytes);
    }

    /// Ends a stream before its time, where it is not over.
    pub fn reset(&mut self, place: usize, code: Code) {
        if let Some(id) = self.streams.cut(place) {
            put_reset(&mut self.output, id, code);
        }
    }

    /// Gives a place back. A stream that still lives is ended.
    pub fn release(&mut self, place: usize) {
        self.reset(place, Code::Cancel);
        self.streams.release(place);
    }
}
