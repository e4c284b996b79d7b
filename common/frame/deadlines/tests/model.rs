//! Limits at random, beside a list that is searched whole.

use fosse_deadlines::{Deadlines, Timer};

/// The number is the kind: what comes out has to be what was started last.
type Kind = u64;

const OWNERS: u32 = 40;
const STEPS: u64 = 20_000;

/// Numbers that look random (xorshift64, Marsaglia 2003), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[derive(Default)]
struct World {
    deadlines: Deadlines,
    timers: Vec<Timer<Kind>>,
    /// The list: what runs for each owner, as kind and end.
    expected: Vec<Option<(Kind, u64)>>,
    now_ms: u64,
}

impl World {
    fn start(&mut self, owner: u32, kind: Kind, at_ms: u64) {
        let at = owner as usize;
        self.timers[at].start(&mut self.deadlines, owner, kind, at_ms);
        self.expected[at] = Some((kind, at_ms));
    }

    fn stop(&mut self, owner: u32) {
        self.timers[owner as usize].stop();
        self.expected[owner as usize] = None;
    }

    /// Lets time pass. Those come out whose time is over, and no others, with their kinds.
    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        let mut due = self.deadlines.due(self.now_ms, |owner| self.timers[owner as usize].at_ms());
        due.sort_unstable();
        let now_ms = self.now_ms;
        let over = |expected: &Option<(Kind, u64)>| expected.is_some_and(|(_, at_ms)| at_ms <= now_ms);
        let list: Vec<u32> = (0..).zip(&self.expected).filter(|(_, e)| over(e)).map(|(owner, _)| owner).collect();
        assert_eq!(due, list, "at {now_ms}");
        for owner in due {
            let (kind, _) = self.expected[owner as usize].take().unwrap();
            assert_eq!(self.timers[owner as usize].take_due(now_ms), Some(kind));
        }
    }

    /// The loop never sleeps beyond the end of a limit, nor where none runs.
    fn check_wait(&self) {
        let first = self.expected.iter().flatten().map(|(_, at_ms)| at_ms - self.now_ms).min();
        let wait = self.deadlines.wait_ms(self.now_ms);
        assert!(wait <= first || first.is_none(), "sleeps {wait:?}, the first limit ends in {first:?}");
        assert!(first.is_none() || wait.is_some());
    }
}

#[test]
fn whatever_is_started_and_stopped_each_wait_ends_when_its_last_limit_does() {
    for seed in 1..=20 {
        let mut numbers = Numbers(seed);
        let mut world = World { timers: vec![Timer::default(); OWNERS as usize], ..World::default() };
        world.expected = vec![None; OWNERS as usize];
        for step in 0..STEPS {
            let owner = u32::try_from(numbers.below(OWNERS.into())).unwrap();
            match numbers.below(8) {
                0 => world.stop(owner),
                1 | 2 => {
                    let ms = numbers.below(30);
                    world.pass(ms);
                }
                // Short and long limits in turns, as a connection has them.
                long => {
                    let ms = 1 + numbers.below(if long < 5 { 10 } else { 400 });
                    world.start(owner, step, world.now_ms + ms);
                }
            }
            world.check_wait();
        }
        world.pass(1000);
        assert_eq!(world.deadlines.wait_ms(world.now_ms), None, "nothing runs, and something is looked at");
    }
}
