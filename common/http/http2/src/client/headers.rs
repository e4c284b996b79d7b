//! Header blocks to heads and trailers.

use super::response::{Lines, ResponseText};
use super::{Client, Cut, Head, Said};
use crate::error::{Broken, Code};
use crate::fault::Fault;
use crate::frame::{Header, flag, unpadded};
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_FRAMES_MAX, LIST_BYTES_MAX};

type Told<'b> = Result<Option<Said<'b>>, Broken>;

/// A header block as far as it has come.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    ends_stream: bool,
    bytes: Vec<u8>,
    frames: usize,
}

impl Client {
    pub(super) fn take_headers<'b>(
        &mut self,
        header: Header,
        payload: &[u8],
        now_ms: u64,
        text: &mut Vec<u8>,
    ) -> Told<'b> {
        self.check_opened(header.stream)?;
        let part = unpadded(header, payload)?;
        let ends_stream = header.has(flag::END_STREAM);
        if header.has(flag::END_HEADERS) {
            return self.finish_block(header.stream, ends_stream, part, now_ms, text);
        }
        self.block = Some(Block { stream: header.stream, ends_stream, bytes: part.to_vec(), frames: 1 });
        Ok(None)
    }

    pub(super) fn take_continuation<'b>(
        &mut self,
        header: Header,
        payload: &[u8],
        now_ms: u64,
        text: &mut Vec<u8>,
    ) -> Told<'b> {
        let Some(block) = &mut self.block else {
            return Err(Broken::protocol("CONTINUATION of nothing"));
        };
        block.frames += 1;
        if block.frames > BLOCK_FRAMES_MAX || block.bytes.len() + payload.len() > BLOCK_BYTES_MAX {
            return Err(Broken::calm("a header block without end"));
        }
        block.bytes.extend_from_slice(payload);
        if !header.has(flag::END_HEADERS) {
            return Ok(None);
        }
        let Some(block) = self.block.take() else { return Ok(None) };
        self.finish_block(block.stream, block.ends_stream, &block.bytes, now_ms, text)
    }

    /// Decodes a whole block, whatever becomes of its stream: the table has to know it.
    fn finish_block<'b>(&mut self, id: u32, ends: bool, block: &[u8], now_ms: u64, text: &mut Vec<u8>) -> Told<'b> {
        let place = self.streams.find(id);
        match place.and_then(|place| Some((place, self.streams.live_at(place)?))) {
            Some((place, stream)) if stream.receives && stream.has_head => self.take_trailers(place, ends, block, text),
            Some((place, stream)) if stream.receives => self.take_head(place, ends, block, text).map(Some),
            other => {
                let place = other.map(|(place, _)| place);
                self.decoder.decode(block, LIST_BYTES_MAX, |_, _| ())?;
                self.floods.idle_frame(now_ms)?;
                Ok(place.map(|place| self.fail(place, Code::StreamClosed, Cut::Overrun)))
            }
        }
    }

    fn take_head<'b>(
        &mut self,
        place: usize,
        ends: bool,
        block: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<Said<'b>, Broken> {
        let mut head = ResponseText::new(text);
        self.decoder.decode(block, LIST_BYTES_MAX, |name, value| head.see(name, value))?;
        let facts = match head.finish() {
            Ok(facts) => facts,
            Err(why) => return Ok(self.fail(place, Code::Protocol, why)),
        };
        let is_interim = facts.status < 200;
        // 101 belongs to HTTP/1.1 (RFC 9113, section 8.6), and an interim response is never the
        // last.
        if facts.status == 101 || is_interim && (ends || facts.length.is_some()) {
            return Ok(self.fail(place, Code::Protocol, Cut::Malformed(Fault::BadStatus)));
        }
        if !is_interim && let Some(stream) = self.streams.live_at(place) {
            stream.has_head = true;
            let has_none = stream.to_head || matches!(facts.status, 204 | 304);
            stream.announced = if has_none { Some(0) } else { facts.length };
            if ends && let Some(Said::Cut { place, why }) = self.end_response(place) {
                return Ok(Said::Cut { place, why });
            }
        }
        let (status, length, has_trailers) = (facts.status, facts.length, facts.has_trailers);
        Ok(Said::Head(Head { place, status, length, has_trailers, is_ended: ends }))
    }

    fn take_trailers<'b>(&mut self, place: usize, ends: bool, block: &[u8], text: &mut Vec<u8>) -> Told<'b> {
        let mut lines = Lines::new(text);
        self.decoder.decode(block, LIST_BYTES_MAX, |name, value| lines.see_trailer(name, value))?;
        let unended = if ends { Ok(()) } else { Err(Cut::Malformed(Fault::UnendedTrailers)) };
        match lines.finish().and(unended) {
            Ok(()) => Ok(self.end_response(place)),
            Err(why) => Ok(Some(self.fail(place, Code::Protocol, why))),
        }
    }
}
