//! Frames from parse, each treated as if an attacker had sent it.

use std::os::fd::OwnedFd;

use fosse_counters::{STREAM_CONNECTION, dispatch as count};
use fosse_die::{Odd, warning};
use fosse_stage::{Gone, Input};
use fosse_wire::{
    Frame, Kind, WireError,
    frame::ResetReason,
    order::Forward,
    request::{self, BodyLength, RequestHead},
    response::BACKEND_NONE,
    verdict::Verdict,
};

use crate::{
    answer::{self, Own},
    buffering::Buffering,
    limits,
    request::{Refused, offers_upgrade},
    serve::{Dispatch, PROGRAM},
    stream::{Body, Lease, Stream, Wait},
};

impl Dispatch {
    /// Takes every frame that has come. parse sends a client's socket before the LEASE that needs it, so the sockets are
    /// fetched before the first of those, and only then: most turns bring none.
    pub(crate) fn frames(&mut self, input: &mut Input, clients: Option<&OwnedFd>) -> Result<(), Gone> {
        input.read()?;
        let mut clients = clients;
        while let Some(frame) = input.next_frame()? {
            if frame.kind == Kind::Lease
                && let Some(fd) = clients.take()
            {
                self.lent(fd)?;
            }
            self.frame(&frame)?;
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), WireError> {
        if frame.kind == Kind::RequestCredit {
            // A filter that holds a body grants it; the credit may be for a stream that has not come here yet.
            frame.credit()?;
            self.output.outbox.forward(frame);
            return Ok(());
        }
        let Some(stream) = self.streams.get(frame.stream) else { return self.first(frame) };
        stream.forward = stream.forward.after(frame.kind)?;
        let connection = stream.connection;
        self.counters.set(STREAM_CONNECTION, connection);
        match frame.kind {
            Kind::RequestData => self.body(frame),
            Kind::RequestEnd => self.body_end(frame),
            Kind::Reset => {
                frame.reset()?;
                self.client_gone(frame);
                Ok(())
            }
            Kind::ResponseCredit => {
                let bytes = frame.credit()?;
                stream.credit = stream.credit.saturating_add(u64::from(bytes));
                if let Some(link) = stream.link {
                    // It is the backend's turn again, and its time runs again.
                    self.reply_moved(frame.stream);
                    self.replies(link);
                }
                Ok(())
            }
            Kind::Lease => self.leased(frame),
            Kind::Verdict => self.late_verdict(frame),
            kind => Err(WireError::Order(kind)),
        }
    }

    /// A frame of a stream that does not live: its first, or one that crossed its end.
    fn first(&mut self, frame: &Frame<'_>) -> Result<(), WireError> {
        match frame.kind {
            Kind::Request => self.request(frame),
            Kind::Verdict => {
                let verdict = Verdict::decode(frame.body)?;
                self.counters.add(count::VERDICTS, 1);
                self.answer_verdict(frame, &verdict);
                Ok(())
            }
            Kind::Reset => frame.reset().map(drop),
            Kind::ResponseCredit => frame.credit().map(drop),
            Kind::Lease => Ok(()),
            kind => Err(WireError::Order(kind)),
        }
    }

    fn answer_verdict(&mut self, frame: &Frame<'_>, verdict: &Verdict<'_>) {
        let own = Own {
            status: verdict.status,
            request: verdict.request,
            denied: true,
            close: true,
            rule: verdict.rule,
            retry_after: verdict.retry_after,
            location: verdict.location,
            backend: BACKEND_NONE,
            ..Own::default()
        };
        answer::own(&mut self.output.outbox, frame.stream, &own, self.date.at(self.turn.now_ms()));
    }

    /// A filter changed its mind after part of the request had gone on, or it judges the answer: that it holds, all or none of
    /// it is known here, and another comes in its place.
    fn late_verdict(&mut self, frame: &Frame<'_>) -> Result<(), WireError> {
        let verdict = Verdict::decode(frame.body)?;
        self.counters.add(count::VERDICTS, 1);
        let Some(stream) = self.streams.get(frame.stream) else { return Ok(()) };
        let (answered, head_sent, inspected) = (stream.answered, stream.head_sent, stream.inspected);
        let connection = stream.connection;
        self.abandon_link(frame.stream);
        // The response that told parse of a login may be the one that is denied, and then it will not say when its client is gone.
        // The page in its place ends the client connection anyway.
        self.unpin_client(connection);
        match (answered, head_sent) {
            _ if inspected => self.answer_verdict(frame, &verdict),
            (true, _) => {}
            (false, true) => self.output.outbox.reset(frame.stream, ResetReason::Denied),
            (false, false) => self.answer_verdict(frame, &verdict),
        }
        self.forget(frame.stream);
        Ok(())
    }

    fn request(&mut self, frame: &Frame<'_>) -> Result<(), WireError> {
        let head = RequestHead::decode(frame.body)?;
        self.counters.set(STREAM_CONNECTION, head.connection);
        self.counters.add(count::REQUESTS, 1);
        let stream = Stream::new(frame.stream, &head, self.turn.now_us());
        self.held_bytes = self.held_bytes.saturating_add(u64::from(head.held));
        if !self.streams.insert(stream) {
            return Err(WireError::Order(Kind::Request));
        }
        match self.admit(frame, &head) {
            Ok(Buffering::No) => self.assign(frame.stream),
            Ok(Buffering::Brief | Buffering::Whole) => self.begin_buffering(frame.stream),
            Err(status) => self.answer_own(frame.stream, status),
        }
        Ok(())
    }

    /// Routes and serialises a request; how its body is buffered, or the status to answer with where it may not go on.
    fn admit(&mut self, frame: &Frame<'_>, head: &RequestHead<'_>) -> Result<Buffering, u16> {
        let site = usize::try_from(head.site).ok().and_then(|n| self.config.sites.get(n)).ok_or(421u16)?;
        if !fosse_routing::owns(site, head.host) {
            self.counters.add(count::PROTOCOL_REFUSED, 1);
            warning(PROGRAM, format_args!("event=host-of-another-site host={} site={}", Odd(head.host), head.site));
            return Err(421);
        }
        let number = fosse_routing::backend(site, head.target).ok_or(404u16)?;
        let backend = self.config.backends.get(number).ok_or(502u16)?;
        if self.held_bytes > self.config.held_bytes_max {
            return Err(503);
        }
        let buffering = Buffering::of(head, backend);
        if buffering == Buffering::Whole && matches!(head.body, BodyLength::Exact(n) if n > site.body_bytes_max) {
            return Err(413);
        }
        // An upgraded connection is a lease: without room for one more the backend is not asked for it.
        let upgrades = offers_upgrade(head, backend) && self.has_room_for_client(head.connection);
        let stream = self.streams.get(frame.stream).ok_or(500u16)?;
        stream.backend = number;
        stream.inspected = site.inspect_responses;
        let waits =
            head.expect_continue && head.held == 0 && !matches!(head.body, BodyLength::None | BodyLength::Exact(0));
        let expect = waits && buffering == Buffering::No;
        if expect {
            stream.wait = Wait::Continue;
        } else if waits {
            // The server sees nothing before the body has ended: who waits for its word gets ours.
            answer::go_on(&mut self.output.outbox, frame.stream);
        }
        if upgrades {
            stream.upgrade = head.upgrade.to_vec();
            stream.key = head.fields.all(b"sec-websocket-key").next().unwrap_or_default().to_vec();
        }
        let head = RequestHead { upgrade: if upgrades { head.upgrade } else { b"" }, ..*head };
        stream.buffering = buffering;
        let written = stream.write_head(&head, site, backend, expect);
        written.map(|()| buffering).map_err(|refused| self.unwritable(refused, head.connection))
    }

    /// Says why a head was not written, where that is no choice of the site; the status to answer with.
    fn unwritable(&self, refused: Refused, connection: u64) -> u16 {
        if let Refused::Unwritable(why) = refused {
            self.counters.add(count::PROTOCOL_REFUSED, 1);
            warning(PROGRAM, format_args!("event=unwritable-request connection={connection} why=\"{why}\""));
        }
        400
    }

    fn body(&mut self, frame: &Frame<'_>) -> Result<(), WireError> {
        let Some(stream) = self.streams.get(frame.stream) else { return Ok(()) };
        let bytes = frame.body;
        let length = u32::try_from(bytes.len()).map_err(|_| WireError::Credit)?;
        stream.window = stream.window.checked_sub(length).ok_or(WireError::Credit)?;
        let prepaid = length.min(stream.held);
        stream.held = stream.held.saturating_sub(prepaid);
        stream.owed = stream.owed.saturating_add(length.saturating_sub(prepaid));
        if stream.answered {
            return Ok(());
        }
        match &mut stream.body {
            Body::Exact(left) => {
                *left = left.checked_sub(u64::from(length)).ok_or(WireError::Field("body length"))?;
                stream.out.extend_from_slice(bytes);
            }
            Body::Chunked if bytes.is_empty() => {}
            Body::Chunked if stream.buffering != Buffering::No => stream.out.extend_from_slice(bytes),
            Body::Chunked => fosse_http1::write_chunk(&mut stream.out, bytes),
            Body::Done => return Err(WireError::Order(Kind::RequestData)),
        }
        match stream.buffering {
            Buffering::No => self.queue_send(frame.stream),
            Buffering::Brief | Buffering::Whole => self.body_buffered(frame.stream, length - prepaid),
        }
        Ok(())
    }

    fn body_end(&mut self, frame: &Frame<'_>) -> Result<(), WireError> {
        let trailers = request::decode_end(frame.body)?;
        let Some(stream) = self.streams.get(frame.stream) else { return Ok(()) };
        if stream.answered {
            self.forget(frame.stream);
            return Ok(());
        }
        match stream.body {
            Body::Exact(0) => {}
            Body::Exact(_) | Body::Done => return Err(WireError::Field("body length")),
            // A body with a length has no trailers, and a recipient may drop them (RFC 9110, section 6.5.1).
            Body::Chunked if stream.buffering != Buffering::No => {}
            Body::Chunked => {
                stream.out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers {
                    let fine = fosse_http1::is_token(name) && fosse_http1::is_value(value);
                    if fine && fosse_http1::trailer_allowed(name) {
                        [name, b": ", value, b"\r\n"].iter().for_each(|part| stream.out.extend_from_slice(part));
                    }
                }
                stream.out.extend_from_slice(b"\r\n");
            }
        }
        stream.body = Body::Done;
        match stream.buffering {
            Buffering::No => self.queue_send(frame.stream),
            Buffering::Brief | Buffering::Whole => self.end_buffering(frame.stream),
        }
        Ok(())
    }

    /// The client went away, or parse gave up on it.
    fn client_gone(&mut self, frame: &Frame<'_>) {
        let answered = self.streams.get(frame.stream).is_none_or(|s| s.answered);
        self.abandon_link(frame.stream);
        if !answered {
            self.output.outbox.reset(frame.stream, ResetReason::Echo);
        }
        self.forget(frame.stream);
    }

    /// parse has written everything before the body: the client's socket is ours until RESPONSE_END.
    fn leased(&mut self, frame: &Frame<'_>) -> Result<(), WireError> {
        let Some(stream) = self.streams.get(frame.stream) else { return Ok(()) };
        if stream.answered {
            return Ok(());
        }
        if stream.lease != Lease::Wanted {
            return Err(WireError::Order(Kind::Lease));
        }
        stream.lease = Lease::Held;
        if stream.upgrade.is_empty() && !frame.body.is_empty() {
            return Err(WireError::Field("lease"));
        }
        stream.out.extend_from_slice(frame.body);
        self.lease_begins(frame.stream);
        Ok(())
    }

    /// Puts a stream into this turn's list of those with bytes for their backend.
    pub(crate) fn queue_send(&mut self, id: fosse_wire::StreamId) {
        if let Some(stream) = self.streams.get(id)
            && !stream.queued
        {
            stream.queued = true;
            self.queue.push(id);
        }
    }

    /// The stream is over in both directions, or shall be treated so.
    pub(crate) fn forget(&mut self, id: fosse_wire::StreamId) {
        if let Some((held, buffered)) = self.streams.remove(id) {
            self.held_bytes = self.held_bytes.saturating_sub(u64::from(held));
            self.buffered_bytes -= buffered;
        }
    }

    /// Answers with a page of our own, or cuts the answer short where its head has gone already.
    pub(crate) fn answer_own(&mut self, id: fosse_wire::StreamId, status: u16) {
        self.abandon_link(id);
        let now_ms = self.turn.now_ms();
        let Some(stream) = self.streams.get(id) else { return };
        if stream.answered {
            return;
        }
        stream.answered = true;
        let backend = stream.server.and_then(|n| u32::try_from(n).ok()).unwrap_or(BACKEND_NONE);
        let unfinished = stream.forward == Forward::Open;
        if stream.head_sent {
            self.output.outbox.reset(id, ResetReason::Backend);
        } else {
            let own = Own {
                status,
                request: stream.request,
                to_head: stream.to_head,
                retry_after: if status == 503 { limits::RETRY_AFTER_SECONDS } else { 0 },
                close: unfinished,
                backend,
                ..Own::default()
            };
            answer::own(&mut self.output.outbox, id, &own, self.date.at(now_ms));
        }
        match status {
            502 => self.counters.add(count::BAD_GATEWAY, 1),
            503 => self.counters.add(count::UNAVAILABLE, 1),
            504 => self.counters.add(count::GATEWAY_TIMEOUT, 1),
            _ => {}
        }
        if !unfinished {
            self.forget(id);
        }
    }
}
