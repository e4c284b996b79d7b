//! The engine for regular patterns: a lazy automaton for "does it match", a simulation for
//! captures. Linear time.

use crate::byteset::ByteSet;
use crate::captures::{Captures, GROUPS_MAX};
use crate::require::byte_rate;
use crate::scratch::Scratch;
use crate::{CompileError, StepLimit};
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures, backtrack::BoundedBacktracker, pikevm::PikeVM};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Input, MatchKind};
use regex_syntax::hir::Hir;

/// Heap bytes one pattern's automaton may have before it is compiled. The largest of the Core Rule
/// Set takes 400 KiB; the limit is for counted repeats of counted repeats.
const AUTOMATON_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes that one pattern's lazily built states may take before they are dropped and built again.
/// Large enough that the states for usual values stay; an instance that has run all 320 patterns of
/// a rule set stays bounded by [`CACHES_BYTES_MAX`](crate::scratch::CACHES_BYTES_MAX).
const CACHE_BYTES_MAX: usize = 512 * 1024;

/// Bytes before the end of a match that are searched for its beginning and its groups. The
/// simulation that finds them takes up to a microsecond a byte, so that a match at the end of a
/// long value would cost seconds; of a match longer than this the groups are those of a shorter one
/// that ends there too, or none.
pub(crate) const CAPTURED_BYTES_MAX: usize = 4 * 1024;

/// Times that one search may clear its cache of states, and bytes it must advance per state since
/// the last time, before it is given up. A text made for a pattern can need a new state at every
/// byte, at some microseconds each.
const CACHE_CLEARS_MAX: usize = 4;
const BYTES_PER_STATE_MIN: usize = 8;

/// Bytes of a value that the simulation decides where the automaton was given up; longer ones end
/// at the step limit.
const GIVEN_UP_BYTES_MAX: usize = 8 * 1024;

/// Matches that may begin with bytes more common than this are searched for without skipping: it
/// would stop too often.
const FIRST_BYTE_RATE_MAX: f32 = 0.06;

#[derive(Debug)]
pub(crate) struct Linear {
    dfa: DFA,
    pikevm: PikeVM,
    backtracker: BoundedBacktracker,
}

/// Returns a prefilter that skips to where a match may begin, if using one pays.
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
            .minimum_cache_clear_count(Some(CACHE_CLEARS_MAX))
            .minimum_bytes_per_state(Some(BYTES_PER_STATE_MIN))
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa.clone()).map_err(|error| too_large(&error))?;
        let pikevm = PikeVM::new_from_nfa(nfa.clone()).map_err(|error| too_large(&error))?;
        let backtracker = BoundedBacktracker::new_from_nfa(nfa).map_err(|error| too_large(&error))?;
        Ok(Self { dfa, pikevm, backtracker })
    }

    pub(crate) fn is_match(&self, id: usize, value: &[u8], scratch: &mut Scratch) -> Result<bool, StepLimit> {
        self.search(id, &Input::new(value).earliest(true), scratch).map(|found| found.is_some())
    }

    /// Returns the end of the leftmost match, or of the earliest if `input` asks for that.
    fn search(&self, id: usize, input: &Input<'_>, scratch: &mut Scratch) -> Result<Option<usize>, StepLimit> {
        let mut cache = scratch.take(id, &self.dfa);
        let found = self.dfa.try_search_fwd(&mut cache, input);
        if found.is_err() {
            cache.reset(&self.dfa);
        }
        scratch.put(id, cache);
        match found {
            Ok(found) => Ok(found.map(|found| found.offset())),
            Err(_) if input.get_span().len() > GIVEN_UP_BYTES_MAX => Err(StepLimit),
            Err(_) => {
                let mut slots = [None; 2];
                self.pikevm.search_slots(scratch.pikevm(&self.pikevm), input, &mut slots);
                Ok(slots.last().copied().flatten().map(NonMaxUsize::get))
            }
        }
    }

    /// Finds the groups of the leftmost match. The automaton finds its end first, so that the
    /// slower engines never look at what comes after it.
    pub(crate) fn captures(
        &self,
        id: usize,
        value: &[u8],
        from: usize,
        scratch: &mut Scratch,
        groups: &mut Captures,
    ) -> Result<bool, StepLimit> {
        let from = from.min(value.len());
        let input = Input::new(value).span(from..value.len());
        let Some(end) = self.search(id, &input, scratch)? else { return Ok(false) };
        let mut slots: [Option<NonMaxUsize>; GROUPS_MAX * 2] = [None; GROUPS_MAX * 2];
        // The simulation wants no more slots than the pattern has.
        let count = slots.len().min(self.dfa.get_nfa().group_info().slot_len());
        let slots = &mut slots[..count];
        // The leftmost match ends at `end`: if it is no longer than the window, it is the leftmost
        // in the window too.
        let from = from.max(end.saturating_sub(CAPTURED_BYTES_MAX));
        let input = Input::new(value).span(from..end);
        let found = if end - from <= self.backtracker.max_haystack_len() {
            let cache = scratch.backtracker(&self.backtracker);
            self.backtracker.try_search_slots(cache, &input, slots).ok().flatten()
        } else {
            self.pikevm.search_slots(scratch.pikevm(&self.pikevm), &input, slots)
        };
        if found.is_none() {
            if let Some(whole) = groups.first_mut() {
                *whole = Some(from..end);
            }
            return Ok(true);
        }
        for (group, pair) in groups.iter_mut().zip(slots.chunks_exact(2)) {
            if let [Some(start), Some(end)] = pair {
                *group = Some(start.get()..end.get());
            }
        }
        Ok(true)
    }

    /// Returns the heap bytes of the compiled form.
    pub(crate) fn memory_usage(&self) -> usize {
        self.dfa.get_nfa().memory_usage() + self.dfa.memory_usage()
    }
}
