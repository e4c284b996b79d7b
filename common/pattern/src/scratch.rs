//! The memory that matching writes to: one per instance, never shared.

/// Working memory for [`Regex`](crate::Regex) and [`PatternSet`](crate::PatternSet). Make one per process (it starts
/// empty and takes memory as patterns run) and pass it to every call.
#[derive(Debug, Default)]
pub struct Scratch {}

impl Scratch {
    /// An empty scratch: no memory taken yet.
    pub fn new() -> Self {
        Self::default()
    }
}
