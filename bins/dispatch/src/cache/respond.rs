//! The response that is made of what was found.

use std::ops::Range;

use fosse_caching::{Reply, Stored};
use fosse_http1::{Field, write_number};
use fosse_wire::{
    Kind, WireError,
    cursor::Cursor,
    fields::{Fields, FieldsWriter},
    request::BodyLength,
    response::{BACKEND_NONE, ResponseHead},
};

use super::cached::{Status, now_s};
use crate::{
    context::Context,
    exchange::{
        Outcome,
        encoding::{self, ACCEPT_ENCODING, Chosen, Selected},
        limit::Limit,
        response::{self, Changes},
        response_head,
        stream::{Lease, Stream},
    },
    lane::Lane,
    limits,
    policies::Policy,
    upstream::supply::Event,
};

impl Lane<'_> {
    /// Does what the cache has to do with a stream.
    pub(crate) fn settle_kept(&mut self, stream: &mut Stream, outcome: &Outcome) -> Option<Event> {
        let outcome = if *outcome == Outcome::AskCache { self.ask_cache(stream) } else { self.respond_kept(stream) };
        self.settle(stream, outcome)
    }

    /// Asks the cache for what a stream wants, or lets it go on where there is nobody to ask.
    fn ask_cache(&mut self, stream: &mut Stream) -> Outcome {
        let (source, policy) = (stream.source(), u32::try_from(stream.policy).unwrap_or(u32::MAX));
        let (Some(cached), Some(cache)) = (&mut stream.cached, &mut self.context.shared.cache) else {
            return Outcome::Connect;
        };
        cached.asks = false;
        let (of, how) = ((source, cached.site, policy), (cached.validate, cached.way));
        let fields = Fields::decode(&mut Cursor::new(&cached.more)).unwrap_or_default();
        let Some(tag) = cache.ask(Some(stream.id), of, how, cached.terms, (&cached.key, fields)) else {
            return Outcome::Connect;
        };
        cached.tag = tag;
        let time = std::time::Duration::from_millis(limits::CACHE_WAIT_MS_MAX);
        stream.start_limit(Limit::Cache, time, &mut self.context);
        Outcome::Continue
    }

    /// Sends the record that was found last. Its body is sent as parse grants it, or under a lease,
    /// as one that was read ahead of its client.
    fn respond_kept(&mut self, stream: &mut Stream) -> Outcome {
        let Some(mut cache) = self.context.shared.cache.take() else { return Outcome::Respond(502) };
        let mut record = std::mem::take(&mut cache.record);
        let (piped, body_bytes) = (cache.piped.take(), cache.body_bytes);
        let (sent, body_at) = match Stored::decode(&record) {
            Ok(stored) => {
                let body = if piped.is_some() { None } else { Some(stored.body) };
                let sent = self.send_kept(stream, &stored, (body, body_bytes), &cache.reply);
                (sent, record.len() - stored.body.len())
            }
            Err(_) => (Err(Outcome::Respond(502)), 0),
        };
        let left = match sent {
            Ok(left) => left,
            Err(outcome) => {
                self.context.shared.cache = Some(cache);
                return outcome;
            }
        };
        if left.is_empty() {
            cache.record = record;
        } else if let Some(piped) = piped {
            cache.record = record;
            match stream.lease {
                Lease::No => self.send_later(stream, piped.take(), 0),
                _ => self.send_piped(stream, piped),
            }
        } else {
            record.truncate(body_at + left.end);
            // It may have held a longer one before.
            if record.capacity() / 2 > record.len() {
                record.shrink_to_fit();
            }
            self.send_later(stream, record, body_at + left.start);
        }
        self.context.shared.cache = Some(cache);
        Outcome::Continue
    }

    /// Returns the head of what is kept, with `length` bytes of a body; it is written to the client
    /// itself where that is long, does not go at once and is not encoded.
    fn head_of_kept(
        &self,
        stream: &Stream,
        stored: &Stored<'_>,
        reply: &Reply,
        (length, is_sent): (u64, bool),
    ) -> ResponseHead<'static> {
        let has_none = matches!(reply, Reply::NotModified) || stored.status == 204;
        let lease =
            !is_sent && length >= limits::LEASE_BYTES_MIN && !stream.is_encoded && stream.may_lease(self.clients);
        ResponseHead {
            status: reply.status(stored),
            lease,
            body: if has_none { BodyLength::None } else { BodyLength::Exact(length) },
            backend: BACKEND_NONE,
            ..ResponseHead::default()
        }
    }

    /// Sends the head of what is kept, and all of the body where that goes at once. Returns the
    /// part of the body that is left.
    ///
    /// # Errors
    /// With what is to be done instead.
    fn send_kept(
        &mut self,
        stream: &mut Stream,
        stored: &Stored<'_>,
        (body, body_bytes): (Option<&[u8]>, usize),
        (reply, status): &(Reply, Status),
    ) -> Result<Range<usize>, Outcome> {
        let policy = self.policies.get(stream.policy);
        let (selected, coding) = select(stream, stored, body_bytes, policy, reply);
        let coding = coding.filter(|_| self.context.shared.can_encode);
        stream.is_encoded = coding.is_some();
        let reply = if coding.is_some() { &Reply::Whole } else { reply };
        let part = match reply {
            Reply::Whole => 0..body_bytes,
            Reply::Part(range) => range.clone(),
            Reply::NotModified | Reply::NoSuchPart => 0..0,
        };
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        let is_sent = body.is_some() && length <= stream.credit || part.is_empty() || stream.to_head;
        let head = self.head_of_kept(stream, stored, reply, (length, is_sent));
        let lease = head.lease;
        let changes = response_head::changes(stream, policy);
        let before = coding.map(|coding| response_head::before_head(stream, policy, coding));
        let kind = if before.is_some() { Kind::Encode } else { Kind::Response };
        let written = self.context.shared.way(before.is_some()).frame(stream.id, kind, |out| {
            before.iter().for_each(|before| before.encode_fixed(out));
            head.encode_fixed(out);
            put_fields(out, (stored, body_bytes), (reply, *status), (changes, selected))
        });
        if written.is_err() {
            return Err(Outcome::Respond(502));
        }
        self.await_client(stream);
        stream.lease = if lease { Lease::Wanted } else { Lease::No };
        if is_sent {
            let body = body.and_then(|body| body.get(part)).unwrap_or_default();
            send_all(stream, body, &mut self.context);
            self.end_response(stream);
            return Ok(0..0);
        }
        Ok(part)
    }
}

/// Decides how what is kept is encoded on its way to a client: as any response of its policy. Who
/// gets it encoded gets all of it, as from nginx: a part is one of bytes that nobody else has.
fn select(
    stream: &Stream,
    stored: &Stored<'_>,
    body_bytes: usize,
    policy: &Policy,
    reply: &Reply,
) -> (Selected, Option<Chosen>) {
    let fields = stored.fields.into_iter().map(|(name, value)| Field { name, value });
    let length = BodyLength::Exact(u64::try_from(body_bytes).unwrap_or(u64::MAX));
    let (selected, coding) = encoding::select(stream.wanted_coding, policy, (stored.status, fields), length);
    match reply {
        // The client has what it would get now.
        Reply::NotModified => (Selected { weakens: coding.is_some(), ..selected }, None),
        _ => (selected, coding),
    }
}

fn send_all(stream: &mut Stream, body: &[u8], context: &mut Context<'_>) {
    let outbox = context.shared.way(stream.is_encoded);
    if !stream.to_head && !body.is_empty() {
        outbox.data(stream.id, Kind::ResponseData, body);
    }
    response::end(outbox, stream.id, 0, None);
}

/// Writes the fields of what is kept, with its age, and what the policy changes.
fn put_fields(
    out: &mut Vec<u8>,
    (stored, whole): (&Stored<'_>, usize),
    (reply, status): (&Reply, Status),
    (changes, mut selected): (Option<Changes<'_>>, Selected),
) -> Result<(), WireError> {
    let age_s = stored.age_s_at(now_s()).unwrap_or(0);
    let (mut to, mut bytes_left) = (FieldsWriter::new(out), limits::REPLACED_BYTES_MAX);
    let is_left_out = |name: &[u8]| changes.is_some_and(|changes| changes.edits.drop(name));
    let passes = |name: &[u8]| reply.has(name) && !is_left_out(name);
    for (name, value) in stored.fields.into_iter().filter(|(name, _)| passes(name)) {
        let field = Field { name, value };
        match changes.map(|changes| changes.value(&field, &mut bytes_left)).transpose()? {
            Some(value) if value.is_empty() && !field.value.is_empty() => {}
            Some(value) => to.push(name, &selected.changed(&Field { value: &value, ..field }))?,
            None => to.push(name, &selected.changed(&field))?,
        }
    }
    if selected.varies {
        to.push(b"Vary", ACCEPT_ENCODING)?;
    }
    let mut number = Vec::new();
    write_number(&mut number, age_s);
    to.push(b"Age", &number)?;
    if let Reply::Part(range) = reply {
        to.push(b"Content-Range", format!("bytes {}-{}/{whole}", range.start, range.end - 1).as_bytes())?;
    }
    if *reply == Reply::NoSuchPart {
        to.push(b"Content-Range", format!("bytes */{whole}").as_bytes())?;
    }
    let signed = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    let ttl = signed(u64::from(stored.fresh_s)) - signed(age_s);
    to.push(b"Cache-Status", status.value(ttl).as_bytes())?;
    if let Some(changes) = &changes {
        changes.put(&mut to, |name| stored.fields.has(name))?;
    }
    to.finish();
    Ok(())
}
