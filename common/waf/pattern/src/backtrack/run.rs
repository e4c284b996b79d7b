//! Runs a program on a value, counting steps.

use super::program::{Backtracker, Inst};
use crate::ast::{Greed, Look};
use crate::byteset::{self, ByteSet};
use crate::captures::Captures;
use crate::stack::{Frame, Stack};
use crate::{Scratch, StepLimit};

/// Untried alternatives at a time. More than a pattern that ends within its steps needs; 4 MiB.
const FRAMES_COUNT_MAX: usize = 128 * 1024;

struct Run<'a> {
    program: &'a [Inst],
    value: &'a [u8],
    stack: &'a mut Stack,
    steps_left: u64,
}

impl Backtracker {
    /// Searches from every start at `from` and after in turn, as PCRE does; fills `groups` on a
    /// match.
    pub(crate) fn search(
        &self,
        value: &[u8],
        from: usize,
        scratch: &mut Scratch,
        groups: &mut Captures,
    ) -> Result<bool, StepLimit> {
        // One budget for all starts: with one each, a long value would multiply it by its length.
        let steps_left = scratch.steps_max;
        let mut run = Run { program: &self.program, value, stack: &mut scratch.stack, steps_left };
        for start in from..=value.len() {
            let impossible = |set: ByteSet| !value.get(start).is_some_and(|byte| set.contains(*byte));
            if self.first.is_some_and(impossible) {
                continue;
            }
            run.stack.frames.clear();
            run.stack.slots.clear();
            run.stack.slots.resize(self.slots, None);
            if run.from(0, start, None)?.is_some() {
                run.fill(self.groups, groups);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Run<'_> {
    fn fill(&self, count: usize, groups: &mut Captures) {
        for (group, pair) in groups.iter_mut().zip(self.stack.slots.chunks_exact(2).take(count)) {
            // `\K` in a lookahead may set the start after the end.
            if let [Some(start), Some(end)] = pair
                && start <= end
            {
                *group = Some(*start..*end);
            }
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), StepLimit> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(StepLimit)?;
        Ok(())
    }

    fn push(&mut self, frame: Frame) -> Result<(), StepLimit> {
        if self.stack.frames.len() >= FRAMES_COUNT_MAX {
            return Err(StepLimit);
        }
        self.stack.frames.push(frame);
        Ok(())
    }

    fn slot(&self, slot: usize) -> Option<usize> {
        self.stack.slots[slot]
    }

    fn save(&mut self, slot: usize, at: usize) -> Result<(), StepLimit> {
        let old = self.slot(slot);
        self.push(Frame::Restore { slot, old })?;
        self.restore(slot, Some(at));
        Ok(())
    }

    fn restore(&mut self, slot: usize, value: Option<usize>) {
        self.stack.slots[slot] = value;
    }

    /// Matches from `pc` at `at` until an `Accept` (at `must_end`, if that is set), and returns the
    /// position reached. Afterwards the frames above those there before are the untried
    /// alternatives of this match.
    fn from(&mut self, mut pc: usize, mut at: usize, must_end: Option<usize>) -> Result<Option<usize>, StepLimit> {
        let base = self.stack.frames.len();
        loop {
            self.spend(1)?;
            let program = self.program;
            let next = match program.get(pc) {
                None => None,
                Some(Inst::Accept) if must_end.is_none_or(|end| end == at) => return Ok(Some(at)),
                Some(Inst::Accept) => None,
                Some(inst) => self.step(inst, pc, at)?,
            };
            match next.or_else(|| self.backtrack(base)) {
                Some((to, position)) => (pc, at) = (to, position),
                None => return Ok(None),
            }
        }
    }

    /// Runs one instruction; returns where to go on, `None` if it does not match.
    fn step(&mut self, inst: &Inst, pc: usize, at: usize) -> Result<Option<(usize, usize)>, StepLimit> {
        let after = pc + 1;
        Ok(match inst {
            Inst::Byte(set) => self.value.get(at).filter(|byte| set.contains(**byte)).map(|_| (after, at + 1)),
            Inst::Run { set, min, max, greed } => self.run_of(set, *min, *max, *greed, (after, at))?,
            Inst::Split { first, second } => {
                self.push(Frame::Resume { pc: *second, at })?;
                Some((*first, at))
            }
            Inst::Jump(to) => Some((*to, at)),
            Inst::Save(slot) => {
                self.save(*slot, at)?;
                Some((after, at))
            }
            Inst::Close { group, opened } => {
                let start = group * 2;
                self.save(start, self.slot(*opened).unwrap_or(at))?;
                self.save(start + 1, at)?;
                Some((after, at))
            }
            Inst::LeaveIfAt { slot, exit } => Some((if self.slot(*slot) == Some(at) { *exit } else { after }, at)),
            Inst::Look(look) => self.look(*look, at).then_some((after, at)),
            Inst::Backref { group, caseless } => self.backref(*group, *caseless, at)?.map(|end| (after, end)),
            // Groups nest 250 deep at most, and so do these calls.
            Inst::Atomic { next } => {
                let base = self.stack.frames.len();
                let end = self.from(after, at, None)?;
                self.forget(base);
                end.map(|end| (*next, end))
            }
            Inst::Around { ahead, negate, least, most, next } => {
                let base = self.stack.frames.len();
                let found = self.around(after, at, *ahead, *least, *most)?;
                // A negative assertion leaves no captures, even where its part matched.
                if *negate {
                    self.undo(base);
                } else {
                    self.forget(base);
                }
                (found != *negate).then_some((*next, at))
            }
            Inst::Accept => None,
        })
    }

    /// Takes the newest untried alternative above `base`.
    fn backtrack(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.stack.frames.len() > base {
            match self.stack.frames.pop()? {
                Frame::Resume { pc, at } => return Some((pc, at)),
                Frame::Restore { slot, old } => self.restore(slot, old),
                Frame::Shorter { pc, least, at } => {
                    if at > least {
                        self.stack.frames.push(Frame::Shorter { pc, least, at: at - 1 });
                    }
                    return Some((pc, at));
                }
                Frame::Longer { pc, at, most } => {
                    if at < most {
                        self.stack.frames.push(Frame::Longer { pc, at: at + 1, most });
                    }
                    return Some((pc, at));
                }
            }
        }
        None
    }

    /// Drops the untried alternatives above `base`, but keeps what undoes captures.
    fn forget(&mut self, base: usize) {
        let mut index = 0_usize;
        self.stack.frames.retain(|frame| {
            index += 1;
            index <= base || matches!(frame, Frame::Restore { .. })
        });
    }

    /// Drops the untried alternatives above `base` and undoes their captures.
    fn undo(&mut self, base: usize) {
        while self.stack.frames.len() > base {
            if let Some(Frame::Restore { slot, old }) = self.stack.frames.pop() {
                self.restore(slot, old);
            }
        }
    }

    fn run_of(
        &mut self,
        set: &ByteSet,
        min: usize,
        max: usize,
        greed: Greed,
        (pc, at): (usize, usize),
    ) -> Result<Option<(usize, usize)>, StepLimit> {
        let rest = &self.value[at..];
        let length = rest.iter().take(max).take_while(|byte| set.contains(**byte)).count();
        self.spend(length / 8)?;
        if length < min {
            return Ok(None);
        }
        let (least, most) = (at + min, at + length);
        let end = if greed == Greed::Lazy { least } else { most };
        if least < most {
            match greed {
                Greed::Possessive => {}
                Greed::Greedy => self.push(Frame::Shorter { pc, least, at: most - 1 })?,
                Greed::Lazy => self.push(Frame::Longer { pc, at: least + 1, most })?,
            }
        }
        Ok(Some((pc, end)))
    }

    fn around(&mut self, pc: usize, at: usize, ahead: bool, least: usize, most: usize) -> Result<bool, StepLimit> {
        if ahead {
            return Ok(self.from(pc, at, None)?.is_some());
        }
        for back in least..=most.min(at) {
            if self.from(pc, at - back, Some(at))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn backref(&mut self, group: usize, caseless: bool, at: usize) -> Result<Option<usize>, StepLimit> {
        let start = group * 2;
        // A group that has matched nothing yet makes the reference fail, as in PCRE; in JavaScript
        // it would match the empty string.
        let (Some(from), Some(to)) = (self.slot(start), self.slot(start + 1)) else { return Ok(None) };
        let Some(text) = self.value.get(from..to) else { return Ok(None) };
        let end = at + text.len();
        let Some(here) = self.value.get(at..end) else { return Ok(None) };
        self.spend(text.len() / 8)?;
        let same = if caseless { here.eq_ignore_ascii_case(text) } else { here == text };
        Ok(same.then_some(end))
    }

    fn look(&self, look: Look, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| self.value.get(at)).copied();
        let after = self.value.get(at).copied();
        let is_word = |byte: Option<u8>| byte.is_some_and(|byte| byteset::word().contains(byte));
        match look {
            Look::Start => at == 0,
            Look::End => after.is_none(),
            Look::EndOrLastNewline => matches!(self.value.get(at..), Some([] | [b'\n'])),
            Look::LineStart => before.is_none_or(|byte| byte == b'\n'),
            Look::LineEnd => after.is_none_or(|byte| byte == b'\n'),
            Look::WordBoundary => is_word(before) != is_word(after),
            Look::NotWordBoundary => is_word(before) == is_word(after),
        }
    }
}
