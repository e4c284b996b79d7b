//! Requests on their way into the ring: who asks, the frame of the head, those of the body.

use fosse_handshake::Handshake;
use fosse_http1::{Fields, is_request_id};
use fosse_source::Source;
use fosse_wire::fields::FieldsWriter;
use fosse_wire::request::{RequestHead, Version};
use fosse_wire::{Kind, Outbox, WireError};

use crate::access::Who;
use crate::caller::Caller;
use crate::context::Context;
use crate::exchange::Exchange;
use crate::pace::Pace;
use crate::refused::Refused;
use crate::request::{Asker, Request};
use crate::slow;
use crate::stream::Stream;
use crate::terms::Terms;

impl Stream {
    /// Forgets the request before this one, whose head is being read.
    pub fn forget(&mut self) {
        (self.named, self.reader) = (None, None);
    }

    /// Decides who asks, and judges whom trusted proxies name.
    ///
    /// # Errors
    /// [`Refused`] where that client may not come now.
    pub fn admit(&mut self, request: &Request<'_>, caller: &Caller, context: &mut Context) -> Result<Asker, Refused> {
        self.exchange.is_head = request.is_head();
        let (client, secure) = caller.origin.resolve(request.fields, caller.record.listener, &context.settings);
        if caller.origin.trusted {
            self.charge(client, caller, context)?;
        }
        Ok(Asker { client, secure: secure || caller.tls.is_some() })
    }

    /// Opens the stream of a request that has its terms.
    ///
    /// # Errors
    /// Where the head does not fit into a frame; nothing has begun then.
    #[expect(clippy::too_many_lines, reason = "every field of a head, once, in one place")]
    pub fn begin(
        &mut self,
        request: &Request<'_>,
        terms: &Terms,
        asker: Asker,
        caller: &mut Caller,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        let Asker { client, secure } = asker;
        let record = &caller.record;
        if record.trusted {
            context.counters.work_on(record.id, Source::word_of_named(&client.addr, &record.peer.addr));
        }
        let upgrade = request.upgrade.and_then(|token| context.settings.upgrade(token));
        let number = context.next_request();
        let id = self.id.next();
        let pace = Pace::of((terms.site, terms.policy, record.listener), &client, &context.settings);
        // A socket with many streams on it is nobody's to write one of them to.
        let is_sent_here = pace.is_some() || request.version == Version::Http2;
        let Handshake { version: tls_version, cipher: tls_cipher, name: sni, facts } = caller.handshake();
        let fixed = RequestHead {
            version: request.version,
            secure,
            expect_continue: request.expect_continue,
            single_client: caller.has_single_client(context),
            trusted: caller.origin.trusted,
            forwarded: context.settings.reads_forwarded(record.listener),
            paced: is_sent_here,
            body: request.body,
            site: terms.site,
            policy: terms.policy,
            listener: record.listener,
            client,
            peer: record.peer,
            tls_version,
            tls_cipher,
            connection: record.id,
            request: number,
            method: request.method,
            host: request.host.name(),
            host_port: request.host.port().unwrap_or(0),
            sni,
            facts,
            target: terms.target.as_deref().unwrap_or(request.target),
            received: if terms.target.is_some() { request.target } else { b"" },
            location: terms.location.as_deref().unwrap_or_default(),
            upgrade: context.settings.upgrade_token(upgrade),
            line: request.line,
            ..Default::default()
        };
        out.frame(id, Kind::Request, |body| {
            fixed.encode_fixed(body)?;
            put_fields(body, request.fields)
        })?;
        if context.access.is_on() {
            self.begin_log(request, &fixed, context);
        }
        (self.id, self.pace) = (id, pace);
        caller.requests += 1;
        caller.shown.note(request.method, request.target);
        let begun_us = if context.access.is_on() { fosse_eventloop::clock_us() } else { context.now_us };
        self.exchange = Exchange {
            body_bytes_max: terms.body_bytes_max,
            abort_on_close: terms.abort_on_close,
            is_sent_here,
            upgrade,
            begun_ms: context.now_ms,
            begun_us,
            site: terms.site,
            policy: terms.policy,
            client,
            request: number,
            ..Exchange::begun(request.is_head())
        };
        if context.credit_unlimited {
            self.exchange.request_credit = u32::MAX;
        }
        if terms.send_request_id && caller.origin.trusted {
            let theirs = request.fields.first("x-request-id").filter(|id| is_request_id(id));
            self.exchange.request_name = theirs.map(Box::from);
        }
        slow::begin(&mut self.asked, request, context);
        Ok(())
    }

    fn begin_log(&mut self, request: &Request<'_>, fixed: &RequestHead<'_>, context: &Context) {
        let site = context.settings.site_name(fixed.site);
        let theirs = if fixed.trusted { request.fields.first("x-request-id") } else { None };
        let request_id = theirs.filter(|id| is_request_id(id));
        let RequestHead { request: number, client, peer, connection, .. } = *fixed;
        let handshake = Handshake::of_request(fixed);
        let who = Who { request: number, request_id, connection, client, peer, site, handshake };
        context.access.begin(&mut self.log, &who, request);
    }

    /// Passes bytes of the body on, no more than there is credit for.
    ///
    /// # Errors
    /// [`Refused`] where the body is longer than the site takes.
    pub fn pass_on(&mut self, data: &[u8], context: &Context, out: &mut Outbox) -> Result<(), Refused> {
        let exchange = &mut self.exchange;
        // One of announced length was looked at with its head, so no body is over the limit yet.
        let room = exchange.body_bytes_max - exchange.bytes_in;
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        if u64::from(length) > room {
            return Err(Refused::BODY_SIZE);
        }
        if length > 0 {
            if !context.credit_unlimited {
                exchange.request_credit -= length;
            }
            exchange.bytes_in += u64::from(length);
            out.data(self.id, Kind::RequestData, data);
        }
        Ok(())
    }

    /// Passes bytes on that the client has sent after a switch of protocols, no more than there is
    /// credit for.
    pub fn pass_tunnel(&mut self, data: &[u8], context: &Context, out: &mut Outbox) {
        let exchange = &mut self.exchange;
        if !context.credit_unlimited {
            exchange.request_credit -= u32::try_from(data.len()).unwrap_or(u32::MAX);
        }
        exchange.bytes_in += u64::try_from(data.len()).unwrap_or(0);
        out.data(self.id, Kind::Tunnel, data);
    }

    /// Ends the client's side after a switch of protocols.
    pub fn end_tunnel(&self, out: &mut Outbox) {
        out.raw(self.id, Kind::Tunnel, b"");
    }

    /// Ends the request. Trailers of the client have been checked and are left out, which RFC 9110,
    /// section 6.5.1, allows: no rule looks at them, and applications do not ask for any.
    ///
    /// # Errors
    /// Where the end does not fit into a frame.
    pub fn end_request(&mut self, context: &Context, out: &mut Outbox) -> Result<(), WireError> {
        out.frame(self.id, Kind::RequestEnd, |body| {
            FieldsWriter::new(body).finish();
            Ok(())
        })?;
        self.exchange.forward_done = true;
        self.exchange.request_done_ms = context.now_ms;
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
