//! DATA frames of a client: their bytes go on as they come.

use crate::connection::reading::{Data, Phase, Step, Taken};
use crate::connection::{Connection, Event};
use crate::error::{Broken, Code};
use crate::fault::Fault;
use crate::frame::{HEADER_BYTES, Header, check_length, flag, put_window};
use crate::history::Ended;
use crate::limits::CONNECTION_WINDOW_BYTES;

impl Connection {
    pub(super) fn begin_data<'b>(&mut self, header: Header, payload: &[u8], now_ms: u64) -> Step<'b> {
        check_length(header)?;
        let (padding, taken) = match payload.first() {
            _ if !header.has(flag::PADDED) => (0, 0),
            Some(padding) => (usize::from(*padding), 1),
            None if header.length > 0 => return Ok((0, None)),
            None => (1, 0),
        };
        let Some(bytes) = header.length.checked_sub(padding + taken).filter(|_| taken == 1 || padding == 0) else {
            return Err(Broken::protocol("DATA is padded beyond its length"));
        };
        self.check_not_idle(header.stream)?;
        self.use_window(header.length)?;
        let ends = header.has(flag::END_STREAM);
        let (place, event) = self.place_of_data(header, bytes, now_ms)?;
        // What comes for a stream that is over pays for nothing.
        if bytes > 0 && place.is_some() {
            self.floods.data(bytes);
        } else if !ends {
            self.floods.idle_frame(now_ms)?;
        }
        let data = Data { place, bytes, padding, ends };
        self.reading.phase = Phase::Data(data);
        if let Some(place) = place
            && padding + taken > 0
        {
            // Padding is nobody's credit.
            self.grant(place, u32::try_from(padding + taken).unwrap_or(0));
        }
        Ok((HEADER_BYTES + taken, event))
    }

    /// Finds the stream of a DATA frame, takes its window and what was announced. Returns the place
    /// where the bytes are of use, and what has become of the stream where they are not.
    fn place_of_data<'b>(
        &mut self,
        header: Header,
        bytes: usize,
        now_ms: u64,
    ) -> Result<(Option<usize>, Option<Event<'b>>), Broken> {
        let Some(place) = self.streams.find(header.stream) else {
            return match self.streams.ended(header.stream) {
                Some(Ended::Here) => Ok((None, None)),
                Some(Ended::There) => Ok((None, self.fail_id(header.stream, Code::StreamClosed, now_ms)?)),
                None => Err(Broken::closed("DATA for a stream that has ended")),
            };
        };
        let Some(stream) = self.streams.live(place) else { return Ok((None, None)) };
        let failed = if !stream.receives {
            Some((Code::StreamClosed, None))
        } else if stream.window_in < length(header.length) {
            Some((Code::FlowControl, None))
        } else {
            stream.window_in -= length(header.length);
            let announced = stream.announced.map(|left| left.checked_sub(bytes as u64));
            match announced {
                Some(None) => Some((Code::Protocol, Some(Fault::LengthDisagrees))),
                Some(left) => {
                    stream.announced = left;
                    None
                }
                None => None,
            }
        };
        match failed {
            Some((code, fault)) => Ok((None, Some(self.fail(place, code, fault, now_ms)?))),
            None => Ok((Some(place), None)),
        }
    }

    /// Goes on within a DATA frame. Returns `None` where nothing is left of it, or nothing more is
    /// there.
    pub(super) fn take_data<'b>(
        &mut self,
        mut data: Data,
        bytes: &'b [u8],
        now_ms: u64,
    ) -> Result<Option<Taken<'b>>, Broken> {
        if data.bytes > 0 {
            let here = data.bytes.min(bytes.len());
            data.bytes -= here;
            self.reading.phase = Phase::Data(data);
            let place = data.place.filter(|place| self.streams.live(*place).is_some_and(|stream| stream.receives));
            let event = place.map(|place| Event::Data { place, bytes: &bytes[..here] });
            return Ok((here > 0).then_some((here, event)));
        }
        let skipped = data.padding.min(bytes.len());
        data.padding -= skipped;
        self.reading.phase = if data.padding > 0 { Phase::Data(data) } else { Phase::Frames };
        let event = match data.place {
            Some(place) if data.ends && data.padding == 0 => self.end_request(place, now_ms)?,
            _ => None,
        };
        Ok((skipped > 0 || event.is_some()).then_some((skipped, event)))
    }

    /// Ends the client's side of a stream.
    pub(super) fn end_request<'b>(&mut self, place: usize, now_ms: u64) -> Result<Option<Event<'b>>, Broken> {
        let Some(stream) = self.streams.live(place).filter(|stream| stream.receives) else { return Ok(None) };
        if stream.announced.is_some_and(|left| left > 0) {
            return self.fail(place, Code::Protocol, Some(Fault::LengthDisagrees), now_ms).map(Some);
        }
        stream.receives = false;
        self.streams.end(place);
        Ok(Some(Event::Ended { place }))
    }

    /// Takes bytes from the connection's window, and gives back what is used of it in good time.
    /// That is not done before the settings are agreed: until then it bounds what has to be kept.
    fn use_window(&mut self, bytes: usize) -> Result<(), Broken> {
        let used = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.window_in -= i64::from(used);
        if self.window_in < 0 {
            return Err(Broken::flow("more data than the connection's window"));
        }
        self.used_in += used;
        if self.is_agreed && self.used_in >= CONNECTION_WINDOW_BYTES / 2 {
            let back = core::mem::take(&mut self.used_in);
            self.window_in += i64::from(back);
            put_window(&mut self.output, 0, back);
        }
        Ok(())
    }
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
