//! A slot of the ring, and the request that has it: what lives from one exchange to the next, and
//! what is known of this one.

use fosse_source::Source;
use fosse_wire::StreamId;
use fosse_wire::request::Endpoint;

use crate::access::Record;
use crate::caller::Caller;
use crate::exchange::Exchange;
use crate::pace::{Pace, Wait};
use crate::pages::Reader;
use crate::{context::Context, settings::Settings};

/// The exchanges of one slot, one after the other.
#[derive(Debug)]
pub struct Stream {
    /// The stream of its exchange, or of the last one.
    pub id: StreamId,
    /// The place of its slot among those of this front.
    pub place: u32,
    /// The exchange under way, or the last one.
    pub exchange: Exchange,
    /// The rates at which the response is sent, where it has any.
    pub pace: Option<Box<Pace>>,
    /// The beginning of its line in the access log.
    pub(crate) log: Record,
    /// Method and target of its request, where slow ones are logged.
    pub(crate) asked: Vec<u8>,
    /// The reader of the pages that its request's site has, where it has some.
    pub(crate) reader: Option<Box<Reader>>,
    /// The client of the request that is being read, whom trusted proxies name.
    pub(crate) named: Option<Endpoint>,
    /// The source that the request is counted for, where trusted proxies name its client.
    pub(crate) charge: Option<Source>,
}

impl Stream {
    /// Makes it; the first request has the stream that follows `id`.
    #[must_use]
    pub fn new(id: StreamId, context: &Context) -> Self {
        Self {
            id,
            place: u32::try_from(context.slots.place(id)).unwrap_or(u32::MAX),
            exchange: Exchange::none(),
            pace: None,
            log: Record::new(),
            asked: Vec::new(),
            reader: None,
            named: None,
            charge: None,
        }
    }

    /// Returns the client, as far as it is known.
    #[must_use]
    pub fn client(&self, caller: &Caller) -> Endpoint {
        if self.exchange.open { self.exchange.client } else { self.named.unwrap_or(caller.origin.client) }
    }

    /// Returns the word of the source that a trusted proxy has named for what is being worked on; 0
    /// for none.
    #[must_use]
    pub fn named_source(&self, caller: &Caller) -> u64 {
        if !caller.record.trusted {
            return 0;
        }
        let client = if self.exchange.open { &self.exchange.client } else { &caller.origin.client };
        Source::word_of_named(&client.addr, &caller.record.peer.addr)
    }

    /// Returns the name or number of the request for its client, where the policy shows it.
    #[must_use]
    pub fn shown_request_id(&self, settings: &Settings) -> Option<Vec<u8>> {
        self.exchange.shown_request_id(settings)
    }

    /// Returns what the bytes for its client wait for, where that is not the client.
    #[must_use]
    pub fn paced(&self) -> Option<Wait> {
        self.pace.as_ref()?.wait()
    }

    /// Returns how many of `wanted` bytes for its client may be written now.
    pub fn room(&mut self, wanted: usize, context: &mut Context) -> usize {
        let (slot, now) = (self.place, (context.now_ms, context.now_ns()));
        self.pace.as_mut().map_or(wanted, |pace| pace.room(wanted, slot, now, &mut context.source_rates))
    }

    /// Counts bytes that its client has taken.
    pub fn pay(&mut self, bytes: usize, context: &mut Context) {
        let slot = self.place;
        if let Some(pace) = &mut self.pace {
            pace.pay(bytes, slot, context.now_ns(), &mut context.source_rates);
        }
    }

    /// Ends the pace of its response. The next connection of its source has its turn.
    pub(crate) fn end_pace(&mut self, context: &mut Context) {
        if self.pace.take().is_some() {
            context.source_rates.leave(self.place);
        }
    }
}
