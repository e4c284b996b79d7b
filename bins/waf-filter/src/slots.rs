//! The exchanges of all streams: how far each request is, and its response.

use std::{cmp::Reverse, collections::HashMap};

use fosse_source::Source;
use fosse_wire::{
    Kind, StreamId, WireError,
    frame::{ResetReason, WINDOW_BYTES_INITIAL},
    order::{Forward, Return},
    request::RequestHead,
};

use crate::{
    evaluation::Evaluation,
    outputs::Outputs,
    request::{buffered::BufferedRequest, release::Release},
    response::{
        buffered::{BufferedResponse, PendingResponse},
        flow::Flow,
    },
};

/// Numbers of a request in frames and logs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    pub(crate) stream: StreamId,
    pub(crate) site: u32,
    pub(crate) policy: u32,
    pub(crate) request: u64,
    /// accept's number of the client's connection.
    pub(crate) connection: u64,
    /// The source of the request, by which memory and time are shared.
    pub(crate) source: Source,
    /// The same as a word, where a trusted proxy has named it; else 0.
    pub(crate) named_source: u64,
}

/// The treatment of a request's frames.
#[derive(Debug, Default)]
pub(crate) enum RequestPath {
    /// They pass.
    #[default]
    Pass,
    /// They are buffered until the request is evaluated.
    Buffer(Box<BufferedRequest>),
    /// They have passed, and the body goes on as dispatch has room for it.
    Release(Box<Release>),
    /// The verdict is out; the rest is dropped.
    Denied,
}

/// A request on its way to dispatch.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) order: Forward,
    /// Bytes of its body so far.
    pub(crate) body_bytes: u64,
    pub(crate) path: RequestPath,
}

/// The treatment of a response's frames.
#[derive(Debug, Default)]
pub(crate) enum ResponsePath {
    /// They pass: the response is not inspected, or it is evaluated and all of it is sent.
    #[default]
    Pass,
    /// The request has passed, and its response has not begun.
    Pending(Box<PendingResponse>),
    /// They are buffered until the response is evaluated.
    Buffer(Box<BufferedResponse>),
    /// It is evaluated; they go on as parse has room for them.
    Flow(Box<Flow>),
    /// A verdict is on its way to dispatch: what still comes is dropped, up to the head of the
    /// response in its place.
    Replaced,
    /// The client is gone, or the response was cut: what still comes is dropped, and parse waits
    /// for an end, which is a reset for this reason.
    Abandoned(ResetReason),
}

/// A response on its way to parse.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) order: Return,
    /// Bytes of its body that parse has room for.
    pub(crate) room_bytes: u64,
    pub(crate) path: ResponsePath,
    /// Its head has gone to encode, and all that follows goes there.
    pub(crate) is_encoded: bool,
    /// It goes to encode, and has ended here: encode may still have some of it.
    pub(crate) is_all_encoded: bool,
}

impl Response {
    /// Ends it for parse, with nothing after it.
    pub(crate) fn reset(&mut self, stream: StreamId, reason: ResetReason, out: &mut Outputs<'_>) {
        out.way(self.is_encoded).reset(stream, reason);
        self.is_all_encoded = self.is_encoded;
    }
}

/// A request and its response.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) ids: Ids,
    pub(crate) request: Request,
    pub(crate) response: Response,
}

impl Exchange {
    fn new(stream: StreamId, head: &RequestHead<'_>) -> Self {
        Self {
            ids: Ids {
                stream,
                site: head.site,
                policy: head.policy,
                request: head.request,
                connection: head.connection,
                source: Source::of(&head.client.addr),
                named_source: Source::word_of_named(&head.client.addr, &head.peer.addr),
            },
            request: Request { order: Forward::Open, body_bytes: 0, path: RequestPath::Pass },
            response: Response {
                order: Return::Waiting,
                room_bytes: u64::from(WINDOW_BYTES_INITIAL),
                path: ResponsePath::Pass,
                is_encoded: false,
                is_all_encoded: false,
            },
        }
    }

    /// Returns the evaluation of what is buffered, and the flag of its place in the queue.
    pub(crate) fn buffered_evaluation(&mut self) -> Option<(&mut Evaluation, &mut bool)> {
        match (&mut self.request.path, &mut self.response.path) {
            (RequestPath::Buffer(buffered), _) => {
                buffered.evaluation.as_deref_mut().map(|evaluation| (evaluation, &mut buffered.is_queued))
            }
            (_, ResponsePath::Buffer(buffered)) => Some((&mut buffered.pending.evaluation, &mut buffered.is_queued)),
            _ => None,
        }
    }

    /// Returns the bytes of it that can give way to others.
    pub(crate) fn yieldable_bytes(&self) -> u64 {
        self.request_bytes() + self.response_bytes()
    }

    /// Tells whether the larger part of these is of its response.
    pub(crate) fn is_mostly_response(&self) -> bool {
        self.response_bytes() > self.request_bytes()
    }

    fn response_bytes(&self) -> u64 {
        match &self.response.path {
            ResponsePath::Buffer(buffered) => buffered.yieldable_bytes(),
            ResponsePath::Flow(flow) => flow.yieldable_bytes(),
            ResponsePath::Pass | ResponsePath::Pending(_) | ResponsePath::Replaced | ResponsePath::Abandoned(_) => 0,
        }
    }

    fn request_bytes(&self) -> u64 {
        match &self.request.path {
            RequestPath::Buffer(buffered) => buffered.message.buffered_bytes(),
            RequestPath::Release(release) => release.buffered_bytes(),
            RequestPath::Pass | RequestPath::Denied => 0,
        }
    }

    /// Tells whether another request may have this slot. Before the last response has come round
    /// parse uses none again.
    const fn is_over(&self) -> bool {
        matches!((self.request.order, &self.response.path), (Forward::Ended, ResponsePath::Pass))
    }
}

/// The exchanges by the slot numbers of their streams.
#[derive(Debug, Default)]
pub(crate) struct Slots(Vec<Option<Exchange>>);

impl Slots {
    /// Returns the exchange of a stream; `None` where the slot has none, or that of another
    /// request.
    pub(crate) fn get_mut(&mut self, stream: StreamId) -> Option<&mut Exchange> {
        self.0.get_mut(stream.slot())?.as_mut().filter(|exchange| exchange.ids.stream == stream)
    }

    /// Returns all exchanges, those that are over as well.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Exchange> {
        self.0.iter_mut().flatten()
    }

    /// Returns the stream of the largest buffered bodies of the source that has most in them; among
    /// equals the one that came first. `None` where nothing is buffered that can give way.
    pub(crate) fn largest_of_heaviest(&self) -> Option<StreamId> {
        let buffering = || self.0.iter().flatten().filter(|exchange| exchange.yieldable_bytes() > 0);
        let mut sources: HashMap<Source, u64> = HashMap::new();
        for exchange in buffering() {
            *sources.entry(exchange.ids.source).or_default() += exchange.yieldable_bytes();
        }
        let (heaviest, _) = sources.into_iter().max_by_key(|(source, bytes)| (*bytes, *source))?;
        let of_heaviest = buffering().filter(|exchange| exchange.ids.source == heaviest);
        of_heaviest.max_by_key(|e| (e.yieldable_bytes(), Reverse(e.ids.request))).map(|e| e.ids.stream)
    }

    /// Returns the exchange that a slot has, whatever its number.
    pub(crate) fn last_of_mut(&mut self, stream: StreamId) -> Option<&mut Exchange> {
        self.0.get_mut(stream.slot())?.as_mut()
    }

    /// Returns the last stream of each slot that a front has had.
    pub(crate) fn last_of(&self, slots: fosse_wire::slots::Slots) -> Vec<StreamId> {
        let streams = self.0.iter().flatten().map(|exchange| exchange.ids.stream);
        streams.filter(|stream| slots.have(*stream)).collect()
    }

    /// Begins the exchange of a request.
    ///
    /// # Errors
    /// [`WireError::Order`] where the last exchange of this slot is not over.
    pub(crate) fn open(&mut self, stream: StreamId, head: &RequestHead<'_>) -> Result<&mut Exchange, WireError> {
        let index = stream.slot();
        if index >= self.0.len() {
            self.0.resize_with(index + 1, || None);
        }
        let slot = &mut self.0[index];
        if slot.as_ref().is_some_and(|last| last.ids.stream == stream || !last.is_over()) {
            return Err(WireError::Order(Kind::Request));
        }
        Ok(slot.insert(Exchange::new(stream, head)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_one_request_at_a_time() {
        let (mut slots, head) = (Slots::default(), RequestHead::default());
        let first = StreamId::first(3).unwrap();
        assert!(slots.get_mut(first).is_none());
        slots.open(first, &head).unwrap();
        for again in [first, first.next()] {
            assert_eq!(slots.open(again, &head).err(), Some(WireError::Order(Kind::Request)));
        }
        slots.get_mut(first).unwrap().request.order = Forward::Ended;
        slots.get_mut(first).unwrap().response.path = ResponsePath::Replaced;
        assert!(slots.open(first.next(), &head).is_err(), "its response is still to come");
        slots.get_mut(first).unwrap().response.path = ResponsePath::Pass;
        assert!(slots.open(first, &head).is_err(), "no number comes twice");
        slots.open(first.next(), &head).unwrap();
        assert!(slots.get_mut(first).is_none() && slots.get_mut(first.next()).is_some());
    }
}
