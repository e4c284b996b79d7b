//! Client bytes in, request frames out.

use fosse_counters::STREAM_CONNECTION;
use fosse_front::context::Context;
use fosse_front::refused::Refused;
use fosse_front::request::Request;
use fosse_http1::{Lead, Piece, Refusal, RequestHead, find_head_end, leading, unfinished_too_long};
use fosse_wire::frame::ResetReason;
use fosse_wire::{Outbox, WireError};

use crate::conn::{Conn, HeadSearch, Phase};
use crate::limit::Limit;
use crate::limits::BODY_PROGRESS_BYTES_MIN;
use crate::message::{Body, Expect, Message};

/// The outcome of one step.
enum Step {
    /// It took this many bytes; go on with the rest.
    Took(usize),
    /// Nothing more can be done until something happens.
    Wait,
    /// The connection ends with a local response.
    Refuse(Refused),
    /// The connection ends at once, as accept ends one that it refuses.
    Close(Refused),
}

impl From<Refusal> for Step {
    fn from(why: Refusal) -> Self {
        Self::Refuse(why.into())
    }
}

impl Conn {
    /// Takes bytes just read. They are parsed where they are, and only what is left over is copied.
    pub fn feed(&mut self, fresh: &[u8], context: &mut Context, out: &mut Outbox) {
        if self.input.is_empty() {
            // The time of a head begins with its first byte.
            if self.phase == Phase::Head && self.timer.kind() == Some(Limit::Head) {
                self.timer.stop();
            }
            let used = self.consume(fresh, context, out);
            let left = &fresh[used..];
            if !left.is_empty() && self.keeps_input() {
                context.buffers.lend(&mut self.input);
                self.input.extend_from_slice(left);
            }
        } else {
            self.input.extend_from_slice(fresh);
            self.resume(context, out);
        }
    }

    /// Goes on with buffered bytes after the phase, the credit or the output has changed.
    pub fn resume(&mut self, context: &mut Context, out: &mut Outbox) {
        if self.input.is_empty() {
            return;
        }
        let mut input = core::mem::take(&mut self.input);
        let used = self.consume(&input, context, out);
        input.drain(..used);
        if input.is_empty() || !self.keeps_input() {
            input.clear();
            context.buffers.give_back(&mut input);
        } else {
            self.input = input;
        }
    }

    /// Goes on with the next request where it has come already. Returns whether that led anywhere.
    pub(crate) fn resume_pipelined(&mut self, context: &mut Context, out: &mut Outbox) -> bool {
        let before = self.input.len();
        if self.phase != Phase::Head || before == 0 {
            return false;
        }
        // If these bytes break this process, its last sign of life names whose they are.
        context.counters.work_on(self.caller.record.id, self.stream.named_source(&self.caller));
        self.resume(context, out);
        context.counters.set(STREAM_CONNECTION, 0);
        self.phase != Phase::Head || self.input.len() != before
    }

    /// Returns whether bytes that are not parsed yet may be of use later.
    fn keeps_input(&self) -> bool {
        matches!(self.phase, Phase::Proxy | Phase::Head | Phase::Body | Phase::Response)
    }

    /// Goes as far as it can and returns the number of bytes taken.
    fn consume(&mut self, bytes: &[u8], context: &mut Context, out: &mut Outbox) -> usize {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let step = match self.phase {
                _ if rest.is_empty() => Step::Wait,
                Phase::Proxy => self.take_proxy(rest, context),
                Phase::Head if self.output.is_empty() => self.take_head(rest, context, out),
                Phase::Body => self.take_body(rest, context, out),
                Phase::Linger => Step::Took(rest.len()),
                _ => Step::Wait,
            };
            match step {
                Step::Took(count) => used += count,
                Step::Wait => return used,
                Step::Close(refused) => {
                    self.stream.report_refusal(b"", Refused { status: 0, ..refused }, &self.caller, context);
                    self.abort(ResetReason::Client, context, out);
                    return bytes.len();
                }
                Step::Refuse(refused) => {
                    let head: &[u8] = if self.phase == Phase::Head { rest } else { b"" };
                    self.refuse_seeing(head, refused, context, out);
                    return bytes.len();
                }
            }
        }
    }

    fn take_proxy(&mut self, bytes: &[u8], context: &mut Context) -> Step {
        match fosse_proxyproto::decode(bytes) {
            Ok(Some((header, used))) => {
                self.phase = Phase::Head;
                match self.caller.take_proxy(&header, context) {
                    Ok(()) => Step::Took(used),
                    Err(refused) => Step::Close(refused),
                }
            }
            Ok(None) => Step::Wait,
            Err(_) => Step::Refuse(Refused::PROXY),
        }
    }

    fn take_head(&mut self, bytes: &[u8], context: &mut Context, out: &mut Outbox) -> Step {
        if self.search.bytes == 0 && !self.search.line_skipped {
            match leading(bytes) {
                Lead::EmptyLine => {
                    self.search.line_skipped = true;
                    return Step::Took(2);
                }
                Lead::Undecided => return Step::Wait,
                Lead::Nothing => {}
            }
        }
        let limit = context.settings.head.head_bytes;
        match find_head_end(bytes, self.search.bytes) {
            Ok(Some(end)) => self.take_whole_head(&bytes[..end], context, out),
            Ok(None) if bytes.len() >= limit => unfinished_too_long(bytes).into(),
            Ok(None) => {
                self.search.bytes = bytes.len();
                Step::Wait
            }
            Err(why) => why.into(),
        }
    }

    fn take_whole_head(&mut self, bytes: &[u8], context: &mut Context, out: &mut Outbox) -> Step {
        self.search = HeadSearch::default();
        self.stream.forget();
        let head = match RequestHead::parse(bytes, &context.settings.head) {
            Ok(head) => head,
            Err(why) => return why.into(),
        };
        let mut request = Request::from(&head);
        let asker = match self.stream.admit(&request, &self.caller, context) {
            Ok(asker) => asker,
            Err(refused) => return Step::Refuse(refused),
        };
        let default;
        if head.host.name().is_empty() {
            default = context.settings.default_of(self.caller.record.listener).host;
            let Some(host) = &default else { return Refusal::HostMissing.into() };
            request.host = host;
        }
        let terms = match self.stream.terms(&request, asker, &self.caller, context) {
            Ok(terms) => terms,
            Err(refused) => return Step::Refuse(refused),
        };
        if self.stream.begin(&request, &terms, asker, &mut self.caller, context, out).is_err() {
            return Step::Refuse(Refused::HEAD);
        }
        self.message = Message::of(&head);
        self.phase = Phase::Body;
        self.restart_body_limit();
        if head.body.is_empty() && self.end_body(context, out).is_err() {
            return Step::Refuse(Refused::HEAD);
        }
        Step::Took(bytes.len())
    }

    fn take_body(&mut self, bytes: &[u8], context: &mut Context, out: &mut Outbox) -> Step {
        let credit = usize::try_from(self.stream.exchange.request_credit).unwrap_or(usize::MAX);
        let (used, data, ended) = match &mut self.message.body {
            Body::Exact(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(credit).min(bytes.len());
                *left -= u64::try_from(here).unwrap_or(u64::MAX);
                (here, &bytes[..here], *left == 0)
            }
            Body::Chunked(decoder) => match decoder.next_within(bytes, credit) {
                Ok((used, Piece::Data(data))) => (used, data, false),
                Ok((used, Piece::More)) => (used, [].as_slice(), false),
                Ok((used, Piece::End)) => (used, [].as_slice(), true),
                Err(why) => return why.into(),
            },
        };
        if let Err(refused) = self.stream.pass_on(data, context, out) {
            return Step::Refuse(refused);
        }
        if !data.is_empty() {
            // A client that sends its body does not wait for 100 Continue any more.
            self.message.expect = Expect::No;
        }
        self.progress += used;
        if self.progress >= BODY_PROGRESS_BYTES_MIN {
            self.restart_body_limit();
        }
        if ended && self.end_body(context, out).is_err() {
            return Step::Refuse(Refused::END);
        }
        if used == 0 { Step::Wait } else { Step::Took(used) }
    }

    fn end_body(&mut self, context: &Context, out: &mut Outbox) -> Result<(), WireError> {
        self.stream.end_request(context, out)?;
        self.message.body = Body::Exact(0);
        self.message.expect = Expect::No;
        self.phase = Phase::Response;
        Ok(())
    }
}
