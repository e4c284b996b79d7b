//! DATA frames of a server: their bytes go on as they come.

use super::{Client, Cut, Phase, Said};
use crate::error::{Broken, Code};
use crate::fault::Fault;
use crate::frame::{HEADER_BYTES, Header, check_length, flag, put_window};
use crate::limits::CLIENT_WINDOW_BYTES;

/// Bytes that were taken, and what they mean, or what breaks the connection.
pub(super) type Step<'b> = Result<(usize, Option<Said<'b>>), Broken>;

/// The rest of a DATA frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data {
    /// The stream, where its bytes are of use.
    place: Option<usize>,
    bytes: usize,
    padding: usize,
    ends: bool,
}

impl Client {
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
        self.check_opened(header.stream)?;
        self.use_window(header.length)?;
        let ends = header.has(flag::END_STREAM);
        let (place, said) = self.place_of_data(header, bytes);
        if place.is_none() && said.is_none() {
            self.streams.take_stray(i64::try_from(header.length).unwrap_or(i64::MAX))?;
        }
        if bytes > 0 {
            self.floods.data(bytes);
        } else if !ends {
            self.floods.idle_frame(now_ms)?;
        }
        self.phase = Phase::Data(Data { place, bytes, padding, ends });
        if let Some(place) = place {
            // Padding is nobody's credit.
            self.grant(place, u32::try_from(padding + taken).unwrap_or(0));
        }
        Ok((HEADER_BYTES + taken, said))
    }

    /// Finds the stream of a DATA frame, takes its window and what was announced. Returns the place
    /// where the bytes are of use, and what has become of the stream where they are not.
    fn place_of_data<'b>(&mut self, header: Header, bytes: usize) -> (Option<usize>, Option<Said<'b>>) {
        // For a stream that was reset they may still be on their way.
        let Some(place) = self.streams.find(header.stream) else { return (None, None) };
        let Some(stream) = self.streams.live_at(place) else { return (None, None) };
        let length = i64::try_from(header.length).unwrap_or(i64::MAX);
        let failed = if !stream.receives {
            Some((Code::StreamClosed, Cut::Overrun))
        } else if !stream.has_head {
            Some((Code::Protocol, Cut::Malformed(Fault::MissingPseudo)))
        } else if stream.window_in < length {
            Some((Code::FlowControl, Cut::Overrun))
        } else {
            stream.window_in -= length;
            let left = stream.announced.map(|left| left.checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX)));
            stream.announced = left.flatten();
            (left == Some(None)).then_some((Code::Protocol, Cut::Malformed(Fault::LengthDisagrees)))
        };
        match failed {
            Some((code, why)) => (None, Some(self.fail(place, code, why))),
            None => (Some(place), None),
        }
    }

    /// Goes on within a DATA frame. Returns `None` where nothing is left of it, or nothing more is
    /// there.
    pub(super) fn take_data<'b>(
        &mut self,
        mut data: Data,
        bytes: &'b [u8],
        text: &mut Vec<u8>,
    ) -> Option<(usize, Option<Said<'b>>)> {
        if data.bytes > 0 {
            let here = data.bytes.min(bytes.len());
            data.bytes -= here;
            self.phase = Phase::Data(data);
            let place = data.place.filter(|place| self.streams.live_at(*place).is_some_and(|stream| stream.receives));
            let said = place.map(|place| Said::Data { place, bytes: &bytes[..here] });
            return (here > 0).then_some((here, said));
        }
        let skipped = data.padding.min(bytes.len());
        data.padding -= skipped;
        self.phase = if data.padding > 0 { Phase::Data(data) } else { Phase::Frames };
        text.clear();
        let said = data.place.filter(|_| data.ends && data.padding == 0).and_then(|place| self.end_response(place));
        (skipped > 0 || said.is_some()).then_some((skipped, said))
    }

    /// Ends the server's side of a stream.
    pub(super) fn end_response<'b>(&mut self, place: usize) -> Option<Said<'b>> {
        let stream = self.streams.live_at(place).filter(|stream| stream.receives)?;
        if stream.announced.is_some_and(|left| left > 0) {
            return Some(self.fail(place, Code::Protocol, Cut::Malformed(Fault::LengthDisagrees)));
        }
        stream.receives = false;
        self.streams.note(place);
        Some(Said::Ended { place })
    }

    /// Takes bytes from the connection's window, and gives back what is used of it in good time.
    fn use_window(&mut self, bytes: usize) -> Result<(), Broken> {
        let used = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.window_in -= i64::from(used);
        if self.window_in < 0 {
            return Err(Broken::flow("more data than the connection's window"));
        }
        self.used_in += used;
        if self.used_in >= CLIENT_WINDOW_BYTES / 2 {
            let back = core::mem::take(&mut self.used_in);
            self.window_in += i64::from(back);
            put_window(&mut self.output, 0, back);
        }
        Ok(())
    }
}
