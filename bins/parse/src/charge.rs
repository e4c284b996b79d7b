//! What is counted for a client that a trusted proxy names, from its judgement to its end: a
//! connection where the proxy has one for each client, as a PROXY header says, else each request.

use fosse_counters::parse as count;
use fosse_source::Source;
use fosse_wire::request::Endpoint;

use crate::conn::Conn;
use crate::context::Context;
use crate::refused::Refused;
use crate::sources::Charge;

impl Conn {
    /// Judges the client of this connection, which a PROXY header names.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn charge_connection(&mut self, context: &mut Context) -> Result<(), Refused> {
        let source = self.judge(self.origin.client, context)?;
        self.charge = source.map(Charge::Connection);
        source.into_iter().for_each(|source| context.sources.counts.add(source));
        Ok(())
    }

    /// Judges the client of a request, whom trusted proxies name in their fields.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn charge_request(&mut self, client: Endpoint, context: &mut Context) -> Result<(), Refused> {
        self.named = Some(client);
        let source = self.judge(client, context)?;
        self.charge = source.map(Charge::Request);
        source.into_iter().for_each(|source| context.sources.counts.add(source));
        Ok(())
    }

    fn judge(&self, client: Endpoint, context: &Context) -> Result<Option<Source>, Refused> {
        let judged = context.sources.judge(self.record.listener, &client, &context.settings, context.now_ms);
        judged.inspect_err(|refused| context.counters.add(refused.counter(), 1))
    }

    /// Ends what is counted for the request that is over.
    pub(crate) fn discharge_request(&mut self, context: &mut Context) {
        if let Some(Charge::Request(source)) = self.charge {
            self.charge = None;
            context.sources.counts.remove(source);
        }
    }

    /// Ends what is counted for the connection, which is over.
    pub(crate) fn discharge(&mut self, context: &mut Context) {
        if let Some(Charge::Connection(source) | Charge::Request(source)) = self.charge.take() {
            context.sources.counts.remove(source);
        }
    }

    /// Returns the word of the source that a trusted proxy has named for what is being worked on; 0
    /// for none.
    pub(crate) fn named_source(&self) -> u64 {
        if !self.record.trusted {
            return 0;
        }
        let client = if self.exchange.open { &self.exchange.client } else { &self.origin.client };
        Source::word_of_named(&client.addr, &self.record.peer.addr)
    }

    /// Returns whether the connection is that of a client who is refused from now on. Those of
    /// proxies carry the requests of many: each request is judged there.
    pub(crate) fn is_refused(&self, context: &Context) -> bool {
        !self.origin.trusted && context.sources.refuses(self.record.listener, &self.origin.client, context.now_ms)
    }
}

impl Refused {
    /// Returns the counter of a client's refusal.
    const fn counter(self) -> usize {
        match self.limit.as_bytes() {
            b"deny" => count::DENIED,
            b"" => count::PENALISED,
            _ => count::LIMITED_ADDRESS,
        }
    }
}
