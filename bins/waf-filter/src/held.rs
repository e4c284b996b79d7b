//! A request that is held until it is judged: its head as it came, its body as far as it has come.

use fosse_bodies::inflate::Requested;
use fosse_wire::{
    Kind, Outbox, StreamId, WireError,
    request::{self, RequestHead},
};

use crate::case::Case;

/// A held request.
#[derive(Debug)]
pub struct Held {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Credit granted so far: for the bytes taken, and one more where the client had to be told to go on.
    granted: u32,
    /// The end as it came, with its trailers.
    end: Option<Vec<u8>>,
    /// What the rules make of it; `None` where the site has none.
    pub case: Option<Box<Case>>,
    /// It waits for its turn.
    pub queued: bool,
    /// The body is over the site's limit and is judged as far as that.
    pub in_part: bool,
    /// How the body is encoded.
    pub coding: Requested,
}

impl Held {
    /// Holds a head. `granted` as said above.
    #[must_use]
    pub fn new(head: &[u8], granted: u32, case: Option<Box<Case>>, coding: Requested) -> Self {
        let head = head.to_vec();
        Self { head, body: Vec::new(), granted, end: None, case, queued: false, in_part: false, coding }
    }

    /// Takes body bytes; the credit to grant for them. None is granted once the body is judged in part: what comes then
    /// was on its way already, and dispatch grants for the rest.
    pub fn take(&mut self, bytes: &[u8]) -> u32 {
        self.body.extend_from_slice(bytes);
        if self.in_part {
            return 0;
        }
        let taken = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        let grant = taken.saturating_sub(self.granted);
        self.granted = self.granted.max(taken);
        grant
    }

    /// Takes the end.
    pub fn ends(&mut self, trailers: &[u8]) {
        self.end = Some(trailers.to_vec());
    }

    /// Everything that is to be judged is here.
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.end.is_some() || self.in_part
    }

    /// Its end has come.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.end.is_some()
    }

    /// The body so far.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Bytes held, of the body.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.body.len()).unwrap_or(u64::MAX)
    }

    /// The head.
    ///
    /// # Errors
    /// As [`RequestHead::decode`]; it was decoded once before, so none is expected.
    pub fn head(&self) -> Result<RequestHead<'_>, WireError> {
        RequestHead::decode(&self.head)
    }

    /// The head as it came.
    #[must_use]
    pub fn head_bytes(&self) -> &[u8] {
        &self.head
    }

    /// Sends everything on.
    ///
    /// # Errors
    /// [`WireError`] where the head cannot be marked.
    pub fn release(mut self, stream: StreamId, out: &mut Outbox) -> Result<(), WireError> {
        request::set_held(&mut self.head, self.granted)?;
        out.raw(stream, Kind::Request, &self.head);
        out.data(stream, Kind::RequestData, &self.body);
        if let Some(trailers) = &self.end {
            out.raw(stream, Kind::RequestEnd, trailers);
        }
        Ok(())
    }
}
