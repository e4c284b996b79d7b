//! What is counted for a client that a trusted proxy names, from its judgement to its end: a
//! connection where the proxy has one for each client, as a PROXY header says, else each request.

use fosse_counters::parse as count;
use fosse_source::Source;
use fosse_wire::request::Endpoint;

use crate::caller::Caller;
use crate::context::Context;
use crate::refused::Refused;
use crate::stream::Stream;

impl Caller {
    /// Judges the client of this connection, which a PROXY header names.
    pub(crate) fn charge(&mut self, context: &mut Context) -> Result<(), Refused> {
        self.charge = judge(self, self.origin.client, context)?;
        Ok(())
    }

    /// Ends what is counted for the connection, which is over.
    pub fn discharge(&mut self, context: &mut Context) {
        self.charge.take().into_iter().for_each(|source| context.sources.counts.remove(source));
    }

    /// Returns whether the connection is that of a client who is refused from now on. Those of
    /// proxies carry the requests of many: each request is judged there.
    #[must_use]
    pub fn is_refused(&self, context: &Context) -> bool {
        !self.origin.trusted && context.sources.refuses(self.record.listener, &self.origin.client, context.now_ms)
    }
}

impl Stream {
    /// Judges the client of a request, whom trusted proxies name in their fields.
    pub(crate) fn charge(&mut self, client: Endpoint, caller: &Caller, context: &mut Context) -> Result<(), Refused> {
        self.named = Some(client);
        self.charge = judge(caller, client, context)?;
        Ok(())
    }

    /// Ends what is counted for the request that is over.
    pub(crate) fn discharge(&mut self, context: &mut Context) {
        self.charge.take().into_iter().for_each(|source| context.sources.counts.remove(source));
    }
}

/// Judges a client and counts one more for its source.
fn judge(caller: &Caller, client: Endpoint, context: &mut Context) -> Result<Option<Source>, Refused> {
    let judged = context.sources.judge(caller.record.listener, &client, &context.settings, context.now_ms);
    let source = judged.inspect_err(|refused| context.counters.add(refused.counter(), 1))?;
    source.into_iter().for_each(|source| context.sources.counts.add(source));
    Ok(source)
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
