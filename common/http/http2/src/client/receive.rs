//! Bytes of the server, and what they mean.

use super::data::Step;
use super::{Client, Cut, Phase, Said};
use crate::error::{Broken, Code};
use crate::frame::{HEADER_BYTES, Header, flag, kind, put, put_reset, u31, whole_frame};
use crate::settings::{WINDOW_BYTES_MAX, put_ack};

impl Client {
    /// Takes bytes from the first on; lines of heads and trailers go into `text`. Returns how many
    /// bytes, and what they mean. Call it again with the rest, also where that is empty, until it
    /// takes nothing and says nothing: then it needs more bytes than there are, the next ones
    /// behind those that it left.
    ///
    /// # Errors
    /// What breaks the connection: [`Client::break_off`] tells the server, and this is not called
    /// again.
    pub fn next<'b>(&mut self, bytes: &'b [u8], now_ms: u64, text: &mut Vec<u8>) -> Step<'b> {
        if let Phase::Data(data) = self.phase
            && let Some(step) = self.take_data(data, bytes, text)
        {
            return Ok(step);
        }
        match self.phase {
            Phase::Data(_) => Ok((0, None)),
            Phase::Frames => self.take_frame(bytes, now_ms, text),
            Phase::First => self.take_first(bytes, now_ms),
        }
    }

    fn take_first<'b>(&mut self, bytes: &'b [u8], now_ms: u64) -> Step<'b> {
        // What speaks HTTP/1.1 is told apart by its first bytes, and not waited for.
        if bytes.starts_with(b"HTTP/1") {
            return Err(Broken::protocol("the server speaks HTTP/1.1"));
        }
        let Some((header, payload)) = whole_frame(bytes)? else { return Ok((0, None)) };
        if header.kind != kind::SETTINGS || header.has(flag::ACK) {
            return Err(Broken::protocol("the first frame is not SETTINGS"));
        }
        self.take_settings(header, payload, now_ms)?;
        self.phase = Phase::Frames;
        Ok((HEADER_BYTES + header.length, None))
    }

    #[inline]
    fn take_frame<'b>(&mut self, bytes: &'b [u8], now_ms: u64, text: &mut Vec<u8>) -> Step<'b> {
        let Some(first) = bytes.first_chunk() else { return Ok((0, None)) };
        let header = Header::read(first);
        if header.kind == kind::DATA && self.block.is_none() {
            return self.begin_data(header, &bytes[HEADER_BYTES..], now_ms);
        }
        let Some((header, payload)) = whole_frame(bytes)? else { return Ok((0, None)) };
        if self.block.as_ref().is_some_and(|block| header.kind != kind::CONTINUATION || header.stream != block.stream) {
            return Err(Broken::protocol("a header block was interrupted"));
        }
        let said = match header.kind {
            kind::HEADERS => self.take_headers(header, payload, now_ms, text)?,
            kind::CONTINUATION => self.take_continuation(header, payload, now_ms, text)?,
            kind::RST_STREAM => self.take_reset(header, payload, now_ms)?,
            _ => {
                self.floods.idle_frame(now_ms)?;
                self.take_rare(header, payload, now_ms)?
            }
        };
        Ok((HEADER_BYTES + header.length, said))
    }

    fn take_rare<'b>(&mut self, header: Header, payload: &[u8], now_ms: u64) -> Result<Option<Said<'b>>, Broken> {
        match header.kind {
            kind::WINDOW_UPDATE => return self.take_window(header, payload),
            kind::SETTINGS => self.take_settings(header, payload, now_ms)?,
            kind::PING => self.take_ping(header, payload)?,
            kind::PUSH_PROMISE => return Err(Broken::protocol("the server pushes, which was forbidden")),
            kind::GOAWAY => return self.take_goaway(header, payload),
            // Extensions, and priorities, which are a client's (RFC 9113, sections 5.3.2 and 5.5).
            _ => {}
        }
        Ok(None)
    }

    fn take_settings(&mut self, header: Header, payload: &[u8], now_ms: u64) -> Result<(), Broken> {
        if header.stream != 0 {
            return Err(Broken::protocol("SETTINGS of a stream"));
        }
        if header.has(flag::ACK) {
            return if payload.is_empty() { Ok(()) } else { Err(Broken::size("SETTINGS is acknowledged with more")) };
        }
        let before = self.peer.window_bytes;
        let encoder = &mut self.encoder;
        self.peer.apply(payload, |bytes| encoder.allow(bytes))?;
        let change = i64::from(self.peer.window_bytes) - i64::from(before);
        self.streams.change_windows_out(change)?;
        self.floods.idle_frame(now_ms)?;
        put_ack(&mut self.output);
        Ok(())
    }

    fn take_ping(&mut self, header: Header, payload: &[u8]) -> Result<(), Broken> {
        if header.stream != 0 {
            return Err(Broken::protocol("PING of a stream"));
        }
        if payload.len() != 8 {
            return Err(Broken::size("PING is not of eight bytes"));
        }
        if header.has(flag::ACK) {
            self.awaits_pong = false;
        } else {
            put(&mut self.output, kind::PING, flag::ACK, 0, payload);
        }
        Ok(())
    }

    fn take_goaway<'b>(&mut self, header: Header, payload: &[u8]) -> Result<Option<Said<'b>>, Broken> {
        if header.stream != 0 {
            return Err(Broken::protocol("GOAWAY of a stream"));
        }
        let Some((last, _)) = payload.split_first_chunk::<4>().filter(|(_, rest)| rest.len() >= 4) else {
            return Err(Broken::size("GOAWAY is too short"));
        };
        // A server may lower the number and never raise it (RFC 9113, section 6.8).
        self.last = Some(self.last.unwrap_or(u32::MAX).min(u31(*last)));
        Ok(Some(Said::Leaving))
    }

    fn take_window<'b>(&mut self, header: Header, payload: &[u8]) -> Result<Option<Said<'b>>, Broken> {
        let bytes: [u8; 4] = payload.try_into().map_err(|_| Broken::size("WINDOW_UPDATE is not of four bytes"))?;
        let (more, beyond) = (i64::from(u31(bytes)), i64::from(WINDOW_BYTES_MAX));
        if header.stream == 0 {
            self.window_out += more;
            return match more {
                0 => Err(Broken::protocol("WINDOW_UPDATE of nothing")),
                _ if self.window_out > beyond => Err(Broken::flow("the connection's window is beyond all")),
                _ => Ok(None),
            };
        }
        self.check_opened(header.stream)?;
        let Some(place) = self.streams.find(header.stream) else { return Ok(None) };
        let Some(stream) = self.streams.live_at(place) else { return Ok(None) };
        stream.window_out += more;
        if more == 0 || stream.window_out > beyond {
            return Ok(Some(self.fail(place, Code::FlowControl, Cut::Overrun)));
        }
        Ok(None)
    }

    fn take_reset<'b>(&mut self, header: Header, payload: &[u8], now_ms: u64) -> Result<Option<Said<'b>>, Broken> {
        let code: [u8; 4] = payload.try_into().map_err(|_| Broken::size("RST_STREAM is not of four bytes"))?;
        self.check_opened(header.stream)?;
        let Some(place) = self.streams.find(header.stream) else {
            self.floods.idle_frame(now_ms)?;
            return Ok(None);
        };
        // Each costs the server a stream of ours: there are no more of them than requests.
        self.streams.cut(place);
        let code = u32::from_be_bytes(code);
        let why = if code == Code::RefusedStream as u32 { Cut::Unprocessed } else { Cut::Server(code) };
        Ok(Some(Said::Cut { place, why }))
    }

    /// Checks that a stream has been opened by this side.
    pub(super) fn check_opened(&self, id: u32) -> Result<(), Broken> {
        if self.streams.was_opened(id) { Ok(()) } else { Err(Broken::protocol("a frame of a stream that is idle")) }
    }

    /// Ends a stream because of what the server did.
    pub(super) fn fail<'b>(&mut self, place: usize, code: Code, why: Cut) -> Said<'b> {
        if let Some(id) = self.streams.cut(place) {
            put_reset(&mut self.output, id, code);
        }
        Said::Cut { place, why }
    }
}
