//! Work done since the caller was last asked whether to go on.

use super::environment::Schedule;
use super::outcome::Outcome;

/// Work between two questions to the schedule, in units of about a nanosecond: short beside a turn
/// of 5 ms, long beside the question itself.
const COST_PER_QUESTION: usize = 20_000;

/// Counts work, in units of about a nanosecond.
#[derive(Debug, Default)]
pub(super) struct Budget {
    cost: usize,
}

impl Budget {
    /// Adds work; the schedule is not asked before the next [`pause`](Self::pause).
    pub(super) fn spend(&mut self, cost: usize) {
        self.cost += cost;
    }

    /// Adds work and asks the schedule, if enough was done since; returns why the phase has to stop
    /// here.
    pub(super) fn pause(&mut self, cost: usize, schedule: &mut dyn FnMut() -> Schedule) -> Option<Outcome> {
        self.cost += cost;
        if self.cost < COST_PER_QUESTION {
            return None;
        }
        self.cost = 0;
        match schedule() {
            Schedule::Go => None,
            Schedule::Yield => Some(Outcome::Yield),
            Schedule::Exhausted => Some(Outcome::BudgetExceeded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_asked_once_enough_work_is_done() {
        let (mut budget, mut asked) = (Budget::default(), 0);
        let mut schedule = || {
            asked += 1;
            Schedule::Yield
        };
        budget.spend(COST_PER_QUESTION - 2);
        assert_eq!(budget.pause(1, &mut schedule), None);
        assert_eq!(budget.pause(1, &mut schedule), Some(Outcome::Yield));
        assert_eq!(budget.pause(1, &mut schedule), None);
        assert_eq!(asked, 1);
    }
}
