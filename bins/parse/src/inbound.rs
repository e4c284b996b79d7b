//! Client bytes in, request frames out.

use fosse_counters::STREAM_CONNECTION;
use fosse_http1::{Fields, Lead, Piece, Refusal, RequestHead, find_head_end, leading, unfinished_too_long};
use fosse_source::Source;
use fosse_wire::fields::FieldsWriter;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::Endpoint;
use fosse_wire::{Kind, Outbox, WireError};

use crate::access::Who;
use crate::conn::{Conn, HeadSearch, Phase};
use crate::context::Context;
use crate::exchange::{Body, Exchange, Expect};
use crate::limit::Limit;
use crate::limits::BODY_PROGRESS_BYTES_MIN;
use crate::origin::Origin;
use crate::pace::Pace;
use crate::refused::Refused;
use crate::slow;
use crate::terms::Terms;

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
        context.counters.work_on(self.record.id, self.named_source());
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
                    self.report_refusal(b"", Refused { status: 0, ..refused }, context);
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
                self.origin = Origin::of_proxy(&self.record, &header, &context.settings);
                self.proxied = true;
                self.phase = Phase::Head;
                // Otherwise it is another proxy, whose fields name the client of each request.
                if !self.origin.trusted
                    && let Err(refused) = self.charge_connection(context)
                {
                    return Step::Close(refused);
                }
                Step::Took(used)
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
        (self.named, self.reader) = (None, None);
        let mut head = match RequestHead::parse(bytes, &context.settings.head) {
            Ok(head) => head,
            Err(why) => return why.into(),
        };
        self.exchange.is_head = head.is_head();
        let (client, secure) = self.origin.resolve(&head.fields, self.record.listener, &context.settings);
        if self.origin.trusted
            && let Err(refused) = self.charge_request(client, context)
        {
            return Step::Refuse(refused);
        }
        if head.host.name().is_empty() {
            let Some(host) = context.settings.default_of(self.record.listener).host else {
                return Refusal::HostMissing.into();
            };
            head.host = host;
        }
        let terms = match self.terms(&head, (client, secure), context) {
            Ok(terms) => terms,
            Err(refused) => return Step::Refuse(refused),
        };
        if self.begin(&head, &terms, (client, secure), context, out).is_err() {
            return Step::Refuse(Refused::HEAD);
        }
        Step::Took(bytes.len())
    }

    /// Opens the stream of a request.
    #[expect(clippy::too_many_lines, reason = "every field of a head, once, in one place")]
    fn begin(
        &mut self,
        head: &RequestHead<'_>,
        terms: &Terms,
        (client, secure): (Endpoint, bool),
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        if self.record.trusted {
            context.counters.work_on(self.record.id, Source::word_of_named(&client.addr, &self.record.peer.addr));
        }
        let upgrade = head.upgrade.and_then(|token| context.settings.upgrade(token));
        let request = context.next_request();
        let stream = self.stream.next();
        let pace = Pace::of((terms.site, terms.policy, self.record.listener), &client, &context.settings);
        let fixed = fosse_wire::request::RequestHead {
            version: version(head),
            secure,
            expect_continue: head.expect_continue,
            single_client: self.has_single_client(context),
            trusted: self.origin.trusted,
            forwarded: context.settings.reads_forwarded(self.record.listener),
            paced: pace.is_some(),
            body: body(head),
            site: terms.site,
            policy: terms.policy,
            listener: self.record.listener,
            client,
            peer: self.record.peer,
            connection: self.record.id,
            request,
            method: head.method,
            host: head.host.name(),
            host_port: head.host.port().unwrap_or(0),
            target: terms.target.as_deref().unwrap_or(head.target),
            received: if terms.target.is_some() { head.target } else { b"" },
            location: terms.location.as_deref().unwrap_or_default(),
            upgrade: context.settings.upgrade_token(upgrade),
            line: head.line,
            ..Default::default()
        };
        out.frame(stream, Kind::Request, |body| {
            fixed.encode_fixed(body)?;
            put_fields(body, &head.fields)
        })?;
        (self.stream, self.pace) = (stream, pace);
        self.requests += 1;
        self.exchange = Exchange::begin(head);
        self.exchange.body_bytes_max = terms.body_bytes_max;
        self.exchange.abort_on_close = terms.abort_on_close;
        if context.credit_unlimited {
            self.exchange.request_credit = u32::MAX;
        }
        self.exchange.upgrade = upgrade;
        (self.exchange.begun_ms, self.exchange.begun_us) = (context.now_ms, context.now_us);
        (self.exchange.site, self.exchange.policy) = (terms.site, terms.policy);
        if terms.send_request_id && self.origin.trusted {
            let theirs = head.fields.first("x-request-id").filter(|id| fosse_http1::is_request_id(id));
            self.exchange.request_name = theirs.map(Box::from);
        }
        (self.exchange.client, self.exchange.request) = (client, request);
        slow::begin(&mut self.asked, head, context);
        self.shown.note(head);
        if context.access.is_on() {
            self.begin_log(head, &fixed, context);
        }
        self.phase = Phase::Body;
        self.restart_body_limit();
        if head.body.is_empty() {
            self.end_body(context, out)?;
        }
        Ok(())
    }

    fn begin_log(&mut self, head: &RequestHead<'_>, fixed: &fosse_wire::request::RequestHead<'_>, context: &Context) {
        self.exchange.begun_us = fosse_eventloop::clock_us();
        let site = context.settings.site_name(fixed.site);
        let theirs = if fixed.trusted { head.fields.first("x-request-id") } else { None };
        let request_id = theirs.filter(|id| fosse_http1::is_request_id(id));
        let (request, client, peer) = (fixed.request, fixed.client, fixed.peer);
        let who = Who { request, request_id, connection: self.record.id, client, peer, site };
        context.access.begin(&mut self.log, &who, head);
    }

    fn take_body(&mut self, bytes: &[u8], context: &mut Context, out: &mut Outbox) -> Step {
        let credit = usize::try_from(self.exchange.request_credit).unwrap_or(usize::MAX);
        let (used, data, ended) = match &mut self.exchange.body {
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
        // One of announced length was looked at with its head, so no body is over the limit yet.
        let room = self.exchange.body_bytes_max - self.exchange.bytes_in;
        if u64::try_from(data.len()).unwrap_or(u64::MAX) > room {
            return Step::Refuse(Refused::BODY_SIZE);
        }
        self.pass_on(data, context, out);
        self.progress += used;
        if self.progress >= BODY_PROGRESS_BYTES_MIN {
            self.restart_body_limit();
        }
        if ended && self.end_body(context, out).is_err() {
            return Step::Refuse(Refused::END);
        }
        if used == 0 { Step::Wait } else { Step::Took(used) }
    }

    fn pass_on(&mut self, data: &[u8], context: &Context, out: &mut Outbox) {
        if !data.is_empty() {
            let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
            if !context.credit_unlimited {
                // No more was taken than there is credit for.
                self.exchange.request_credit -= length;
            }
            self.exchange.bytes_in += u64::from(length);
            // A client that sends its body does not wait for 100 Continue any more.
            self.exchange.expect = Expect::No;
            out.data(self.stream, Kind::RequestData, data);
        }
    }

    /// Ends the request. Trailers of the client have been checked and are left out, which RFC 9110,
    /// section 6.5.1, allows: no rule looks at them, and applications do not ask for any.
    fn end_body(&mut self, context: &Context, out: &mut Outbox) -> Result<(), WireError> {
        out.frame(self.stream, Kind::RequestEnd, |body| {
            FieldsWriter::new(body).finish();
            Ok(())
        })?;
        self.exchange.body = Body::Exact(0);
        self.exchange.forward_done = true;
        self.exchange.request_done_ms = context.now_ms;
        self.exchange.expect = Expect::No;
        self.phase = Phase::Response;
        Ok(())
    }
}

fn put_fields(body: &mut Vec<u8>, fields: &Fields<'_>) -> Result<(), WireError> {
    let mut writer = FieldsWriter::new(body);
    match fields.canonical_lengths() {
        Some(lengths) => writer.push_text(fields.raw(), lengths)?,
        None => fields.iter().try_for_each(|field| writer.push(field.name, field.value))?,
    }
    writer.finish();
    Ok(())
}

const fn version(head: &RequestHead<'_>) -> fosse_wire::request::Version {
    match head.version {
        fosse_http1::Version::Http10 => fosse_wire::request::Version::Http10,
        fosse_http1::Version::Http11 => fosse_wire::request::Version::Http11,
    }
}

const fn body(head: &RequestHead<'_>) -> fosse_wire::request::BodyLength {
    match head.body {
        fosse_http1::BodyLength::None => fosse_wire::request::BodyLength::None,
        fosse_http1::BodyLength::Exact(length) => fosse_wire::request::BodyLength::Exact(length),
        fosse_http1::BodyLength::Chunked => fosse_wire::request::BodyLength::Chunked,
    }
}
