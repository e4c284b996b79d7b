//! Connections and streams whose protocol was switched, as they are counted.

use std::rc::Rc;

use fosse_counters::{Counters, parse as count};

/// A share of the count of those that there are, for as long as it is held.
#[derive(Debug)]
pub struct Upgraded(Rc<Counters>);

impl Upgraded {
    /// Counts one more.
    #[must_use]
    pub fn begin(counters: &Rc<Counters>) -> Self {
        counters.add(count::UPGRADES, 1);
        counters.add(count::UPGRADED, 1);
        Self(Rc::clone(counters))
    }
}

impl Drop for Upgraded {
    fn drop(&mut self) {
        self.0.sub(count::UPGRADED, 1);
    }
}
