//! The memory that matching writes to: one per instance, never shared.

use crate::stack::Stack;
use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{backtrack, pikevm};

/// Bytes that all lazily built states of one instance may take together. Over it all are dropped,
/// and patterns that still run build theirs again.
pub(crate) const CACHES_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Steps a backtracking pattern may take on one value unless [`Scratch::set_steps_max`] says
/// otherwise: about 5 ms, what a transaction may take in one turn.
pub const STEPS_COUNT_MAX: u64 = 1_000_000;

/// Working memory for [`Regex`](crate::Regex) and [`PatternSet`](crate::PatternSet). Make one per
/// process (it starts empty and takes memory as patterns run) and pass it to every call.
#[derive(Debug)]
pub struct Scratch {
    caches: Vec<Option<Box<dfa::Cache>>>,
    cached_bytes: usize,
    pikevm: Option<Box<pikevm::Cache>>,
    backtracker: Option<Box<backtrack::Cache>>,
    pub(crate) stack: Stack,
    pub(crate) seen: crate::set::Seen,
    pub(crate) steps_max: u64,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            caches: Vec::new(),
            cached_bytes: 0,
            pikevm: None,
            backtracker: None,
            stack: Default::default(),
            seen: Default::default(),
            steps_max: STEPS_COUNT_MAX,
        }
    }
}

impl Scratch {
    /// Creates an empty scratch, which has taken no memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the steps that a pattern with lookaround or back-references may take on one value
    /// before it is given up.
    pub fn set_steps_max(&mut self, steps: u64) {
        self.steps_max = steps;
    }

    /// Returns the bytes that the lazily built automata take now.
    pub fn cached_bytes(&self) -> usize {
        self.cached_bytes
    }

    /// Takes the cache of the pattern numbered `id` out, or creates it; [`put`](Self::put) gives it
    /// back.
    pub(crate) fn take(&mut self, id: usize, dfa: &dfa::DFA) -> Box<dfa::Cache> {
        if self.cached_bytes > CACHES_BYTES_MAX {
            self.caches.clear();
            self.cached_bytes = 0;
        }
        match self.caches.get_mut(id).and_then(Option::take) {
            Some(cache) => {
                self.cached_bytes -= cache.memory_usage();
                cache
            }
            None => Box::new(dfa.create_cache()),
        }
    }

    pub(crate) fn put(&mut self, id: usize, cache: Box<dfa::Cache>) {
        self.cached_bytes += cache.memory_usage();
        if self.caches.len() <= id {
            self.caches.resize_with(id + 1, || None);
        }
        self.caches[id] = Some(cache);
    }

    /// Returns the one cache for captures, reset to fit this pattern.
    pub(crate) fn pikevm(&mut self, vm: &pikevm::PikeVM) -> &mut pikevm::Cache {
        let cache = self.pikevm.get_or_insert_with(|| Box::new(vm.create_cache()));
        cache.reset(vm);
        cache
    }

    pub(crate) fn backtracker(&mut self, vm: &backtrack::BoundedBacktracker) -> &mut backtrack::Cache {
        let cache = self.backtracker.get_or_insert_with(|| Box::new(vm.create_cache()));
        cache.reset(vm);
        cache
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_bytes_of_every_cache_once() {
        let automata = ["a+b", "c[de]*f"].map(|pattern| dfa::DFA::new(pattern).unwrap());
        let mut scratch = Scratch::new();
        for _ in 0..2 {
            for (id, automaton) in automata.iter().enumerate() {
                let cache = scratch.take(id, automaton);
                scratch.put(id, cache);
            }
            let held: usize = scratch.caches.iter().flatten().map(|cache| cache.memory_usage()).sum();
            assert_eq!(scratch.cached_bytes(), held);
        }
    }
}
