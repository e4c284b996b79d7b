//! What accept remembers of sources that processes died for, kept for the accept that comes next. start looks at the number
//! that names a source and at the time, and reads nothing into them.

use std::collections::HashMap;

use fosse_wire::start::{Mark, ToStart};

use crate::limits::MARKS_COUNT_MAX;

/// The marks, by source.
#[derive(Debug, Default)]
pub(crate) struct Marks(HashMap<(bool, u64), Mark>);

impl Marks {
    /// Keeps one, in place of what was known of its source before.
    pub(crate) fn keep(&mut self, mark: Mark) {
        let name = |mark: &Mark| (mark.wide, mark.source);
        if self.0.len() >= MARKS_COUNT_MAX && !self.0.contains_key(&name(&mark)) {
            let first = self.0.values().min_by_key(|mark| (mark.penalised, mark.seconds)).map(name);
            if let Some(first) = first {
                self.0.remove(&first);
            }
        }
        self.0.insert(name(&mark), mark);
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = Mark> {
        self.0.values().copied()
    }

    /// As accept takes them over.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.all().flat_map(|mark| ToStart::Marked(mark).encode()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_bounded_number_of_sources_and_penalties_longest() {
        let mark = |source, penalised| Mark { wide: true, source, penalised, seconds: 5 };
        let mut marks = Marks::default();
        marks.keep(mark(1, false));
        marks.keep(mark(1, true));
        assert_eq!(marks.all().collect::<Vec<_>>(), [mark(1, true)]);
        (2..10_000).for_each(|source| marks.keep(mark(source, false)));
        assert_eq!(marks.all().count(), MARKS_COUNT_MAX);
        assert!(marks.all().any(|one| one == mark(1, true)));
        assert_eq!(marks.encode().len(), MARKS_COUNT_MAX * 16);
    }
}
