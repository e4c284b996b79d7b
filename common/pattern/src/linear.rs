//! The engine for regular patterns: a lazy automaton for "does it match", a simulation for captures. Linear time.

use crate::CompileError;
use crate::byteset::ByteSet;
use crate::regex::{Captures, GROUPS_MAX};
use crate::require::byte_rate;
use crate::scratch::Scratch;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures, backtrack::BoundedBacktracker, pikevm::PikeVM};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Input, MatchKind};
use regex_syntax::hir::Hir;

/// Heap bytes one pattern's automaton may have before it is compiled. The largest of the Core Rule Set takes 400 KiB;
/// the limit is for counted repeats of counted repeats.
const AUTOMATON_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes one pattern's lazily built states may take before they are dropped and built anew. Large enough that the
/// states for usual values stay; an instance that has run all 320 patterns of a rule set stays bounded by
/// [`CACHES_BYTES_MAX`](crate::scratch::CACHES_BYTES_MAX).
const CACHE_BYTES_MAX: usize = 512 * 1024;

/// Matches that may begin with bytes more common than this are searched for without skipping: it would stop too often.
const FIRST_BYTE_RATE_MAX: f32 = 0.06;

#[derive(Debug)]
pub(crate) struct Linear {
    dfa: DFA,
    pikevm: PikeVM,
    backtracker: BoundedBacktracker,
}

/// Where it pays, what skips to the next place a match may begin at while none is under way.
fn prefilter(hir: &Hir, first: Option<ByteSet>) -> Option<Prefilter> {
    let first = first.filter(|set| byte_rate(set) < FIRST_BYTE_RATE_MAX)?;
    let literals = Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, hir).filter(Prefilter::is_fast);
    literals.or_else(|| {
        let bytes: Vec<[u8; 1]> = first.iter().map(|byte| [byte]).collect();
        Prefilter::new(MatchKind::LeftmostFirst, &bytes)
    })
}

impl Linear {
    pub(crate) fn new(hir: &Hir, first: Option<ByteSet>) -> Result<Self, CompileError> {
        let too_large = |error: &dyn std::fmt::Display| CompileError::new(0, error.to_string());
        let config = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::All)
            .nfa_size_limit(Some(AUTOMATON_BYTES_MAX));
        let nfa: NFA =
            thompson::Compiler::new().configure(config).build_from_hir(hir).map_err(|error| too_large(&error))?;
        let prefilter = prefilter(hir, first);
        let config = DFA::config()
            .match_kind(MatchKind::LeftmostFirst)
            .cache_capacity(CACHE_BYTES_MAX)
            // Start states are looked at one by one only where skipping from them pays.
            .specialize_start_states(prefilter.is_some())
            .prefilter(prefilter)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa.clone()).map_err(|error| too_large(&error))?;
        let pikevm = PikeVM::new_from_nfa(nfa.clone()).map_err(|error| too_large(&error))?;
        let backtracker = BoundedBacktracker::new_from_nfa(nfa).map_err(|error| too_large(&error))?;
        Ok(Self { dfa, pikevm, backtracker })
    }

    pub(crate) fn is_match(&self, id: usize, value: &[u8], scratch: &mut Scratch) -> bool {
        self.search(id, &Input::new(value).earliest(true), scratch).is_some()
    }

    /// Where the leftmost match ends, or where the earliest does if the input asks for that.
    fn search(&self, id: usize, input: &Input<'_>, scratch: &mut Scratch) -> Option<usize> {
        let mut cache = scratch.take(id, &self.dfa);
        let found = self.dfa.try_search_fwd(&mut cache, input);
        scratch.put(id, cache);
        match found {
            Ok(found) => found.map(|found| found.offset()),
            // The automaton neither quits on a byte nor gives up, so this is unreachable; the simulation is always right.
            Err(_) => {
                let mut slots = [None; 2];
                self.pikevm.search_slots(scratch.pikevm(&self.pikevm), input, &mut slots);
                slots.last().copied().flatten().map(NonMaxUsize::get)
            }
        }
    }

    /// The automaton finds the end first: what comes after it is not looked at again by the slower engines.
    pub(crate) fn captures(
        &self,
        id: usize,
        value: &[u8],
        from: usize,
        scratch: &mut Scratch,
        groups: &mut Captures,
    ) -> bool {
        let from = from.min(value.len());
        let Some(end) = self.search(id, &Input::new(value).span(from..value.len()), scratch) else { return false };
        let mut slots: [Option<NonMaxUsize>; GROUPS_MAX * 2] = [None; GROUPS_MAX * 2];
        // The simulation wants no more slots than the pattern has.
        let count = slots.len().min(self.dfa.get_nfa().group_info().slot_len());
        let slots = slots.get_mut(..count).unwrap_or_default();
        let input = Input::new(value).span(from..end);
        let found = if end.saturating_sub(from) <= self.backtracker.max_haystack_len() {
            let cache = scratch.backtracker(&self.backtracker);
            self.backtracker.try_search_slots(cache, &input, slots).ok().flatten()
        } else {
            self.pikevm.search_slots(scratch.pikevm(&self.pikevm), &input, slots)
        };
        for (group, pair) in groups.iter_mut().zip(slots.chunks_exact(2)) {
            if let [Some(start), Some(end)] = pair {
                *group = Some(start.get()..end.get());
            }
        }
        found.is_some()
    }

    /// Heap bytes of the compiled form.
    pub(crate) fn memory_usage(&self) -> usize {
        self.dfa.get_nfa().memory_usage().saturating_add(self.dfa.memory_usage())
    }
}
