//! Bytes of the client to events.

use crate::connection::reading::{Phase, Step};
use crate::connection::{Connection, Event, LEAVING_PING, Leaving, WINDOW_BYTES_EARLY};
use crate::error::{Broken, Code};
use crate::fault::Fault;
use crate::frame::{HEADER_BYTES, Header, PREFACE, flag, kind, put, put_reset, put_window, u31, whole_frame};
use crate::head::Scratch;
use crate::history::Ended;
use crate::limits::CONNECTION_WINDOW_BYTES;
use crate::priority::Priority;
use crate::settings::{WINDOW_BYTES_MAX, WINDOW_BYTES_UNSAID, put_ack};

impl Connection {
    /// Takes bytes from the first on. Returns how many, and what they mean. Call it again with the
    /// rest, also where that is empty, until it takes nothing and says nothing: then it needs more
    /// bytes than there are, the next ones behind those that it left.
    ///
    /// # Errors
    /// What breaks the connection: [`Connection::break_off`] tells the client, and this is not
    /// called again.
    pub fn next<'b>(
        &mut self,
        bytes: &'b [u8],
        now_ms: u64,
        scratch: &mut Scratch,
    ) -> Result<(usize, Option<Event<'b>>), Broken> {
        if let Phase::Data(data) = self.reading.phase
            && let Some(step) = self.take_data(data, bytes, now_ms)?
        {
            return Ok(step);
        }
        match self.reading.phase {
            Phase::Data(_) => Ok((0, None)),
            Phase::Frames => self.take_frame(bytes, now_ms, scratch),
            Phase::First => self.take_first(bytes, now_ms),
            Phase::Preface => match bytes.strip_prefix(PREFACE) {
                Some(_) => {
                    self.reading.phase = Phase::First;
                    Ok((PREFACE.len(), None))
                }
                None if PREFACE.starts_with(bytes) => Ok((0, None)),
                None => Err(Broken::protocol("the preface is none")),
            },
        }
    }

    fn take_first<'b>(&mut self, bytes: &'b [u8], now_ms: u64) -> Step<'b> {
        let Some((header, payload)) = whole_frame(bytes)? else { return Ok((0, None)) };
        if header.kind != kind::SETTINGS || header.has(flag::ACK) {
            return Err(Broken::protocol("the first frame is not SETTINGS"));
        }
        self.take_settings(header, payload, now_ms)?;
        self.reading.phase = Phase::Frames;
        Ok((HEADER_BYTES + header.length, None))
    }

    #[inline]
    fn take_frame<'b>(&mut self, bytes: &'b [u8], now_ms: u64, scratch: &mut Scratch) -> Step<'b> {
        let Some(first) = bytes.first_chunk() else { return Ok((0, None)) };
        let header = Header::read(first);
        if header.kind == kind::DATA && self.reading.block.is_none() {
            return self.begin_data(header, &bytes[HEADER_BYTES..], now_ms);
        }
        let Some((header, payload)) = whole_frame(bytes)? else { return Ok((0, None)) };
        if self
            .reading
            .block
            .as_ref()
            .is_some_and(|block| header.kind != kind::CONTINUATION || header.stream != block.stream)
        {
            return Err(Broken::protocol("a header block was interrupted"));
        }
        let event = match header.kind {
            kind::HEADERS => self.take_headers(header, payload, now_ms, scratch)?,
            kind::CONTINUATION => self.take_continuation(header, payload, now_ms, scratch)?,
            kind::WINDOW_UPDATE => self.take_window(header, payload, now_ms)?,
            kind::RST_STREAM => self.take_reset(header, payload, now_ms)?,
            other => {
                self.floods.idle_frame(now_ms)?;
                self.take_rare(Header { kind: other, ..header }, payload, now_ms)?
            }
        };
        Ok((HEADER_BYTES + header.length, event))
    }

    fn take_rare<'b>(&mut self, header: Header, payload: &[u8], now_ms: u64) -> Result<Option<Event<'b>>, Broken> {
        match header.kind {
            kind::SETTINGS => self.take_settings(header, payload, now_ms)?,
            kind::PING => self.take_ping(header, payload)?,
            kind::PRIORITY if header.stream == 0 => return Err(Broken::protocol("PRIORITY of no stream")),
            kind::PRIORITY if payload.len() != 5 => return self.fail_id(header.stream, Code::FrameSize, now_ms),
            kind::PRIORITY_UPDATE => self.take_priority_update(header, payload)?,
            kind::PUSH_PROMISE => return Err(Broken::protocol("a client pushes")),
            kind::GOAWAY if header.stream != 0 => return Err(Broken::protocol("GOAWAY of a stream")),
            kind::GOAWAY if payload.len() < 8 => return Err(Broken::size("GOAWAY is too short")),
            kind::GOAWAY => return Ok(Some(Event::Leaving)),
            // Extensions, and priorities of the kind that is not obeyed (RFC 9113, sections 5.3.2
            // and 5.5).
            _ => {}
        }
        Ok(None)
    }

    fn take_settings(&mut self, header: Header, payload: &[u8], now_ms: u64) -> Result<(), Broken> {
        if header.stream != 0 {
            return Err(Broken::protocol("SETTINGS of a stream"));
        }
        if header.has(flag::ACK) {
            return if payload.is_empty() {
                self.agree()
            } else {
                Err(Broken::size("SETTINGS is acknowledged with more"))
            };
        }
        let before = self.peer.window_bytes;
        let encoder = &mut self.encoder;
        self.peer.apply(payload, |bytes| encoder.allow(bytes))?;
        let change = i64::from(self.peer.window_bytes) - i64::from(before);
        if change != 0 {
            for place in self.streams.change_windows_out(change)? {
                self.queue(place);
            }
        }
        self.floods.idle_frame(now_ms)?;
        put_ack(&mut self.output);
        Ok(())
    }

    /// The client knows what this side allows: each stream from now on as much as is granted, and
    /// all of them together what a connection may have on its way.
    fn agree(&mut self) -> Result<(), Broken> {
        if self.is_agreed {
            return Ok(());
        }
        self.is_agreed = true;
        for (_, stream) in self.streams.all_live() {
            stream.window_in -= WINDOW_BYTES_EARLY;
        }
        let more = CONNECTION_WINDOW_BYTES - WINDOW_BYTES_UNSAID + core::mem::take(&mut self.used_in);
        self.window_in += i64::from(more);
        put_window(&mut self.output, 0, more);
        Ok(())
    }

    fn take_ping(&mut self, header: Header, payload: &[u8]) -> Result<(), Broken> {
        if header.stream != 0 {
            return Err(Broken::protocol("PING of a stream"));
        }
        if payload.len() != 8 {
            return Err(Broken::size("PING is not of eight bytes"));
        }
        if !header.has(flag::ACK) {
            put(&mut self.output, kind::PING, flag::ACK, 0, payload);
        } else if payload == LEAVING_PING && self.leaving == Leaving::Asked {
            self.leave_now();
        }
        Ok(())
    }

    fn take_priority_update(&mut self, header: Header, payload: &[u8]) -> Result<(), Broken> {
        if header.stream != 0 {
            return Err(Broken::protocol("PRIORITY_UPDATE of a stream"));
        }
        let Some((id, value)) = payload.split_first_chunk::<4>() else {
            return Err(Broken::size("PRIORITY_UPDATE is too short"));
        };
        let id = u31(*id);
        if id.is_multiple_of(2) {
            return Err(Broken::protocol("PRIORITY_UPDATE for a stream that no client has"));
        }
        if let Some(stream) = self.streams.find(id).and_then(|place| self.streams.live(place)) {
            stream.priority = Some(Priority::read(value));
        }
        Ok(())
    }

    fn take_window<'b>(&mut self, header: Header, payload: &[u8], now_ms: u64) -> Result<Option<Event<'b>>, Broken> {
        self.floods.idle_frame(now_ms)?;
        let bytes: [u8; 4] = payload.try_into().map_err(|_| Broken::size("WINDOW_UPDATE is not of four bytes"))?;
        let more = i64::from(u31(bytes));
        let beyond = i64::from(WINDOW_BYTES_MAX);
        if header.stream == 0 {
            self.window_out += more;
            return match more {
                0 => Err(Broken::protocol("WINDOW_UPDATE of nothing")),
                _ if self.window_out > beyond => Err(Broken::flow("the connection's window is beyond all")),
                _ => Ok(None),
            };
        }
        self.check_not_idle(header.stream)?;
        let Some(place) = self.streams.find(header.stream) else { return Ok(None) };
        let Some(stream) = self.streams.live(place) else { return Ok(None) };
        stream.window_out += more;
        if more == 0 {
            return self.fail(place, Code::Protocol, None, now_ms).map(Some);
        }
        if stream.window_out > beyond {
            return self.fail(place, Code::FlowControl, None, now_ms).map(Some);
        }
        self.queue(place);
        Ok(None)
    }

    fn take_reset<'b>(&mut self, header: Header, payload: &[u8], now_ms: u64) -> Result<Option<Event<'b>>, Broken> {
        if header.stream == 0 {
            return Err(Broken::protocol("RST_STREAM of no stream"));
        }
        if payload.len() != 4 {
            return Err(Broken::size("RST_STREAM is not of four bytes"));
        }
        self.check_not_idle(header.stream)?;
        let Some(place) = self.streams.find(header.stream) else {
            self.floods.idle_frame(now_ms)?;
            return Ok(None);
        };
        self.floods.reset(now_ms)?;
        self.streams.cut(place, Ended::There);
        Ok(Some(Event::Reset { place, fault: None }))
    }

    /// Checks that a stream has been opened by the client.
    pub(super) fn check_not_idle(&self, id: u32) -> Result<(), Broken> {
        if id == 0 {
            Err(Broken::protocol("a frame of no stream that belongs to one"))
        } else if id.is_multiple_of(2) || id > self.streams.last() {
            Err(Broken::protocol("a frame of a stream that is idle"))
        } else {
            Ok(())
        }
    }

    /// Resets a stream because of what the client did.
    pub(super) fn fail<'b>(
        &mut self,
        place: usize,
        code: Code,
        fault: Option<Fault>,
        now_ms: u64,
    ) -> Result<Event<'b>, Broken> {
        self.floods.reset(now_ms)?;
        if let Some(stream) = self.streams.live(place) {
            put_reset(&mut self.output, stream.id, code);
        }
        self.streams.cut(place, Ended::Here);
        Ok(Event::Reset { place, fault })
    }

    /// Resets a stream that may have no place.
    pub(super) fn fail_id<'b>(&mut self, id: u32, code: Code, now_ms: u64) -> Result<Option<Event<'b>>, Broken> {
        if let Some(place) = self.streams.find(id) {
            return self.fail(place, code, None, now_ms).map(Some);
        }
        self.floods.reset(now_ms)?;
        put_reset(&mut self.output, id, code);
        Ok(None)
    }
}
