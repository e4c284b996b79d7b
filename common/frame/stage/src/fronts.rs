//! The fronts of a lane, as the stages behind them have them: frames from each, frames to each. A
//! lane has one front, or several that share its ring; then a stage goes on without one that is
//! gone.

use std::os::fd::{OwnedFd, RawFd};

use fosse_eventloop::{EventLoop, Interest};
use fosse_inherit::{Descriptors, Expected, STREAM};
use fosse_wire::{
    Frame, Outbox,
    frame::Hello,
    slots::{LANE_FRONTS_MAX, Slots},
};
use rustix::io::Errno;

use crate::{Gone, Input, Output};

/// The first descriptor of the second front: frames from it. The next number has those to it, and
/// so on for further fronts.
const FURTHER_FIRST: RawFd = 20;

/// The descriptors of further fronts, for the table of a stage.
pub const FURTHER: [Expected; 2 * (LANE_FRONTS_MAX - 1)] = [
    Expected::optional(FURTHER_FIRST, STREAM, "frames from the second front"),
    Expected::optional(FURTHER_FIRST + 1, STREAM, "frames to the second front"),
    Expected::optional(FURTHER_FIRST + 2, STREAM, "frames from the third front"),
    Expected::optional(FURTHER_FIRST + 3, STREAM, "frames to the third front"),
    Expected::optional(FURTHER_FIRST + 4, STREAM, "frames from the fourth front"),
    Expected::optional(FURTHER_FIRST + 5, STREAM, "frames to the fourth front"),
];

/// Takes the descriptors of further fronts that carry frames from them, or to them.
fn further(descriptors: &mut Descriptors, to: bool) -> Vec<OwnedFd> {
    let numbers = (FURTHER_FIRST + RawFd::from(to)..).step_by(2).take(LANE_FRONTS_MAX - 1);
    numbers.map_while(|number| descriptors.optional(number)).collect()
}

/// Returns the slots of each of a number of fronts. They are shared out by a power of two.
fn shares(fronts: usize) -> impl Iterator<Item = Slots> {
    let of = u8::try_from(fronts.next_power_of_two()).unwrap_or(u8::MAX);
    (0..of).take(fronts).filter_map(move |front| Slots::of(front, of))
}

/// Frames from all fronts. None of them may speak of a slot of another.
#[derive(Debug)]
pub struct FromFronts(Vec<Option<(Slots, Input)>>);

impl FromFronts {
    /// Takes over the descriptors, in the order of the fronts.
    #[must_use]
    pub fn new(fds: Vec<OwnedFd>) -> Self {
        let shared = shares(fds.len());
        Self(shared.zip(fds).map(|(slots, fd)| Some((slots, Input::new(fd).of_front(slots)))).collect())
    }

    /// Takes over the first descriptor, and those of further fronts.
    #[must_use]
    pub fn inherit(first: OwnedFd, descriptors: &mut Descriptors) -> Self {
        Self::new(std::iter::once(first).chain(further(descriptors, false)).collect())
    }

    /// Returns whether reading never waits, as [`Input::never_waits`].
    #[must_use]
    pub fn never_wait(&self) -> bool {
        self.0.iter().flatten().all(|(_, input)| input.never_waits())
    }

    /// Watches all; `token` has room for the number of a front in its lowest bits.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn watch(&self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        let there = self.0.iter().zip(0u64..).filter_map(|(end, front)| Some((end.as_ref()?, front)));
        for ((_, input), front) in there {
            event_loop.add(input, token | front, Interest::IN)?;
        }
        Ok(())
    }

    /// Returns the frames of the front that an event token names; `None` once it is gone.
    #[inline]
    pub fn of(&mut self, token: u64) -> Option<(Slots, &mut Input)> {
        let (slots, input) = self.0.get_mut(front_of(token))?.as_mut()?;
        Some((*slots, input))
    }

    /// Closes what comes from a front that is gone. What comes from another stage, which has frames
    /// of all fronts, goes on.
    ///
    /// # Errors
    /// `gone`, where it was the last one: the lane is over.
    pub fn lose(&mut self, slots: Slots, gone: Gone, event_loop: &EventLoop) -> Result<(), Gone> {
        let end = self.0.get_mut(usize::from(slots.front()));
        if let Some((_, input)) = end.and_then(|end| end.take_if(|(of, _)| *of == slots)) {
            // It is closed with that.
            let _ = event_loop.remove(&input);
        }
        if self.0.iter().any(Option::is_some) { Ok(()) } else { Err(gone) }
    }
}

/// Returns the number of the front in an event token.
fn front_of(token: u64) -> usize {
    usize::from(token.to_le_bytes()[0])
}

/// Frames to all fronts.
#[derive(Debug)]
pub struct ToFronts {
    /// Frames that wait to be written, whosever they are.
    pub outbox: Outbox,
    ends: Vec<Option<(Slots, Output)>>,
}

impl ToFronts {
    /// Takes over the descriptors, in the order of the fronts, and lays HELLO out for each.
    #[must_use]
    pub fn new(fds: Vec<OwnedFd>) -> Self {
        let shared = shares(fds.len());
        let ends = shared.zip(fds).map(|(slots, fd)| Some((slots, Output::new(fd, Hello::default())))).collect();
        let mut all = Self { outbox: Outbox::default(), ends };
        all.swap_only();
        all
    }

    /// Takes over the first descriptor, and those of further fronts.
    #[must_use]
    pub fn inherit(first: OwnedFd, descriptors: &mut Descriptors) -> Self {
        Self::new(std::iter::once(first).chain(further(descriptors, true)).collect())
    }

    /// Writes what can be written, once to each front, as [`Output::flush`] does. Returns the slots
    /// of the fronts that are found gone.
    ///
    /// # Errors
    /// [`Gone`] where the last of them is.
    pub fn flush(&mut self, event_loop: &EventLoop, token: u64) -> Result<Vec<Slots>, Gone> {
        self.swap_only();
        if let [Some((_, only))] = &mut self.ends[..] {
            let flushed = only.flush(event_loop, token);
            self.swap_only();
            return flushed.map(|()| Vec::new());
        }
        let Self { outbox, ends } = self;
        share_out(outbox, ends)?;
        let mut lost = Vec::new();
        for (end, front) in ends.iter_mut().zip(0u64..) {
            let Some((slots, output)) = end else { continue };
            if let Err(gone) = output.flush(event_loop, token | front) {
                output.leave(event_loop);
                lost.push((*slots, gone));
                *end = None;
            }
        }
        match lost.last() {
            Some((_, gone)) if ends.iter().all(Option::is_none) => Err(*gone),
            _ => Ok(lost.into_iter().map(|(slots, _)| slots).collect()),
        }
    }

    /// Returns the slots of the first front, whether it is there or not.
    #[must_use]
    pub fn slots_of_first(&self) -> Slots {
        shares(self.ends.len()).next().unwrap_or_default()
    }

    /// Lends the outbox to the end of the only front, and back: all frames are its own.
    fn swap_only(&mut self) {
        if let [Some((_, only))] = &mut self.ends[..] {
            std::mem::swap(&mut self.outbox, &mut only.outbox);
        }
    }

    /// Closes what goes to a front that is gone, where it is still open.
    pub fn lose(&mut self, slots: Slots, event_loop: &EventLoop) {
        let end = self.ends.get_mut(usize::from(slots.front()));
        let end = end.and_then(|end| end.take_if(|(of, _)| *of == slots));
        end.into_iter().for_each(|(_, mut output)| output.leave(event_loop));
    }
}

/// Gives each front its frames. Those of a front that is gone are thrown away.
fn share_out(outbox: &mut Outbox, ends: &mut [Option<(Slots, Output)>]) -> Result<(), Gone> {
    let (pending, mut taken) = (outbox.pending(), 0);
    while let Some((frame, used)) = Frame::split(&pending[taken..])? {
        let mut there = ends.iter_mut().flatten();
        if let Some((_, output)) = there.find(|(slots, _)| slots.have(frame.stream)) {
            output.outbox.forward(&frame);
        }
        taken += used;
    }
    outbox.advance(taken);
    Ok(())
}
