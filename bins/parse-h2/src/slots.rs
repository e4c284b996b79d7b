//! The slots of the ring, and whose stream is in which. A slot is used again only after the ring
//! has ended its exchange, whatever has become of the client.

use std::collections::VecDeque;

use fosse_front::context::Context;
use fosse_front::stream::Stream;

/// The stream of a client whose exchange a slot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Index of the client.
    pub(crate) client: u32,
    /// Place of the stream in its connection.
    pub(crate) place: usize,
}

/// An exchange, and what the front keeps of its request.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) stream: Stream,
    /// Whose it is; `None` where it is free, or its client is gone.
    pub(crate) owner: Option<Owner>,
    is_free: bool,
    /// Bytes of the request that came before the ring has credit for them. A client that does not
    /// know the settings yet may send them.
    pub(crate) early: Vec<u8>,
    /// The request ends behind these bytes.
    pub(crate) ends: bool,
    /// Bytes of the response that its rates do not let go yet, and whether they are looked after.
    pub(crate) held: VecDeque<u8>,
    pub(crate) is_paced: bool,
    /// The response ends behind them, with these trailers.
    pub(crate) end: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    /// The client waits for 100 before it sends its body.
    pub(crate) expects: bool,
    /// Time of the last byte of the request, or when credit came after a wait for it, in
    /// milliseconds.
    pub(crate) moved_ms: u64,
}

impl Slot {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            owner: None,
            is_free: true,
            early: Vec::new(),
            ends: false,
            held: VecDeque::new(),
            is_paced: false,
            end: None,
            expects: false,
            moved_ms: 0,
        }
    }
}

/// All slots.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    all: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    /// Takes a slot. Returns `None` where there is none left.
    pub(crate) fn take(&mut self, owner: Owner, context: &Context) -> Option<(u32, &mut Slot)> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.all.len()).ok()?;
                let stream = Stream::new(context.slots.first(index)?, context);
                self.all.push(Slot::new(stream));
                index
            }
        };
        let slot = self.at(index)?;
        (slot.owner, slot.is_free) = (Some(owner), false);
        (slot.ends, slot.expects) = (false, false);
        (slot.early, slot.held, slot.end) = Default::default();
        Some((index, slot))
    }

    /// Returns a slot.
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut Slot> {
        self.all.get_mut(usize::try_from(index).ok()?)
    }

    /// Frees a slot whose exchange is over. Returns whose it was.
    pub(crate) fn release_if_over(&mut self, index: u32) -> Option<Owner> {
        let slot = self.at(index).filter(|slot| !slot.is_free && !slot.stream.exchange.open)?;
        let owner = slot.owner.take();
        slot.is_free = true;
        slot.early = Vec::new();
        self.free.push(index);
        owner
    }

    /// Iterates over the slots that are taken.
    pub(crate) fn taken(&mut self) -> impl Iterator<Item = (u32, &mut Slot)> {
        (0..).zip(&mut self.all).filter(|(_, slot)| !slot.is_free)
    }
}
