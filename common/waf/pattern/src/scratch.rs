//! The memory that matching writes to: one per instance, never shared.

use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{backtrack, pikevm};

/// Bytes all lazily built states of one instance may take together. Over it all are dropped:
/// patterns that still run build theirs anew.
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
    pub(crate) stack: crate::backtrack::Stack,
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
    /// An empty scratch: no memory taken yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many steps a pattern with lookaround or back-references may take on one value before it
    /// is given up.
    pub fn set_steps_max(&mut self, steps: u64) {
        self.steps_max = steps;
    }

    /// Bytes the lazily built automata take now.
    pub fn cached_bytes(&self) -> usize {
        self.cached_bytes
    }

    /// Takes the cache of the pattern numbered `id` out, made anew where there is none; give it
    /// back with [`put`](Self::put).
    pub(crate) fn take(&mut self, id: usize, dfa: &dfa::DFA) -> Box<dfa::Cache> {
        if self.cached_bytes > CACHES_BYTES_MAX {
            self.caches.clear();
            self.cached_bytes = 0;
        }
        let cache = self.caches.get_mut(id).and_then(Option::take).unwrap_or_else(|| Box::new(dfa.create_cache()));
        self.cached_bytes = self.cached_bytes.saturating_sub(cache.memory_usage());
        cache
    }

    pub(crate) fn put(&mut self, id: usize, cache: Box<dfa::Cache>) {
        self.cached_bytes = self.cached_bytes.saturating_add(cache.memory_usage());
        if self.caches.len() <= id {
            self.caches.resize_with(id.saturating_add(1), || None);
        }
        if let Some(slot) = self.caches.get_mut(id) {
            *slot = Some(cache);
        }
    }

    /// The one cache for captures, made to fit this pattern.
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
