//! Header blocks to requests and trailers.

use crate::connection::reading::Block;
use crate::connection::{Connection, Event, Leaving, WINDOW_BYTES_EARLY};
use crate::error::{Broken, Code};
use crate::frame::{Header, flag, put_reset, unpadded};
use crate::head::{Facts, HeadText, Scratch};
use crate::history::Ended;
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_FRAMES_MAX, LIST_BYTES_MAX, TRAILER_BYTES_MAX, WINDOW_BYTES_INITIAL};
use crate::stream::Stream;
use crate::trailers::Trailers;

type Told<'b> = Result<Option<Event<'b>>, Broken>;

impl Connection {
    pub(super) fn take_headers<'b>(
        &mut self,
        header: Header,
        payload: &[u8],
        now_ms: u64,
        scratch: &mut Scratch,
    ) -> Told<'b> {
        if header.stream.is_multiple_of(2) {
            return Err(Broken::protocol("HEADERS of a stream that no client opens"));
        }
        let part = unpadded(header, payload)?;
        let ends_stream = header.has(flag::END_STREAM);
        if header.has(flag::END_HEADERS) {
            return self.finish_block(header.stream, ends_stream, part, now_ms, scratch);
        }
        self.reading.block = Some(Block { stream: header.stream, ends_stream, bytes: part.to_vec(), frames: 1 });
        Ok(None)
    }

    pub(super) fn take_continuation<'b>(
        &mut self,
        header: Header,
        payload: &[u8],
        now_ms: u64,
        scratch: &mut Scratch,
    ) -> Told<'b> {
        let Some(block) = &mut self.reading.block else {
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
        match self.reading.block.take() {
            Some(block) => self.finish_block(block.stream, block.ends_stream, &block.bytes, now_ms, scratch),
            None => Ok(None),
        }
    }

    /// Decodes a whole block, whatever becomes of its stream: the table has to know it.
    fn finish_block<'b>(&mut self, id: u32, ends: bool, block: &[u8], now_ms: u64, scratch: &mut Scratch) -> Told<'b> {
        if id > self.streams.last() {
            return self.open(id, ends, block, now_ms, scratch);
        }
        if let Some(place) = self.streams.find(id) {
            return self.take_trailers(place, ends, block, now_ms);
        }
        self.decoder.decode(block, LIST_BYTES_MAX, |_, _| ())?;
        match self.streams.ended(id) {
            Some(Ended::Here) => self.floods.idle_frame(now_ms).map(|()| None),
            Some(Ended::There) => self.fail_id(id, Code::StreamClosed, now_ms),
            None => Err(Broken::closed("HEADERS for a stream that has ended")),
        }
    }

    fn open<'b>(&mut self, id: u32, ends: bool, block: &[u8], now_ms: u64, scratch: &mut Scratch) -> Told<'b> {
        if self.leaving == Leaving::Told {
            self.decoder.decode(block, LIST_BYTES_MAX, |_, _| ())?;
            return self.floods.idle_frame(now_ms).map(|()| None);
        }
        self.streams.saw(id);
        if !self.streams.has_room() {
            self.decoder.decode(block, LIST_BYTES_MAX, |_, _| ())?;
            self.refuse(id, Code::RefusedStream, now_ms)?;
            return Ok(None);
        }
        let mut text = HeadText::new(scratch, self.local.extended_connect);
        self.decoder.decode(block, LIST_BYTES_MAX, |name, value| text.see(name, value))?;
        let facts = match text.finish() {
            Ok(facts) => facts,
            Err(fault) => {
                self.refuse(id, Code::Protocol, now_ms)?;
                return Ok(Some(Event::Malformed { fault }));
            }
        };
        let has_other_length = ends && facts.announced.is_some_and(|length| length > 0);
        if has_other_length && !facts.is_too_long {
            self.refuse(id, Code::Protocol, now_ms)?;
            return Ok(Some(Event::Malformed { fault: crate::Fault::LengthDisagrees }));
        }
        let place = self.streams.open(id, self.opened(ends, &facts));
        Ok(Some(if facts.is_too_long {
            Event::TooLong { place }
        } else {
            Event::Request { place, is_ended: ends, switches: facts.switches }
        }))
    }

    fn opened(&self, ends: bool, facts: &Facts) -> Stream {
        let early = if self.is_agreed { 0 } else { WINDOW_BYTES_EARLY };
        Stream {
            receives: !ends,
            sends: true,
            window_in: i64::from(WINDOW_BYTES_INITIAL) + early,
            window_out: i64::from(self.peer.window_bytes),
            switches: facts.switches,
            announced: facts.announced.filter(|_| !facts.is_too_long),
            priority: facts.priority,
            ..Stream::default()
        }
    }

    /// Resets a stream that has not got a place.
    fn refuse(&mut self, id: u32, code: Code, now_ms: u64) -> Result<(), Broken> {
        self.floods.reset(now_ms)?;
        put_reset(&mut self.output, id, code);
        self.streams.refused(id);
        Ok(())
    }

    fn take_trailers<'b>(&mut self, place: usize, ends: bool, block: &[u8], now_ms: u64) -> Told<'b> {
        let mut trailers = Trailers::default();
        self.decoder.decode(block, LIST_BYTES_MAX, |name, value| trailers.see(name, value))?;
        let Some(stream) = self.streams.live(place).filter(|stream| stream.receives) else {
            return self.fail(place, Code::StreamClosed, None, now_ms).map(Some);
        };
        if stream.switches {
            return self.fail(place, Code::Protocol, Some(crate::Fault::SwitchWithBody), now_ms).map(Some);
        }
        if trailers.bytes() > TRAILER_BYTES_MAX {
            return self.fail(place, Code::EnhanceYourCalm, None, now_ms).map(Some);
        }
        let unended = (!ends).then_some(crate::Fault::UnendedTrailers);
        match trailers.fault().or(unended) {
            Some(fault) => self.fail(place, Code::Protocol, Some(fault), now_ms).map(Some),
            None => self.end_request(place, now_ms),
        }
    }
}
