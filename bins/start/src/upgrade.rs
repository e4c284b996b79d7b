//! Binary upgrade in place.

use crate::edge::Edge;

impl Edge {
    /// SIGUSR2.
    pub(crate) fn upgrade(&mut self) {
        self.begin_change();
    }
}
