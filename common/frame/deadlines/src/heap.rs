//! The heap of those that have a limit, by the time at which each has to be looked at.

/// Owners whose wait is ended at a time. An end may cost a tenth of a millisecond, where the kernel
/// drops what a socket had to send; where very many end at once, whoever else waits has a turn
/// between them.
pub const DUE_COUNT_MAX: usize = 32;

/// The time of the next look at one owner.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    at_ms: u64,
    /// Index in the heap; `None` where no look is due at any time.
    place: Option<usize>,
}

/// The owners of limits, ordered by the time of the next look at each. It holds an owner once at
/// most, however often its limits change.
#[derive(Debug, Default)]
pub struct Deadlines {
    /// A binary heap of owners, the one to be looked at next first.
    heap: Vec<u32>,
    /// Looks by owner.
    looks: Vec<Look>,
}

impl Deadlines {
    /// Returns the milliseconds until the next look, `None` where no owner has a limit.
    #[must_use]
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        let first = *self.heap.first()?;
        Some(self.looks[index(first)].at_ms.max(now_ms) - now_ms)
    }

    /// Returns the owners whose time is over, the one that has waited longest first, and no more
    /// than [`DUE_COUNT_MAX`]: for the others the wait is 0. `at_ms_of` says when the limit of an
    /// owner ends, where one runs. Each comes out once: who does not end its wait or start its
    /// timer again leaves it without a limit.
    pub fn due(&mut self, now_ms: u64, at_ms_of: impl Fn(u32) -> Option<u64>) -> Vec<u32> {
        let mut due = Vec::new();
        while due.len() < DUE_COUNT_MAX
            && let Some(owner) = self.pop_by(now_ms)
        {
            match at_ms_of(owner) {
                Some(at_ms) if at_ms > now_ms => self.look_by(owner, at_ms),
                Some(_) => due.push(owner),
                None => {}
            }
        }
        due
    }

    /// Sees to it that an owner is looked at by that time.
    #[inline]
    pub(crate) fn look_by(&mut self, owner: u32, at_ms: u64) {
        let look = self.looks.get(index(owner));
        if look.is_none_or(|look| look.place.is_none() || look.at_ms > at_ms) {
            self.look_earlier(owner, at_ms);
        }
    }

    fn look_earlier(&mut self, owner: u32, at_ms: u64) {
        if index(owner) >= self.looks.len() {
            self.looks.resize(index(owner) + 1, Look::default());
        }
        self.looks[index(owner)].at_ms = at_ms;
        let place = self.looks[index(owner)].place.unwrap_or_else(|| {
            self.heap.push(owner);
            self.heap.len() - 1
        });
        self.rise(place);
    }

    /// Takes out the owner whose look is due first, where it is due by now.
    fn pop_by(&mut self, now_ms: u64) -> Option<u32> {
        let first = *self.heap.first()?;
        if self.looks[index(first)].at_ms > now_ms {
            return None;
        }
        self.looks[index(first)].place = None;
        let last = self.heap.pop()?;
        if let Some(top) = self.heap.first_mut() {
            *top = last;
            self.sink();
        }
        Some(first)
    }

    fn at_ms(&self, place: usize) -> u64 {
        self.looks[index(self.heap[place])].at_ms
    }

    /// Puts an owner into a place of the heap.
    fn put(&mut self, place: usize, owner: u32) {
        self.heap[place] = owner;
        self.looks[index(owner)].place = Some(place);
    }

    /// Moves the owner at that place up, as far as its time is before that of those above.
    fn rise(&mut self, mut place: usize) {
        let owner = self.heap[place];
        let at_ms = self.at_ms(place);
        while place > 0 && self.at_ms((place - 1) / 2) > at_ms {
            self.put(place, self.heap[(place - 1) / 2]);
            place = (place - 1) / 2;
        }
        self.put(place, owner);
    }

    /// Moves the owner at the top down, as far as its time is after that of those below.
    fn sink(&mut self) {
        let (owner, at_ms, mut place) = (self.heap[0], self.at_ms(0), 0);
        loop {
            let below = [2 * place + 1, 2 * place + 2].into_iter().filter(|child| *child < self.heap.len());
            let Some(child) = below.min_by_key(|child| self.at_ms(*child)) else { break };
            if self.at_ms(child) >= at_ms {
                break;
            }
            self.put(place, self.heap[child]);
            place = child;
        }
        self.put(place, owner);
    }
}

/// Slots are counted in 32 bits, which an index always has.
const fn index(owner: u32) -> usize {
    owner as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timer;

    #[test]
    fn a_limit_that_ends_later_than_known_leaves_the_heap_alone() {
        let (mut deadlines, mut timers) = (Deadlines::default(), [Timer::default(); 9]);
        for (owner, timer) in (0..).zip(&mut timers) {
            timer.start(&mut deadlines, owner, (), 100 - u64::from(owner));
        }
        let before = deadlines.heap.clone();
        for (owner, timer) in (0..).zip(&mut timers) {
            timer.start(&mut deadlines, owner, (), 100);
            timer.stop();
            timer.start(&mut deadlines, owner, (), 500);
        }
        assert_eq!(deadlines.heap, before);
        assert!(deadlines.due(100, |owner| timers[index(owner)].at_ms()).is_empty());
        assert_eq!(deadlines.wait_ms(100), Some(400));
    }

    #[test]
    fn of_very_many_whose_time_is_over_at_once_a_few_come_at_a_time() {
        let (mut deadlines, mut timers) = (Deadlines::default(), [Timer::default(); 3 * DUE_COUNT_MAX]);
        for (owner, timer) in (0..).zip(&mut timers) {
            timer.start(&mut deadlines, owner, (), 1_000 - u64::from(owner));
        }
        let mut ended = Vec::new();
        for _ in 0..3 {
            assert_eq!(deadlines.wait_ms(1_000), Some(0));
            let due = deadlines.due(1_000, |owner| timers[index(owner)].at_ms());
            assert_eq!(due.len(), DUE_COUNT_MAX);
            ended.extend(due);
        }
        let all = u32::try_from(timers.len()).unwrap();
        assert!(ended.into_iter().rev().eq(0..all) && deadlines.wait_ms(1_000).is_none());
    }

    #[test]
    fn an_owner_is_in_the_heap_once_however_its_limits_change() {
        let (mut deadlines, mut timer) = (Deadlines::default(), Timer::default());
        for at_ms in (0..1000).rev() {
            timer.start(&mut deadlines, 3, (), at_ms);
            timer.start(&mut deadlines, 3, (), 1_000_000);
        }
        assert_eq!(deadlines.heap, [3]);
    }

    #[test]
    fn a_limit_that_was_stopped_wakes_nobody_twice() {
        let (mut deadlines, mut timer) = (Deadlines::default(), Timer::default());
        timer.start(&mut deadlines, 0, (), 10);
        timer.stop();
        assert!(deadlines.due(10, |_| timer.at_ms()).is_empty());
        assert_eq!((deadlines.wait_ms(10), timer.take_due(10)), (None, None));
    }

    #[test]
    fn a_limit_of_no_time_ends_once_a_turn() {
        let (mut deadlines, mut timer) = (Deadlines::default(), Timer::default());
        timer.start(&mut deadlines, 0, (), 5);
        for _ in 0..2 {
            assert_eq!(deadlines.due(5, |_| timer.at_ms()), [0]);
            assert_eq!(timer.take_due(5), Some(()));
            timer.start(&mut deadlines, 0, (), 5);
            assert_eq!(deadlines.wait_ms(5), Some(0));
        }
    }
}
