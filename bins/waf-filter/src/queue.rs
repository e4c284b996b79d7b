//! Streams whose evaluation goes on later, and whether this turn of the loop has time left. Time
//! goes round the sources, then round the requests of each: ten long bodies of one client cost
//! another client's request one slice of one of them.

use std::collections::{HashMap, VecDeque};

use fosse_source::Source;
use fosse_wire::StreamId;

use crate::limits::{OVERRUN_SOURCES_MAX, OVERRUN_WINDOW_US, OVERRUNS_MAX, TURN_US_MAX};

/// The streams of one source that wait for time, longest first.
#[derive(Debug)]
struct OfSource {
    source: Source,
    streams: VecDeque<StreamId>,
}

/// The sources that wait for time, the one whose turn is next first.
#[derive(Debug, Default)]
struct Rounds(VecDeque<OfSource>);

impl Rounds {
    fn push(&mut self, stream: StreamId, source: Source) {
        match self.0.iter_mut().find(|of| of.source == source) {
            Some(of) => of.streams.push_back(stream),
            None => self.0.push_back(OfSource { source, streams: VecDeque::from([stream]) }),
        }
    }

    fn pop(&mut self) -> Option<StreamId> {
        let mut of = self.0.pop_front()?;
        let stream = of.streams.pop_front();
        if !of.streams.is_empty() {
            self.0.push_back(of);
        }
        stream
    }
}

/// The times that evaluations of one source ran out of time.
#[derive(Debug)]
struct Overruns {
    count: u32,
    since_us: u64,
}

impl Overruns {
    /// Tells whether they still count.
    const fn count_at(&self, now_us: u64) -> bool {
        now_us - self.since_us < OVERRUN_WINDOW_US
    }
}

/// The streams that wait for time.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    rounds: Rounds,
    /// Those of sources that come last.
    last: Rounds,
    length: usize,
    turn_began_us: u64,
    overruns: HashMap<Source, Overruns>,
}

impl Queue {
    /// Begins a turn of the loop.
    pub(crate) const fn begin_turn(&mut self, now_us: u64) {
        self.turn_began_us = now_us;
    }

    /// Tells whether what comes now of a source has to wait: this turn has taken long, or the
    /// source comes last.
    pub(crate) fn has_to_wait(&self, source: Source, now_us: u64) -> bool {
        now_us.saturating_sub(self.turn_began_us) >= TURN_US_MAX || self.comes_last(source)
    }

    /// Notes that an evaluation of a source ran out of time. Returns how many of it did lately, 0
    /// where there is no room to count them.
    pub(crate) fn note_overrun(&mut self, source: Source) -> u32 {
        let now_us = self.turn_began_us;
        if self.overruns.len() >= OVERRUN_SOURCES_MAX || self.overruns.get(&source).is_some_and(|o| !o.count_at(now_us))
        {
            self.overruns.retain(|_, overruns| overruns.count_at(now_us));
        }
        if self.overruns.len() >= OVERRUN_SOURCES_MAX && !self.overruns.contains_key(&source) {
            return 0;
        }
        let overruns = self.overruns.entry(source).or_insert(Overruns { count: 0, since_us: now_us });
        overruns.count += 1;
        overruns.count
    }

    /// Tells whether a source has overrun so often lately that all others come first.
    fn comes_last(&self, source: Source) -> bool {
        // Mostly there is none, and then nothing is looked up.
        let overruns = if self.overruns.is_empty() { None } else { self.overruns.get(&source) };
        overruns.is_some_and(|overruns| overruns.count >= OVERRUNS_MAX && overruns.count_at(self.turn_began_us))
    }

    /// Appends a stream to those of its source, unless `is_queued` says that it waits already.
    pub(crate) fn push(&mut self, stream: StreamId, source: Source, is_queued: &mut bool) {
        if std::mem::replace(is_queued, true) {
            return;
        }
        self.length += 1;
        if self.comes_last(source) { self.last.push(stream, source) } else { self.rounds.push(stream, source) }
    }

    /// Takes the stream that has waited longest of the source whose turn it is. That source is last
    /// from now on.
    pub(crate) fn pop(&mut self) -> Option<StreamId> {
        let stream = self.rounds.pop().or_else(|| self.last.pop());
        self.length -= usize::from(stream.is_some());
        stream
    }

    /// Returns the number of streams that wait.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u8) -> Source {
        Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, n])
    }

    fn order(mut queue: Queue) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).map(StreamId::raw).collect()
    }

    #[test]
    fn a_stream_waits_once_and_the_first_of_a_source_goes_first() {
        let (mut queue, mut first, mut second) = (Queue::default(), false, false);
        queue.push(StreamId::from_raw(7), source(1), &mut first);
        queue.push(StreamId::from_raw(8), source(1), &mut second);
        queue.push(StreamId::from_raw(7), source(1), &mut first);
        assert!(first && second && queue.len() == 2);
        assert_eq!(order(queue), [7, 8]);
    }

    #[test]
    fn time_goes_round_the_sources_however_many_requests_one_has() {
        let mut queue = Queue::default();
        for (stream, n) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (6, 2)] {
            queue.push(StreamId::from_raw(stream), source(n), &mut false);
        }
        assert_eq!(order(queue), [1, 4, 5, 2, 6, 3]);
    }

    #[test]
    fn a_turn_is_late_once_its_time_is_over() {
        let mut queue = Queue::default();
        queue.begin_turn(1_000_000);
        let is_late = |now_us| queue.has_to_wait(source(1), now_us);
        assert!(!is_late(1_000_000) && !is_late(1_000_000 + TURN_US_MAX - 1));
        assert!(is_late(1_000_000 + TURN_US_MAX));
        assert!(!is_late(0), "a clock before the turn is no late one");
    }

    #[test]
    fn a_source_that_overruns_again_and_again_comes_last_for_a_while() {
        let mut queue = Queue::default();
        for n in 0..OVERRUNS_MAX {
            assert!(!queue.has_to_wait(source(1), 0), "after {n}");
            queue.note_overrun(source(1));
        }
        assert!(queue.has_to_wait(source(1), 0) && !queue.has_to_wait(source(2), 0));
        for (stream, n) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
            queue.push(StreamId::from_raw(stream), source(n), &mut false);
        }
        assert_eq!(std::iter::from_fn(|| queue.pop()).map(StreamId::raw).collect::<Vec<_>>(), [3, 4, 1, 2]);
        queue.begin_turn(OVERRUN_WINDOW_US);
        assert!(!queue.has_to_wait(source(1), OVERRUN_WINDOW_US));
    }

    #[test]
    fn no_more_sources_than_the_limit_are_remembered() {
        let mut queue = Queue::default();
        let many = u16::try_from(OVERRUN_SOURCES_MAX + 9).unwrap();
        for n in 0..many {
            let [high, low] = n.to_be_bytes();
            queue.note_overrun(Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, high, low]));
        }
        assert_eq!(queue.overruns.len(), OVERRUN_SOURCES_MAX);
        queue.begin_turn(OVERRUN_WINDOW_US);
        queue.note_overrun(source(1));
        assert_eq!(queue.overruns.len(), 1, "those of an earlier window make room");
    }
}
