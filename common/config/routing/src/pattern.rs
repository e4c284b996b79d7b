//! Globs and regular expressions over understood paths. All are run in linear time.

use std::cell::RefCell;

use regex_automata::hybrid::dfa::{self, DFA};
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{BuildError, Compiler, Config, NFA};
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternID, PatternSet};

/// Longest regular expression or glob of a route.
pub const PATTERN_BYTES_MAX: usize = 1024;
/// Most memory of one compiled expression: `\w{1000}` and the like take megabytes, and a route
/// needs none of them.
const COMPILED_BYTES_MAX: usize = 4 << 20;
/// Memory for the states that a search of a set keeps.
const STATES_BYTES_MAX: usize = 2 << 20;

/// Compiles expressions. Paths are bytes, whatever they are meant to say.
fn compile(patterns: &[String]) -> Result<NFA, Box<BuildError>> {
    let limit = COMPILED_BYTES_MAX * patterns.len().max(1);
    let syntax = syntax::Config::new().utf8(false).unicode(false);
    let config = Config::new().utf8(false).nfa_size_limit(Some(limit));
    Compiler::new().syntax(syntax).configure(config).build_many(patterns).map_err(Box::new)
}

/// Checks a regular expression of a route. Returns the number of its groups.
///
/// # Errors
/// Its fault, for people.
pub fn check(pattern: &str) -> Result<usize, String> {
    // What is wrong with the text is told by who reads it; the compiler has a limit of its own.
    let parsed = regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(pattern);
    parsed.map_err(|fault| fault.to_string())?;
    let nfa = compile(&[pattern.to_owned()]).map_err(|_| "it is too large when compiled".to_owned())?;
    Ok(nfa.group_info().group_len(PatternID::ZERO) - 1)
}

/// Returns the regular expression of a glob: `*` is anything but a slash, `**` anything, `?` one
/// character but a slash.
pub(crate) fn of_glob(glob: &str) -> String {
    let mut out = String::from("^");
    let mut rest = glob.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '*' if rest.next_if_eq(&'*').is_some() => out.push_str("(?s:.*)"),
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            other => out.push_str(&regex_syntax::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push('$');
    out
}

/// Several expressions that are looked for at once.
#[derive(Debug)]
pub(crate) struct Set {
    fast: Option<(DFA, RefCell<dfa::Cache>)>,
    /// The engine for patterns whose states would take too much memory in the other.
    slow: Option<(PikeVM, RefCell<pikevm::Cache>)>,
    count: usize,
}

impl Set {
    /// Compiles the set. One that does not compile, which [`check`] has refused before, finds
    /// nothing.
    pub(crate) fn new(patterns: &[String]) -> Self {
        let Ok(nfa) = compile(patterns) else { return Self { fast: None, slow: None, count: 0 } };
        let config = DFA::config().match_kind(MatchKind::All).cache_capacity(STATES_BYTES_MAX);
        let config = config.skip_cache_capacity_check(true).minimum_cache_clear_count(Some(16));
        let fast = DFA::builder().configure(config).build_from_nfa(nfa.clone()).ok();
        let slow = PikeVM::builder().configure(PikeVM::config().match_kind(MatchKind::All)).build_from_nfa(nfa).ok();
        Self {
            fast: fast.map(|dfa| (dfa.create_cache(), dfa)).map(|(cache, dfa)| (dfa, RefCell::new(cache))),
            slow: slow.map(|vm| (vm.create_cache(), vm)).map(|(cache, vm)| (vm, RefCell::new(cache))),
            count: patterns.len(),
        }
    }

    /// Iterates over the numbers of those that are found in a path, from the lowest.
    pub(crate) fn found_in(&self, path: &[u8]) -> impl Iterator<Item = usize> {
        let (input, mut found) = (Input::new(path), PatternSet::new(self.count));
        let fast = self.fast.as_ref().is_some_and(|(dfa, cache)| {
            dfa.try_which_overlapping_matches(&mut cache.borrow_mut(), &input, &mut found).is_ok()
        });
        if !fast && let Some((vm, cache)) = &self.slow {
            found.clear();
            vm.which_overlapping_matches(&mut cache.borrow_mut(), &input, &mut found);
        }
        let numbers: Vec<usize> = found.iter().map(|id| id.as_usize()).collect();
        numbers.into_iter()
    }
}

/// An expression whose groups are of interest.
#[derive(Debug)]
pub(crate) struct Grouped {
    vm: PikeVM,
    state: RefCell<(pikevm::Cache, Captures)>,
}

impl Grouped {
    /// Compiles it; `None` where it does not compile.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let vm = PikeVM::new_from_nfa(compile(&[pattern.to_owned()]).ok()?).ok()?;
        let state = RefCell::new((vm.create_cache(), vm.create_captures()));
        Some(Self { vm, state })
    }

    /// Returns the groups of the first place where it is found; empty ones where a group took no
    /// part, none where it is not found.
    pub(crate) fn groups<'a>(&self, path: &'a [u8]) -> Vec<&'a [u8]> {
        let (cache, captures) = &mut *self.state.borrow_mut();
        self.vm.captures(cache, path, captures);
        if !captures.is_match() {
            return Vec::new();
        }
        let group = |group| captures.get_group(group).map_or(&b""[..], |span| &path[span.range()]);
        (0..captures.group_len()).map(group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_stop_at_slashes_where_one_star_is_written() {
        for (glob, path, takes) in [
            ("/img/*.png", "/img/a.png", true),
            ("/img/*.png", "/img/a/b.png", false),
            ("/img/**.png", "/img/a/b.png", true),
            ("/a?c", "/abc", true),
            ("/a?c", "/a/c", false),
            ("/a.c", "/abc", false),
            ("/(x)[y]", "/(x)[y]", true),
            ("/*", "/\u{e9}", true),
        ] {
            let found = Set::new(&[of_glob(glob)]).found_in(path.as_bytes()).count() == 1;
            assert_eq!(found, takes, "{glob} {path}");
        }
        assert_eq!(Set::new(&[of_glob("/*")]).found_in(b"/\xff").count(), 1);
    }

    #[test]
    fn an_expression_with_a_fault_is_told_so_and_one_too_large_too() {
        assert_eq!(check("^/(a)(b)?"), Ok(2));
        assert!(check("/(").unwrap_err().contains("unclosed group"));
        assert_eq!(check(r"(\w{1000}){10000}").unwrap_err(), "it is too large when compiled");
        assert!(check(r"(a)\1").is_err());
    }

    #[test]
    fn groups_are_those_of_the_first_match() {
        let grouped = Grouped::new("^/old/([^/]*)/?(x)?").unwrap();
        assert_eq!(grouped.groups(b"/old/1/"), [&b"/old/1/"[..], b"1", b""]);
        assert!(grouped.groups(b"/new").is_empty());
    }
}
