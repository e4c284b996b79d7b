//! Limits that all parsers share, and the budget that keeps output linear.

/// Arguments taken from one source at most. ModSecurity's default for SecArgumentsLimit; forms of
/// people have tens.
pub(crate) const ARGUMENTS_COUNT_MAX: usize = 1000;

/// Bytes given to the callback per byte read, at most. Flattened JSON names repeat their prefix for
/// every leaf; measured bodies stay below 3, and more than 8 is made to be expensive.
pub const OUTPUT_FACTOR_MAX: usize = 8;

/// Bytes given to the callback on top of the factor, so that small deep bodies are not refused.
pub const OUTPUT_SLACK_BYTES: usize = 16 * 1024;

/// The output a parser may still give.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: usize,
    count: usize,
}

impl Budget {
    pub(crate) fn new(input_len: usize, count: usize) -> Self {
        // Saturates: a budget at the top is one that cannot run out.
        Self { bytes: input_len.saturating_mul(OUTPUT_FACTOR_MAX).saturating_add(OUTPUT_SLACK_BYTES), count }
    }

    /// Takes one item of `bytes` from the budget.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Spent> {
        self.count = self.count.checked_sub(1).ok_or(Spent::Count)?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Spent::Bytes)?;
        Ok(())
    }
}

/// The part of a budget that ran out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Spent {
    Count,
    Bytes,
}
