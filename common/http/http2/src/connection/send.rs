//! Responses to bytes.

use crate::connection::Connection;
use crate::error::Code;
use crate::frame::{finish_block, flag, kind, put_header, put_reset, put_window};
use crate::history::Ended;
use crate::limits::{FRAME_BYTES_MAX, OUTPUT_BYTES_FULL};
use crate::stream::Waiting;

impl Connection {
    /// Sends the head of a response, an interim one if the status says so. Field names may be in
    /// any case. On a stream that is over nothing happens, here and in all that follows.
    pub fn respond<'f>(&mut self, place: usize, status: u16, fields: impl Iterator<Item = (&'f [u8], &'f [u8])>) {
        let Some(stream) = self.streams.live(place).filter(|stream| stream.sends) else { return };
        let id = stream.id;
        let at = self.output.len();
        put_header(&mut self.output, 0, kind::HEADERS, 0, id);
        self.encoder.status(&mut self.output, status);
        for (name, value) in fields {
            self.encoder.field(&mut self.output, name, value);
        }
        self.finish_headers(at, 0, id);
    }

    fn finish_headers(&mut self, at: usize, flags: u8, id: u32) {
        finish_block(&mut self.output, at, flags, id, FRAME_BYTES_MAX);
        // In one of several frames END_STREAM belongs to the first: not worth the search.
        let is_one = self.output[at + 4] & flag::END_HEADERS != 0;
        self.last_frame = is_one.then_some((at, id));
    }

    /// Sends bytes of a response. Returns how many have gone into the output; the others wait for
    /// the windows, and [`Connection::fill`] says when they have gone.
    pub fn data(&mut self, place: usize, bytes: &[u8], now_ms: u64) -> usize {
        let is_free = self.ready.is_empty() && self.output().len() < OUTPUT_BYTES_FULL;
        let Some(stream) = self.streams.live(place).filter(|stream| stream.sends) else { return 0 };
        let mut gone = 0;
        if is_free && !stream.has_waiting() {
            let windows = stream.window_out.min(self.window_out).max(0);
            gone = usize::try_from(windows).unwrap_or(usize::MAX).min(bytes.len());
            let id = stream.id;
            for part in bytes[..gone].chunks(FRAME_BYTES_MAX) {
                self.put_data(id, [part, &[]], 0);
            }
            self.use_windows_out(place, gone);
        }
        let rest = &bytes[gone..];
        if !rest.is_empty()
            && let Some(stream) = self.streams.live(place)
        {
            if stream.waits_since_ms == 0 {
                (stream.waits_since_ms, stream.moved) = (now_ms, 0);
            }
            stream.waiting.bytes.extend(rest);
            self.queue(place);
        }
        gone
    }

    /// Ends a response, with its trailers. Returns whether the request was whole by then; one that
    /// was not is told that nobody needs the rest (RFC 9113, section 8.1).
    pub fn end<'f>(&mut self, place: usize, trailers: impl Iterator<Item = (&'f [u8], &'f [u8])>) -> bool {
        let Some(stream) = self.streams.live(place).filter(|stream| stream.sends && !stream.waiting.ends) else {
            return true;
        };
        for (name, value) in trailers {
            stream.waiting.push_trailer(name, value);
        }
        stream.waiting.ends = true;
        let is_whole = !stream.receives;
        if stream.waiting.bytes.is_empty() {
            self.put_end(place);
        }
        is_whole
    }

    /// Ends a stream before its time, without its client having caused it.
    pub fn reset(&mut self, place: usize, code: Code) {
        if let Some(stream) = self.streams.live(place) {
            put_reset(&mut self.output, stream.id, code);
        }
        self.streams.cut(place, Ended::Here);
    }

    /// Ends a stream because of what its client sent: that counts as if the client had reset it.
    ///
    /// # Errors
    /// Where that was once too often.
    pub fn refuse_stream(&mut self, place: usize, code: Code, now_ms: u64) -> Result<(), crate::Broken> {
        self.fail(place, code, None, now_ms).map(|_| ())
    }

    /// Lets the client send more bytes of a request.
    pub fn grant(&mut self, place: usize, bytes: u32) {
        let Some(stream) = self.streams.live(place).filter(|stream| stream.receives && bytes > 0) else { return };
        stream.window_in += i64::from(bytes);
        put_window(&mut self.output, stream.id, bytes);
    }

    /// Returns the bytes that the client may still send of a request.
    #[must_use]
    pub fn window(&self, place: usize) -> i64 {
        self.streams.window_in(place)
    }

    /// Returns whether anything may still come or go on a stream.
    #[must_use]
    pub fn is_live(&self, place: usize) -> bool {
        self.streams.is_live(place)
    }

    /// Gives a place back, when nothing of its stream is left elsewhere. One that still lives is
    /// ended.
    pub fn release(&mut self, place: usize) {
        if self.streams.live(place).is_some() {
            self.reset(place, Code::Cancel);
        }
        self.streams.release(place);
    }

    /// Writes the end of a response behind its last byte.
    pub(super) fn put_end(&mut self, place: usize) {
        let Some(stream) = self.streams.live(place) else { return };
        let id = stream.id;
        let trailers = core::mem::take(&mut stream.waiting.trailers);
        (stream.sends, stream.waits_since_ms) = (false, 0);
        let receives = stream.receives;
        if !trailers.is_empty() {
            let at = self.output.len();
            put_header(&mut self.output, 0, kind::HEADERS, 0, id);
            self.encoder.begin(&mut self.output);
            let mut rest = &trailers[..];
            while let Some([name, value, after]) = Waiting::split_trailer(rest) {
                self.encoder.field(&mut self.output, name, value);
                rest = after;
            }
            self.finish_headers(at, flag::END_STREAM, id);
        } else if let Some((at, _)) = self.last_frame.filter(|(at, last)| *last == id && *at >= self.sent) {
            self.output[at + 4] |= flag::END_STREAM;
        } else {
            self.put_data(id, [&[], &[]], flag::END_STREAM);
        }
        self.last_frame = None;
        if receives {
            put_reset(&mut self.output, id, Code::NoError);
            self.streams.cut(place, Ended::Here);
        } else {
            self.floods.ended();
            self.streams.end(place);
        }
    }

    /// Appends a DATA frame of two pieces.
    pub(super) fn put_data(&mut self, id: u32, [first, second]: [&[u8]; 2], flags: u8) {
        self.last_frame = Some((self.output.len(), id));
        put_header(&mut self.output, first.len() + second.len(), kind::DATA, flags, id);
        self.output.extend_from_slice(first);
        self.output.extend_from_slice(second);
        self.floods.data(first.len() + second.len());
    }

    /// Takes sent bytes from both windows.
    pub(super) fn use_windows_out(&mut self, place: usize, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.window_out -= bytes;
        if let Some(stream) = self.streams.live(place) {
            stream.window_out -= bytes;
        }
    }
}
