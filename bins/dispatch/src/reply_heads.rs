//! Heads of answers: read out of what a backend sent, checked, and written anew for parse.

use fosse_eventloop::slab::Key;
use fosse_http1::{ChunkedDecoder, HeadLimits, ResponseBody, ResponseHead, find_head_end};
use fosse_wire::{
    StreamId,
    request::BodyLength,
    response::{self, BACKEND_NONE},
};

use crate::{
    answer::{self, Removed},
    limits,
    link::At,
    pins,
    serve::Dispatch,
    stream::{Body, Lease, Stream, Wait},
};

const TOO_MANY_INTERIMS: &str = "too many interim answers, or too large ones";

impl Dispatch {
    /// A head, interim or final: bytes taken, and whether one was there.
    pub(crate) fn reply_head(&mut self, id: StreamId, key: Key, bytes: &[u8]) -> Result<(usize, bool), &'static str> {
        let limits = HeadLimits {
            head_bytes: usize::try_from(self.config.head_bytes_max).unwrap_or(usize::MAX),
            ..HeadLimits::DEFAULT
        };
        let Some(link) = self.links.get_mut(key) else { return Err("connection is gone") };
        let Some(end) = find_head_end(bytes, link.searched).map_err(|r| r.words())? else {
            link.searched = bytes.len().saturating_sub(3);
            return if bytes.len() > limits.head_bytes { Err("answer head too long") } else { Ok((0, false)) };
        };
        link.searched = 0;
        let Some(stream) = self.streams.get(id) else { return Err("stream is gone") };
        let head = ResponseHead::parse(bytes.get(..end).unwrap_or_default(), stream.to_head, &limits)
            .map_err(|r| r.words())?;
        match head.status {
            101 => self.switching(id, key, &head)?,
            100..=199 => self.interim(id, &head)?,
            _ => self.final_head(id, key, &head),
        }
        Ok((end, true))
    }

    /// 100 is passed on where the client asked for it, 103 always, others never; all of them are counted.
    fn interim(&mut self, id: StreamId, head: &ResponseHead<'_>) -> Result<(), &'static str> {
        let Some(stream) = self.streams.get(id) else { return Err("stream is gone") };
        if head.status == 103 {
            let remove = removed(&self.config, stream);
            let (out, counts) = (&mut self.output.outbox, &mut stream.interims);
            return answer::interim(out, id, head, &remove, counts).map_err(|_| TOO_MANY_INTERIMS);
        }
        stream.interims = stream.interims.and(0).map_err(|_| TOO_MANY_INTERIMS)?;
        if head.status == 100 && stream.wait == Wait::Continue {
            self.ask_for_body(id);
        }
        Ok(())
    }

    /// Lets the client send the body it holds back.
    pub(crate) fn ask_for_body(&mut self, id: StreamId) {
        let now_ms = self.turn.now_ms();
        let Some(stream) = self.streams.get(id) else { return };
        let wait = self.config.backends.get(stream.backend).map_or(0, |b| b.first_byte_ms);
        stream.wait = Wait::FirstByte;
        stream.deadline_ms = now_ms.saturating_add(u64::from(wait));
        answer::go_on(&mut self.output.outbox, id);
        // A client that did not wait has used its window up by now: what was kept back is granted.
        self.queue_send(id);
    }

    fn final_head(&mut self, id: StreamId, key: Key, head: &ResponseHead<'_>) {
        let (now_ms, now_us) = (self.turn.now_ms(), self.turn.now_us());
        if pins::asks_for_login(&head.fields) {
            self.pin(id, key);
        }
        let Some(link) = self.links.get_mut(key) else { return };
        link.keep &= head.keep_alive;
        let pinned = link.pin.is_some();
        let (at, body) = match head.body {
            ResponseBody::None => (At::Exact(0), head.announced.map_or(BodyLength::None, BodyLength::Exact)),
            ResponseBody::Exact(length) => (At::Exact(length), BodyLength::Exact(length)),
            ResponseBody::Chunked => (At::Chunked(Box::new(ChunkedDecoder::new())), BodyLength::Chunked),
            ResponseBody::UntilClose => (At::UntilClose, BodyLength::Chunked),
        };
        let large = matches!(at, At::Exact(length) if length >= limits::LEASE_BYTES_MIN);
        link.at = at;
        let server = link.server;
        let Some(connection) = self.streams.get(id).map(|stream| stream.connection) else { return };
        let room = large && self.has_room_for_client(connection);
        let Some(stream) = self.streams.get(id) else { return };
        let lease = large && room && stream.body == Body::Done && !stream.inspected;
        stream.lease = if lease { Lease::Wanted } else { Lease::No };
        stream.wait = Wait::Bytes;
        stream.head_sent = true;
        let to_parse = response::ResponseHead {
            status: head.status,
            lease,
            pinned,
            body,
            backend: u32::try_from(server).unwrap_or(BACKEND_NONE),
            backend_us: u32::try_from(now_us.saturating_sub(stream.since_us)).unwrap_or(u32::MAX),
            retries: stream.retries,
            ..Default::default()
        };
        let remove = removed(&self.config, stream);
        let written = answer::head(&mut self.output.outbox, id, &to_parse, head, &remove, self.date.at(now_ms));
        if written.is_err() {
            stream.head_sent = false;
            self.backend_failed(id, 502, "answer head does not fit a frame");
        }
    }

    /// 101: only what was offered, and for WebSocket only with the right key (RFC 6455, section 4.1).
    fn switching(&mut self, id: StreamId, key: Key, head: &ResponseHead<'_>) -> Result<(), &'static str> {
        let now_ms = self.turn.now_ms();
        let Some(stream) = self.streams.get(id) else { return Err("stream is gone") };
        let token = head.upgrade.unwrap_or_default();
        let offered = !stream.upgrade.is_empty() && token.eq_ignore_ascii_case(&stream.upgrade);
        let websocket = stream.upgrade.eq_ignore_ascii_case(b"websocket");
        if !offered || websocket && !head.accepts_websocket(&stream.key) {
            return Err("101 that was not asked for, or without the right key");
        }
        stream.lease = Lease::Wanted;
        stream.head_sent = true;
        stream.wait = Wait::Bytes;
        stream.deadline_ms = u64::MAX;
        let to_parse = response::ResponseHead {
            status: 101,
            lease: true,
            upgrade: true,
            backend: u32::try_from(stream.server.unwrap_or(usize::MAX)).unwrap_or(BACKEND_NONE),
            ..Default::default()
        };
        let written =
            answer::head(&mut self.output.outbox, id, &to_parse, head, &Removed::default(), self.date.at(now_ms));
        if let Some(link) = self.links.get_mut(key) {
            link.at = At::Tunnel;
            link.keep = false;
        }
        written.map_err(|_| "answer head does not fit a frame")
    }
}

/// What a response to this stream loses.
fn removed<'a>(config: &'a fosse_settings::Dispatch, stream: &Stream) -> Removed<'a> {
    let site = usize::try_from(stream.site).ok().and_then(|n| config.sites.get(n));
    Removed { fields: site.map_or(&[][..], |site| &site.remove_response_fields), logins: !stream.single_client }
}
