//! The filter contract: every request is forwarded, or replaced by a verdict, exactly once.

use fosse_blobs::{OverLimit, WafFilter, WafMode, WafSite};
use fosse_counters::{Counters, STREAM_CONNECTION, waf_filter as count};
use fosse_die::{Odd, info};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId, WireError,
    order::Forward,
    request::{BodyLength, RequestHead, decode_end},
    verdict::{Cause, Verdict},
};

use crate::{checks, held::Held};

const PROGRAM: &str = "fosse-waf-filter";

/// Memory for held bodies where no configuration says otherwise (in a shell).
const HELD_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;
/// Bytes of a body that is judged where no configuration says otherwise.
const BODY_BYTES_DEFAULT: u64 = 1024 * 1024;

/// What happens to the frames of a stream.
#[derive(Debug, Default)]
enum Course {
    /// They pass.
    #[default]
    Pass,
    /// They are held until the body is whole or the limit is reached.
    Hold(Box<Held>),
    /// The verdict is out; the rest is swallowed.
    Denied,
}

#[derive(Debug, Default)]
struct Slot {
    id: Option<StreamId>,
    order: Forward,
    site: u32,
    /// Body bytes seen.
    seen: u64,
    request: u64,
    connection: u64,
    course: Course,
}

/// All streams, and what they may take.
#[derive(Debug)]
pub struct Judge {
    config: WafFilter,
    fallback: WafSite,
    slots: Vec<Slot>,
    held_bytes: u64,
    held_bytes_max: u64,
    /// What it counts.
    pub counters: Counters,
}

/// A denial before it is a frame.
struct Denial {
    status: u16,
    cause: Cause,
    message: &'static str,
    retry_after: u32,
}

impl Judge {
    /// Without a configuration every site is in block mode.
    #[must_use]
    pub fn new(config: Option<WafFilter>, counters: Counters) -> Self {
        let config = config.unwrap_or_default();
        let held_bytes_max = if config.held_bytes_max == 0 { HELD_BYTES_DEFAULT } else { config.held_bytes_max };
        let fallback = WafSite { body_bytes_max: BODY_BYTES_DEFAULT, ..WafSite::default() };
        Self { config, fallback, slots: Vec::new(), held_bytes: 0, held_bytes_max, counters }
    }

    fn site(&self, number: u32) -> &WafSite {
        usize::try_from(number).ok().and_then(|n| self.config.sites.get(n)).unwrap_or(&self.fallback)
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// [`WireError`]: parse broke the protocol and the conversation is over.
    pub fn frame(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        if matches!(frame.kind, Kind::ResponseCredit | Kind::RequestCredit | Kind::Lease) {
            out.forward(frame);
            return Ok(());
        }
        let index = frame.stream.slot();
        if index >= self.slots.len() {
            self.slots.resize_with(index.saturating_add(1), Slot::default);
        }
        let Some(slot) = self.slots.get_mut(index) else { return Err(WireError::Order(frame.kind)) };
        let known = slot.id == Some(frame.stream);
        match (frame.kind, known, slot.order) {
            (Kind::Request, false, Forward::Idle | Forward::Ended) => {
                *slot = Slot { id: Some(frame.stream), order: Forward::Open, ..Slot::default() };
                self.request(frame, out)
            }
            // A reset that crossed the answer's end.
            (Kind::Reset, _, Forward::Ended) | (Kind::Reset, false, _) => {
                out.forward(frame);
                Ok(())
            }
            (kind, true, order) => {
                slot.order = order.after(kind)?;
                self.counters.set(STREAM_CONNECTION, slot.connection);
                match kind {
                    Kind::RequestData => self.data(frame, out),
                    Kind::RequestEnd => self.end(frame, out),
                    Kind::Reset => self.reset(frame, out),
                    other => Err(WireError::Order(other)),
                }
            }
            (kind, false, _) => Err(WireError::Order(kind)),
        }
    }

    fn request(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        let head = RequestHead::decode(frame.body)?;
        self.counters.set(STREAM_CONNECTION, head.connection);
        if let Some(slot) = self.slots.get_mut(frame.stream.slot()) {
            (slot.site, slot.request, slot.connection) = (head.site, head.request, head.connection);
        }
        if self.site(head.site).mode == WafMode::Off {
            out.forward(frame);
            return Ok(());
        }
        self.counters.add(count::REQUESTS, 1);
        let site = self.site(head.site);
        if let Some((status, message)) = checks::head(site, &head) {
            self.found(&head, message);
            if self.site(head.site).mode == WafMode::Block {
                return self.deny(
                    frame.stream,
                    &Denial { status, cause: Cause::Protocol, message, retry_after: 0 },
                    out,
                );
            }
        }
        self.body_begins(frame, &head, out)
    }

    fn body_begins(&mut self, frame: &Frame<'_>, head: &RequestHead<'_>, out: &mut Outbox) -> Result<(), WireError> {
        let site = self.site(head.site);
        match head.body {
            BodyLength::None | BodyLength::Exact(0) => {
                out.forward(frame);
                return Ok(());
            }
            BodyLength::Exact(length) if length > site.body_bytes_max && site.over_limit == OverLimit::Reject => {
                return self.over_size(frame.stream, out);
            }
            _ => {}
        }
        // One byte ahead tells the client to go on, where it waits for that.
        let ahead = u32::from(head.expect_continue);
        out.credit(frame.stream, Kind::RequestCredit, ahead);
        if let Some(slot) = self.slots.get_mut(frame.stream.slot()) {
            slot.course = Course::Hold(Box::new(Held::new(frame.body, ahead)));
        }
        Ok(())
    }

    fn data(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        let length = u64::try_from(frame.body.len()).unwrap_or(u64::MAX);
        let Some(slot) = self.slots.get_mut(frame.stream.slot()) else { return Ok(()) };
        slot.seen = slot.seen.saturating_add(length);
        let (seen, number) = (slot.seen, slot.site);
        match &mut slot.course {
            Course::Denied => return Ok(()),
            Course::Pass => {
                out.forward(frame);
                return Ok(());
            }
            Course::Hold(held) => {
                let grant = held.take(frame.body);
                out.credit(frame.stream, Kind::RequestCredit, grant);
            }
        }
        self.held_bytes = self.held_bytes.saturating_add(length);
        self.counters.set(count::HELD_BYTES, self.held_bytes);
        let site = self.site(number);
        let over = seen > site.body_bytes_max;
        if over && site.over_limit == OverLimit::Reject {
            return self.over_size(frame.stream, out);
        }
        if self.held_bytes > self.held_bytes_max {
            self.counters.add(count::OVER_MEMORY, 1);
            let message = "memory for held bodies is used up";
            return self.deny(
                frame.stream,
                &Denial { status: 503, cause: Cause::Memory, message, retry_after: 1 },
                out,
            );
        }
        if over {
            self.counters.add(count::PASSED_IN_PART, 1);
            info(
                PROGRAM,
                format_args!("event=passed-in-part request={:016x} judged={seen}", self.request_of(frame.stream)),
            );
            return self.release(frame.stream, out);
        }
        Ok(())
    }

    fn end(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        decode_end(frame.body)?;
        self.release(frame.stream, out)?;
        let denied = self.slots.get(frame.stream.slot()).is_some_and(|s| matches!(s.course, Course::Denied));
        if !denied {
            out.forward(frame);
        }
        self.close(frame.stream);
        Ok(())
    }

    /// The client is gone: what is held was never sent on, so nobody behind us needs to hear of the stream.
    fn reset(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        frame.reset()?;
        let course = self.slots.get_mut(frame.stream.slot()).map(|s| std::mem::take(&mut s.course));
        match course {
            Some(Course::Hold(held)) => {
                self.held_bytes = self.held_bytes.saturating_sub(u64::try_from(held.body().len()).unwrap_or(0));
                // parse waits for the stream to come round; dispatch must learn of it to answer.
                let verdict = Verdict {
                    status: 499,
                    message: b"client is gone",
                    request: self.request_of(frame.stream),
                    ..Verdict::default()
                };
                out.frame(frame.stream, Kind::Verdict, |body| verdict.encode(body))?;
            }
            Some(Course::Denied) => {}
            _ => out.forward(frame),
        }
        self.close(frame.stream);
        Ok(())
    }

    fn close(&mut self, stream: StreamId) {
        if let Some(slot) = self.slots.get_mut(stream.slot()) {
            slot.course = Course::Pass;
        }
        self.counters.set(count::HELD_BYTES, self.held_bytes);
    }

    fn request_of(&self, stream: StreamId) -> u64 {
        self.slots.get(stream.slot()).map_or(0, |s| s.request)
    }

    /// Sends on what was held.
    fn release(&mut self, stream: StreamId, out: &mut Outbox) -> Result<(), WireError> {
        let Some(slot) = self.slots.get_mut(stream.slot()) else { return Ok(()) };
        if !matches!(slot.course, Course::Hold(_)) {
            return Ok(());
        }
        if let Course::Hold(held) = std::mem::take(&mut slot.course) {
            self.held_bytes = self.held_bytes.saturating_sub(u64::try_from(held.body().len()).unwrap_or(0));
            held.release(stream, out)?;
        }
        Ok(())
    }

    fn over_size(&mut self, stream: StreamId, out: &mut Outbox) -> Result<(), WireError> {
        self.counters.add(count::OVER_SIZE, 1);
        let message = "body over the site's limit";
        self.deny(stream, &Denial { status: 413, cause: Cause::BodySize, message, retry_after: 0 }, out)
    }

    fn deny(&mut self, stream: StreamId, denial: &Denial, out: &mut Outbox) -> Result<(), WireError> {
        self.counters.add(count::DENIED, 1);
        let Some(slot) = self.slots.get_mut(stream.slot()) else { return Ok(()) };
        if let Course::Hold(held) = std::mem::replace(&mut slot.course, Course::Denied) {
            self.held_bytes = self.held_bytes.saturating_sub(u64::try_from(held.body().len()).unwrap_or(0));
        }
        let verdict = Verdict {
            status: denial.status,
            cause: denial.cause,
            retry_after: denial.retry_after,
            site: slot.site,
            request: slot.request,
            message: denial.message.as_bytes(),
            ..Verdict::default()
        };
        out.frame(stream, Kind::Verdict, |body| verdict.encode(body))
    }

    fn found(&mut self, head: &RequestHead<'_>, message: &str) {
        if self.site(head.site).mode == WafMode::Detect {
            self.counters.add(count::DETECTED, 1);
        }
        let client = head.client.ip().map_or_else(|| "unix".into(), |ip| ip.to_string());
        let mode = self.site(head.site).mode;
        info(
            PROGRAM,
            format_args!(
                "event=found request={:016x} client={client} host={} target={} what=\"{message}\" mode={mode:?}",
                head.request,
                Odd(head.host),
                Odd(head.target.get(..head.target.len().min(256)).unwrap_or_default()),
            ),
        );
    }
}
