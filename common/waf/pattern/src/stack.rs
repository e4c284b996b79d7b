//! Working memory of the backtracking engine.

/// Memory of one search, reused between values.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) frames: Vec<Frame>,
    /// Positions that the program saved, by slot.
    pub(crate) slots: Vec<Option<usize>>,
}

/// One step back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame {
    /// Continues at another instruction.
    Resume { pc: usize, at: usize },
    /// Undoes a save.
    Restore { slot: usize, old: Option<usize> },
    /// Ends a greedy run anywhere from `least` to `at`, furthest first.
    Shorter { pc: usize, least: usize, at: usize },
    /// Extends a lazy run by one byte, up to `most`.
    Longer { pc: usize, at: usize, most: usize },
}
