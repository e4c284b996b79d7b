//! The filter: every request is forwarded, or replaced by a verdict, exactly once, and so is every
//! response of a site that has them inspected.
//!
//! Each event is looked up once: its handler takes the exchange it is about and the shared parts.

use std::{os::fd::OwnedFd, rc::Rc};

use fosse_counters::{Counters, waf_filter as count};
use fosse_eventloop::{EventLoop, clock_us};
use fosse_settings::WafFilter;
use fosse_wire::{Frame, Kind, StreamId, WireError, order::Forward, request::RequestHead};
use rustix::io::Errno;

use crate::{
    context::Context,
    limits::SLICE_US_MAX,
    log::Log,
    outputs::Outputs,
    report::events::Reporter,
    request::{self, frames::GaveWay, releasing, spooled},
    response::{self, pending},
    rules::Rules,
    slots::{RequestPath, ResponsePath, Slots},
    spool::{client::SpoolClient, news::News},
    store::{client::StoreClient, connection::Provided},
};

/// All streams, and what their evaluations share. Frames and times come in, frames go out; it owns
/// no socket but that to the store.
#[derive(Debug)]
pub struct Filter {
    pub(crate) slots: Slots,
    context: Context,
    counters: Rc<Counters>,
}

impl Filter {
    /// A filter of no streams. Without a configuration every site is in block mode. Event lines go
    /// to `log`, audit lines to `audit`.
    #[must_use]
    pub fn new(
        config: Option<WafFilter>,
        rules: Rules,
        log: Log,
        audit: Option<OwnedFd>,
        counters: Rc<Counters>,
    ) -> Self {
        let reporter = Reporter::new(log, audit, Rc::clone(&counters));
        let clients = (StoreClient::new(log), SpoolClient::new(log));
        let context = Context::new(config.unwrap_or_default(), rules, clients, reporter, Rc::clone(&counters));
        Self { slots: Slots::default(), context, counters }
    }

    /// Returns it for a shell pipeline, in which no credit comes round: all bodies go on at once.
    #[must_use]
    pub(crate) fn without_credit(mut self) -> Self {
        self.context.has_release_credit = false;
        self
    }

    /// Begins a turn of the loop at this time of the monotonic clock, in microseconds. What comes
    /// after `TURN_US_MAX` (6 ms) waits for [`Filter::work`].
    pub const fn begin_turn(&mut self, now_us: u64) {
        self.context.queue.begin_turn(now_us);
        self.context.now_ms = now_us / 1000;
    }

    /// Tells whether evaluations wait for time.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.context.queue.len() > 0
    }

    /// Tells whether a request was denied.
    pub(crate) fn has_denied(&self) -> bool {
        self.counters.get(count::DENIED) > 0
    }

    /// Takes a frame from parse.
    ///
    /// # Errors
    /// [`WireError`]: parse broke the protocol, and the session with it is over.
    pub fn on_request_frame(&mut self, frame: &Frame<'_>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        match frame.kind {
            Kind::Request => self.on_head(frame, out),
            Kind::RequestData | Kind::RequestEnd => self.on_body(frame, out),
            Kind::Reset => self.on_reset(frame, out),
            Kind::ResponseCredit => self.on_response_credit(frame, out),
            Kind::ReleaseCredit => self.on_release_credit(frame, out),
            Kind::RequestCredit | Kind::Lease | Kind::Tunnel => {
                out.to_dispatch.forward(frame);
                Ok(())
            }
            kind => Err(WireError::Order(kind)),
        }
    }

    /// Takes a frame from dispatch.
    ///
    /// # Errors
    /// [`WireError`]: dispatch broke the protocol, and the session with it is over.
    pub fn on_response_frame(&mut self, frame: &Frame<'_>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        // What belongs to no stream parse checks as it does without this filter.
        let Some(exchange) = self.slots.get_mut(frame.stream).filter(|_| !response::frames::goes_round(frame.kind))
        else {
            out.to_parse.forward(frame);
            return Ok(());
        };
        if matches!(exchange.response.path, ResponsePath::Pass) {
            return response::frames::pass(frame, &mut exchange.response, self.context.can_encode, out);
        }
        self.counters.work_on(exchange.ids.connection, exchange.ids.named_source);
        response::frames::on_frame(frame, exchange, &mut self.context, out)?;
        self.relieve(out)
    }

    /// Takes a frame from encode: credit for a response that it has got.
    ///
    /// # Errors
    /// [`WireError`]: encode broke the protocol, and the session with it is over.
    pub fn on_encode_frame(&mut self, frame: &Frame<'_>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        if frame.kind != Kind::ResponseCredit {
            return Err(WireError::Order(frame.kind));
        }
        self.on_response_credit(frame, out)
    }

    /// Begins to send responses to encode that are to be encoded: there is another one.
    pub(crate) const fn begin_encode(&mut self) {
        self.context.can_encode = true;
    }

    /// Ends the responses that encode has, as it is gone; those that begin from now on go on as
    /// they are. Returns how many of them had not ended here.
    pub(crate) fn lose_encode(&mut self, out: &mut Outputs<'_>) -> usize {
        self.context.can_encode = false;
        let Self { slots, context, .. } = self;
        slots.iter_mut().map(|exchange| usize::from(response::evaluate::lose(exchange, context, out))).sum()
    }

    /// Gives those that wait for time their slices, one each at most, one slice's time together.
    ///
    /// # Errors
    /// [`WireError`] where a buffered head does not read as it did before.
    pub fn work(&mut self, out: &mut Outputs<'_>) -> Result<(), WireError> {
        let began_us = clock_us();
        for _ in 0..self.context.queue.len() {
            let Some(stream) = self.context.queue.pop() else { break };
            self.resume(stream, out)?;
            if clock_us().saturating_sub(began_us) >= SLICE_US_MAX {
                break;
            }
        }
        self.read_next_back();
        self.let_stalled_go_on(out);
        Ok(())
    }

    /// Takes a socket to fosse-spool, in place of the one before. Bodies that were there are lost.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub fn connect_spool(
        &mut self,
        fd: OwnedFd,
        event_loop: &EventLoop,
        token: u64,
        out: &mut Outputs<'_>,
    ) -> Result<Result<(), WireError>, Errno> {
        let lost = self.context.spool.connect(fd, event_loop, token)?;
        Ok(self.take_news(lost, out))
    }

    /// Reads from fosse-spool, once.
    ///
    /// # Errors
    /// As [`Filter::work`].
    pub fn read_spool(&mut self, out: &mut Outputs<'_>) -> Result<(), WireError> {
        let news = self.context.spool.receive(self.context.now_ms);
        self.take_news(news, out)
    }

    /// Gives up bodies at the end of a turn where the session with fosse-spool has ended, or it has
    /// not replied in time.
    ///
    /// # Errors
    /// As [`Filter::work`].
    pub fn time_out_spool(
        &mut self,
        event_loop: &EventLoop,
        now_ms: u64,
        out: &mut Outputs<'_>,
    ) -> Result<(), WireError> {
        let mut lost = self.context.spool.end_session(event_loop);
        lost.extend(self.context.spool.time_out(now_ms));
        self.take_news(lost, out)
    }

    /// Writes to fosse-spool what waits, once.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub fn flush_spool(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        self.context.spool.flush(event_loop, token)
    }

    /// Takes a socket to fosse-store, in place of the one before.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub fn connect_store(&mut self, fd: OwnedFd, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        let without_reply = self.context.store.connect(fd, event_loop, token)?;
        self.provide(without_reply);
        Ok(())
    }

    /// Reads from fosse-store, once.
    pub fn read_store(&mut self) {
        let records = self.context.store.read();
        self.provide(records);
    }

    /// Gives up waiting for records at the end of a turn, where the session with fosse-store has
    /// ended or they are overdue at this time of the monotonic clock, in milliseconds.
    pub fn time_out_store(&mut self, event_loop: &EventLoop, now_ms: u64) {
        let mut records = self.context.store.end_session(event_loop);
        records.extend(self.context.store.time_out(now_ms));
        self.provide(records);
    }

    /// Writes to fosse-store what waits, once.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub fn flush_store(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        self.context.store.flush(event_loop, token)
    }

    /// Returns the milliseconds until a record is overdue, if any is awaited.
    #[must_use]
    pub fn store_wait_ms(&self, now_ms: u64) -> Option<u64> {
        self.context.store.wait_ms(now_ms)
    }

    /// Adds what the way to the store has lost to the counters.
    pub fn count_losses(&mut self) {
        let losses = self.context.store.take_losses();
        self.counters.add(count::RECORDS_MISSED, losses.missed);
        self.counters.add(count::CHANGES_LOST, losses.lost);
    }

    fn on_head(&mut self, frame: &Frame<'_>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        let head = RequestHead::decode(frame.body)?;
        if let Some(last) = self.slots.last_of_mut(frame.stream) {
            // Its response has ended before its body did.
            releasing::break_off(last, &mut self.context, out);
        }
        let exchange = self.slots.open(frame.stream, &head)?;
        self.counters.work_on(exchange.ids.connection, exchange.ids.named_source);
        request::frames::on_head(frame, &head, exchange, &mut self.context, out)
    }

    fn on_body(&mut self, frame: &Frame<'_>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        let exchange = self.slots.get_mut(frame.stream).ok_or(WireError::Order(frame.kind))?;
        exchange.request.order = exchange.request.order.after(frame.kind)?;
        self.counters.work_on(exchange.ids.connection, exchange.ids.named_source);
        match frame.kind {
            Kind::RequestData => request::frames::on_data(frame, exchange, &mut self.context, out)?,
            _ => return request::frames::on_end(frame, exchange, &mut self.context, out),
        }
        // Those that wait for the spool go first.
        if self.context.memory.is_scarce() && self.context.stalled.len() == 0 {
            spooled::begin(exchange, &mut self.context);
        }
        self.relieve(out)
    }

    /// Tells requests the news of their bodies in the spool.
    fn take_news(&mut self, all: Vec<News>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        for news in all {
            // The client may have gone since.
            let Some(exchange) = self.slots.get_mut(news.stream) else { continue };
            self.counters.work_on(exchange.ids.connection, exchange.ids.named_source);
            spooled::on_news(news, exchange, &mut self.context, out)?;
        }
        Ok(())
    }

    /// Brings the next body back from the spool, where none is back.
    fn read_next_back(&mut self) {
        while let Some(stream) = spooled::next_to_read(&mut self.context) {
            let exchange = self.slots.get_mut(stream);
            self.context.is_reading_back =
                exchange.is_some_and(|exchange| spooled::read_back(exchange, &mut self.context));
        }
    }

    /// Lets bodies that wait for the spool go on, where it has caught up or is gone, or memory has
    /// room again. Whatever brings that about is part of a turn, and each turn ends here.
    fn let_stalled_go_on(&mut self, out: &mut Outputs<'_>) {
        while let Some(stream) = spooled::next_stalled(&mut self.context) {
            if let Some(exchange) = self.slots.get_mut(stream) {
                spooled::go_on(exchange, &mut self.context, out);
            }
        }
    }

    fn on_release_credit(&mut self, frame: &Frame<'_>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        match self.slots.get_mut(frame.stream) {
            Some(exchange) => releasing::on_credit(frame, exchange, &mut self.context, out),
            None => {
                out.to_dispatch.forward(frame);
                Ok(())
            }
        }
    }

    /// While more is buffered than the lane may, moves the largest body of the source that has most
    /// to the spool, or denies or cuts it: memory that is used up costs whoever uses it, not
    /// whoever comes last.
    fn relieve(&mut self, out: &mut Outputs<'_>) -> Result<(), WireError> {
        while self.context.memory.is_exceeded() {
            // The rest is of requests whose responses are pending, and of responses of sites that
            // watch, which do not grow any more.
            let Some(stream) = self.slots.largest_of_heaviest() else { return Ok(()) };
            let Some(exchange) = self.slots.get_mut(stream) else { return Ok(()) };
            self.counters.work_on(exchange.ids.connection, exchange.ids.named_source);
            if exchange.is_mostly_response() {
                response::evaluate::give_way(exchange, &mut self.context, out)?;
            } else if request::frames::give_way(exchange, &mut self.context, out)? == GaveWay::Moved {
                // It takes memory until it is written. Until then no other has to go for it.
                return Ok(());
            }
        }
        Ok(())
    }

    pub(crate) fn on_reset(&mut self, frame: &Frame<'_>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        let Some(exchange) = self.slots.get_mut(frame.stream) else {
            // A reset that crossed the end of a response: the slot has another request by now, or
            // none.
            out.to_dispatch.forward(frame);
            return Ok(());
        };
        pending::on_client_gone(exchange, &mut self.context, out)?;
        let is_here = matches!(exchange.request.path, RequestPath::Buffer(_) | RequestPath::Release(_));
        if exchange.request.order == Forward::Ended && !is_here {
            out.to_dispatch.forward(frame);
            return Ok(());
        }
        exchange.request.order = exchange.request.order.after(frame.kind)?;
        self.counters.work_on(exchange.ids.connection, exchange.ids.named_source);
        request::frames::on_reset(frame, exchange, &mut self.context, out)
    }

    fn on_response_credit(&mut self, frame: &Frame<'_>, out: &mut Outputs<'_>) -> Result<(), WireError> {
        match self.slots.get_mut(frame.stream) {
            Some(exchange) => response::frames::on_credit(frame, exchange, &mut self.context, out),
            None => {
                out.to_dispatch.forward(frame);
                Ok(())
            }
        }
    }

    fn resume(&mut self, stream: StreamId, out: &mut Outputs<'_>) -> Result<(), WireError> {
        // The client may have gone since the stream was queued, and its slot may have another
        // request.
        let Some(exchange) = self.slots.get_mut(stream) else { return Ok(()) };
        self.counters.work_on(exchange.ids.connection, exchange.ids.named_source);
        match (std::mem::take(&mut exchange.request.path), std::mem::take(&mut exchange.response.path)) {
            (RequestPath::Buffer(buffered), response) => {
                exchange.response.path = response;
                request::evaluate::resume(buffered, exchange, &mut self.context, out)
            }
            (request, ResponsePath::Buffer(buffered)) => {
                exchange.request.path = request;
                response::evaluate::resume(buffered, exchange, &mut self.context, out)
            }
            (request, response) => {
                (exchange.request.path, exchange.response.path) = (request, response);
                Ok(())
            }
        }
    }

    /// Gives evaluations the records they wait for; those that have all of theirs are queued.
    fn provide(&mut self, records: Vec<Provided>) {
        for Provided { stream, collection, record } in records {
            // The client may have gone since the record was asked for.
            let Some(exchange) = self.slots.get_mut(stream) else { continue };
            let source = exchange.ids.source;
            let Some((evaluation, is_queued)) = exchange.buffered_evaluation() else { continue };
            evaluation.transaction.provide(collection, record);
            if evaluation.transaction.wanted().next().is_none() {
                self.context.queue.push(stream, source, is_queued);
            }
        }
    }
}
