//! Losses of which a line has said that they happened: another says that they are made good.

use fosse_wire::launch::Program;

/// Lanes whose loss is remembered: more than an edge has.
const LANES_MAX: usize = 64;

/// The processes and lanes that have exited unasked and have no replacement yet.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    lanes: Vec<u32>,
    /// Programs outside of lanes, each once at most.
    programs: Vec<Program>,
    /// A lane that took the place of one whose loss is still to be reported.
    early: Option<u32>,
}

impl Losses {
    /// Notes an exit that was reported. Returns the lane that has taken the place of its lane
    /// already: whoever followed the one that crashed may be reaped long before it is.
    pub(crate) fn note(&mut self, program: Program, lane: Option<u32>) -> Option<u32> {
        if lane.is_some() && self.early.is_some() {
            return self.early.take();
        }
        match lane {
            Some(lane) if self.lanes.len() < LANES_MAX && !self.lanes.contains(&lane) => self.lanes.push(lane),
            None if !self.programs.contains(&program) => self.programs.push(program),
            _ => {}
        }
        None
    }

    /// Notes a lane that is ready while nobody knows yet which process of another one was lost.
    pub(crate) const fn note_early(&mut self, lane: u32) {
        self.early = Some(lane);
    }

    /// Returns whether a program that is ready takes the place of one that was lost.
    pub(crate) fn take_program(&mut self, program: Program) -> bool {
        let place = self.programs.iter().position(|lost| *lost == program);
        place.map(|at| self.programs.swap_remove(at)).is_some()
    }

    /// Returns the lane whose place a lane that is ready takes.
    pub(crate) fn take_lane(&mut self) -> Option<u32> {
        if self.lanes.is_empty() { None } else { Some(self.lanes.remove(0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_lost_two_stages_is_replaced_once() {
        let mut losses = Losses::default();
        losses.note(Program::Parse, Some(3));
        losses.note(Program::Dispatch, Some(3));
        losses.note(Program::Log, None);
        losses.note(Program::Log, None);
        assert_eq!((losses.take_lane(), losses.take_lane()), (Some(3), None));
        assert!(!losses.take_program(Program::Status));
        assert!(losses.take_program(Program::Log) && !losses.take_program(Program::Log));
    }

    #[test]
    fn a_lane_may_be_replaced_before_its_loss_is_reported() {
        let mut losses = Losses::default();
        losses.note_early(4);
        assert_eq!(losses.note(Program::Log, None), None);
        assert_eq!((losses.note(Program::Dispatch, Some(3)), losses.take_lane()), (Some(4), None));
        assert_eq!((losses.note(Program::Dispatch, Some(4)), losses.take_lane()), (None, Some(4)));
    }
}
