//! The lanes in the state that an upgrade carries, with what all of them have.

use fosse_wire::{WireError, start::Door};

use super::successor_state::{Reader, Writer};
use crate::lanes::{Lane, LaneState, Lanes, doors::DoorEnds};

impl<'e> Writer<'e> {
    /// Writes the lanes with the pages and the memory that all of them have.
    pub(super) fn lanes(&mut self, lanes: &'e Lanes) -> Result<(), WireError> {
        self.fds(&lanes.checks)?;
        self.fds(&lanes.states)?;
        self.fds(&lanes.addresses)?;
        self.list(&lanes.kept, |w, (memory, bytes)| {
            w.fd(memory);
            w.long(*bytes);
            Ok(())
        })?;
        self.fds(&lanes.ticket_seed)?;
        self.list(lanes.iter(), Writer::lane)?;
        self.list(lanes.rests(), |w, (lane, door, rest)| {
            [*lane, *door as u32].into_iter().for_each(|n| w.number(n));
            w.fd(rest);
            Ok(())
        })
    }

    fn lane(&mut self, lane: &'e Lane) -> Result<(), WireError> {
        [lane.number, lane.generation, lane.core, lane.set, lane.adopted].into_iter().for_each(|n| self.number(n));
        let (state, until_ms) = match lane.state {
            LaneState::Starting => (0, 0),
            LaneState::Live => (1, 0),
            LaneState::Draining(until_ms) => (2, until_ms),
            LaneState::Dying(until_ms) => (3, until_ms),
        };
        self.out.push(state);
        self.long(until_ms);
        self.list(&lane.doors, |w, ends| {
            w.number(ends.door as u32);
            w.fds(&ends.accept)?;
            w.fds(&ends.stage)
        })
    }
}

impl Reader<'_> {
    /// Reads the lanes with the pages and the memory that all of them have.
    pub(super) fn lanes(&mut self, next_number: u32) -> Result<Lanes, WireError> {
        let shared = [self.list(Self::fd)?.pop(), self.list(Self::fd)?.pop(), self.list(Self::fd)?.pop()];
        let kept = self.list(|r| Ok((r.fd()?, r.0.u64()?)))?.pop();
        let ticket_seed = self.list(Self::fd)?.pop();
        let mut lanes = Lanes::of(self.list(Self::lane)?, next_number, shared);
        (lanes.kept, lanes.ticket_seed) = (kept, ticket_seed);
        lanes.restore_rests(self.list(|r| Ok((r.0.u32()?, r.door()?, r.fd()?)))?);
        Ok(lanes)
    }

    fn lane(&mut self) -> Result<Lane, WireError> {
        let (number, generation, core) = (self.0.u32()?, self.0.u32()?, self.0.u32()?);
        let (set, adopted) = (self.0.u32()?, self.0.u32()?);
        let (state, until_ms) = (self.0.u8()?, self.0.u64()?);
        let state = match state {
            0 => LaneState::Starting,
            1 => LaneState::Live,
            2 => LaneState::Draining(until_ms),
            3 => LaneState::Dying(until_ms),
            _ => return Err(WireError::Field("state")),
        };
        let given = state != LaneState::Starting;
        let doors = self.list(|r| {
            let (door, accept, stage) = (r.door()?, r.list(Self::fd)?.pop(), r.list(Self::fd)?.pop());
            Ok(DoorEnds { door, accept, stage, given })
        })?;
        let (processes, suspect, is_torn) = (Vec::new(), None, false);
        Ok(Lane { number, generation, core, processes, doors, state, set, adopted, suspect, is_torn })
    }

    fn door(&mut self) -> Result<Door, WireError> {
        let number = self.0.u32()?;
        Door::ALL.into_iter().find(|door| *door as u32 == number).ok_or(WireError::Field("door"))
    }
}
