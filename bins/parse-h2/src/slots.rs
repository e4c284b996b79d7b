//! The slots of the ring, and whose stream is in which. A slot is used again only after the ring
//! has ended its exchange, whatever has become of the client.

use std::collections::VecDeque;

use fosse_front::context::Context;
use fosse_front::stream::Stream;
use fosse_front::upgraded::Upgraded;
use fosse_source::{Budget, Source};

use crate::limits::AHEAD_LANE_BYTES_MAX;
use crate::window::Ahead;

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
    /// know the settings yet may send them, and one whose window has grown.
    pub(crate) early: VecDeque<u8>,
    /// The part of its window that is ahead of that credit.
    pub(crate) ahead: Ahead,
    /// The request ends behind these bytes.
    pub(crate) ends: bool,
    /// Bytes of the response that its rates do not let go yet, and whether they are looked after.
    pub(crate) held: VecDeque<u8>,
    pub(crate) is_paced: bool,
    /// The response ends behind them, with these trailers.
    pub(crate) end: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    /// The client waits for 100 before it sends its body.
    pub(crate) expects: bool,
    /// The switch of protocols that it asks for.
    pub(crate) switch: Switch,
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
            early: VecDeque::new(),
            ahead: Ahead::default(),
            ends: false,
            held: VecDeque::new(),
            is_paced: false,
            end: None,
            expects: false,
            switch: Switch::No,
            moved_ms: 0,
        }
    }
}

/// The switch of protocols of one stream.
#[derive(Debug)]
pub(crate) enum Switch {
    /// None was asked for.
    No,
    /// The server has not said whether it does.
    Asked,
    /// It has, and is counted as long as that lasts.
    Done(#[expect(dead_code, reason = "its end counts")] Upgraded),
}

impl Switch {
    /// Returns whether one was asked for, whatever has become of it.
    pub(crate) const fn is_asked(&self) -> bool {
        !matches!(self, Self::No)
    }
}

impl Slot {
    /// Returns whose memory the bytes ahead of the ring are.
    pub(crate) fn source(&self) -> Source {
        Source::of(&self.stream.exchange.client.addr)
    }
}

/// All slots.
#[derive(Debug)]
pub(crate) struct Slots {
    all: Vec<Slot>,
    free: Vec<u32>,
    /// Bytes of all windows that are ahead of the ring.
    ahead: Budget,
}

impl Default for Slots {
    fn default() -> Self {
        Self { all: Vec::new(), free: Vec::new(), ahead: Budget::new(AHEAD_LANE_BYTES_MAX) }
    }
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
        (slot.ends, slot.expects, slot.switch) = (false, false, Switch::No);
        (slot.early, slot.held, slot.end) = Default::default();
        Some((index, slot))
    }

    /// Returns a slot.
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut Slot> {
        self.all.get_mut(usize::try_from(index).ok()?)
    }

    /// Returns the bytes by which the window of a request grows with credit that has come.
    pub(crate) fn grow_window(&mut self, index: u32) -> u32 {
        let slot = usize::try_from(index).ok().and_then(|at| self.all.get_mut(at));
        slot.map_or(0, |slot| {
            let source = slot.source();
            slot.ahead.grow(source, &mut self.ahead)
        })
    }

    /// Frees a slot whose exchange is over. Returns whose it was.
    pub(crate) fn release_if_over(&mut self, index: u32) -> Option<Owner> {
        let slot = self.all.get_mut(usize::try_from(index).ok()?);
        let slot = slot.filter(|slot| !slot.is_free && !slot.stream.exchange.open)?;
        let owner = slot.owner.take();
        slot.is_free = true;
        slot.switch = Switch::No;
        slot.early = VecDeque::new();
        slot.ahead.end(&mut self.ahead);
        self.free.push(index);
        owner
    }

    /// Iterates over the slots that are taken.
    pub(crate) fn taken(&mut self) -> impl Iterator<Item = (u32, &mut Slot)> {
        (0..).zip(&mut self.all).filter(|(_, slot)| !slot.is_free)
    }
}
