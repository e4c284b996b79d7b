//! A request that is held until it is judged: its head as it came, its body as far as it has come.

use fosse_wire::{
    Kind, Outbox, StreamId, WireError,
    request::{self, RequestHead},
};

/// A held request.
#[derive(Debug)]
pub struct Held {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Credit granted beyond the bytes taken: one byte, where the client had to be told to go on.
    ahead: u32,
}

impl Held {
    /// Holds a head. `ahead` as said above.
    #[must_use]
    pub fn new(head: &[u8], ahead: u32) -> Self {
        Self { head: head.to_vec(), body: Vec::new(), ahead }
    }

    /// Takes body bytes; the credit to grant for them.
    pub fn take(&mut self, bytes: &[u8]) -> u32 {
        self.body.extend_from_slice(bytes);
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let grant = count.saturating_sub(self.ahead);
        self.ahead = self.ahead.saturating_sub(count);
        grant
    }

    /// The body so far.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The head.
    ///
    /// # Errors
    /// As [`RequestHead::decode`]; it was decoded once before, so none is expected.
    pub fn head(&self) -> Result<RequestHead<'_>, WireError> {
        RequestHead::decode(&self.head)
    }

    /// Sends everything on.
    ///
    /// # Errors
    /// [`WireError`] where the head cannot be marked.
    pub fn release(mut self, stream: StreamId, out: &mut Outbox) -> Result<(), WireError> {
        let taken = u32::try_from(self.body.len()).unwrap_or(u32::MAX).saturating_add(self.ahead);
        request::set_held(&mut self.head, taken)?;
        out.raw(stream, Kind::Request, &self.head);
        out.data(stream, Kind::RequestData, &self.body);
        Ok(())
    }
}
