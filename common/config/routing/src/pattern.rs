//! Globs and regular expressions over understood paths. All are run in linear time.

use std::cell::RefCell;
use std::ops::Range;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::nfa::thompson::{BuildError, Compiler, Config, NFA};
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternID, PatternSet};
use regex_syntax::hir::Look;
use regex_syntax::hir::literal::{Extractor, Literal};

/// Longest regular expression or glob of a route.
pub const PATTERN_BYTES_MAX: usize = 1024;
/// Most memory of one compiled expression: a search that looks for its groups goes through all of
/// it with every byte of a path. `^/articles/([0-9]+)$` takes 2 KiB, `\w{1000}` a hundred.
const COMPILED_BYTES_MAX: usize = 16 << 10;
/// Most memory of all compiled expressions of a site.
const SET_BYTES_MAX: usize = 2 << 20;
/// Memory for the states that searches of a set keep. To make one costs as much time as it takes
/// memory, so this is also what bounds the time of a search.
const STATES_BYTES_MAX: usize = 1 << 20;

/// A search of a set would take too long: for its path the expressions need more states than there
/// is memory for, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecided;

/// Compiles expressions. Paths are bytes, whatever they are meant to say.
fn compile(patterns: &[String], limit: usize) -> Result<NFA, Box<BuildError>> {
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
    let nfa =
        compile(&[pattern.to_owned()], COMPILED_BYTES_MAX).map_err(|_| "it is too large when compiled".to_owned())?;
    Ok(nfa.group_info().group_len(PatternID::ZERO) - 1)
}

/// Checks whether the regular expressions and globs of a site are not too many together.
#[must_use]
pub fn fit_together<'a>(regexes: impl Iterator<Item = &'a str>, globs: impl Iterator<Item = &'a str>) -> bool {
    let patterns: Vec<String> = globs.map(of_glob).chain(regexes.map(str::to_owned)).collect();
    patterns.is_empty() || compile(&patterns, SET_BYTES_MAX).is_ok()
}

/// Checks whether the regular expressions over hosts are not too many together.
#[must_use]
pub fn of_hosts_fit_together<'a>(patterns: impl Iterator<Item = &'a str>) -> bool {
    let patterns: Vec<String> = patterns.map(of_host).collect();
    patterns.is_empty() || compile(&patterns, SET_BYTES_MAX).is_ok()
}

/// Returns whether an expression is found in paths at and below a prefix alone, as far as its
/// beginning says so.
#[must_use]
pub fn is_within(pattern: &str, prefix: &str) -> bool {
    let bare = prefix.strip_suffix('/').unwrap_or(prefix);
    if bare.is_empty() {
        return true;
    }
    let Ok(parsed) = regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(pattern) else {
        return false;
    };
    let begins = Extractor::new().extract(&parsed);
    // What is behind a literal may go on with its last segment, unless that is all there is.
    let ends = parsed.properties().look_set_suffix().contains(Look::End);
    let is_below = |begin: &Literal| {
        let rest = begin.as_bytes().strip_prefix(bare.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"/") || rest.is_empty() && ends && begin.is_exact())
    };
    parsed.properties().look_set_prefix().contains(Look::Start)
        && begins.literals().is_some_and(|all| !all.is_empty() && all.iter().all(is_below))
}

/// Returns the regular expression of a glob: `*` is anything but a slash, `**` anything, `?` one
/// character but a slash.
#[must_use]
pub fn of_glob(glob: &str) -> String {
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

/// Returns the regular expression that is looked for in a host, which is lower case.
pub(crate) fn of_host(pattern: &str) -> String {
    format!("(?i){pattern}")
}

/// Several expressions that are looked for at once.
#[derive(Debug)]
pub(crate) struct Set {
    /// None where they do not compile, which [`check`] and [`fit_together`] have refused before:
    /// nothing is found then.
    search: Option<(DFA, RefCell<Cache>)>,
    count: usize,
}

impl Set {
    /// Compiles the set.
    pub(crate) fn new(patterns: &[String]) -> Self {
        let config = DFA::config().match_kind(MatchKind::All).cache_capacity(STATES_BYTES_MAX);
        let config = config.skip_cache_capacity_check(true).minimum_cache_clear_count(Some(1));
        let built = compile(patterns, SET_BYTES_MAX).ok();
        let dfa = built.and_then(|nfa| DFA::builder().configure(config).build_from_nfa(nfa).ok());
        let search = dfa.map(|dfa| (dfa.create_cache(), dfa)).map(|(cache, dfa)| (dfa, RefCell::new(cache)));
        Self { search, count: patterns.len() }
    }

    /// Iterates over the numbers of those that are found in a path, from the lowest.
    ///
    /// # Errors
    /// [`Undecided`].
    pub(crate) fn found_in(&self, path: &[u8]) -> Result<impl Iterator<Item = usize>, Undecided> {
        let mut found = PatternSet::new(self.count);
        if let Some((dfa, cache)) = &self.search {
            let (input, mut cache) = (Input::new(path), cache.borrow_mut());
            if dfa.try_which_overlapping_matches(&mut cache, &input, &mut found).is_err() {
                // States of other paths may have been in the way.
                cache.reset(dfa);
                found.clear();
                let again = dfa.try_which_overlapping_matches(&mut cache, &input, &mut found);
                again.map_err(|_| Undecided)?;
            }
        }
        let numbers: Vec<usize> = found.iter().map(|id| id.as_usize()).collect();
        Ok(numbers.into_iter())
    }
}

/// An expression whose groups are of interest.
#[derive(Debug)]
pub struct Grouped {
    vm: PikeVM,
    state: RefCell<(pikevm::Cache, Captures)>,
}

impl Grouped {
    /// Compiles it; `None` where it does not compile.
    #[must_use]
    pub fn new(pattern: &str) -> Option<Self> {
        let vm = PikeVM::new_from_nfa(compile(&[pattern.to_owned()], COMPILED_BYTES_MAX).ok()?).ok()?;
        let state = RefCell::new((vm.create_cache(), vm.create_captures()));
        Some(Self { vm, state })
    }

    /// Returns the groups of the first place where it is found; empty ones where a group took no
    /// part, none where it is not found.
    pub(crate) fn groups<'a>(&self, path: &'a [u8]) -> Vec<&'a [u8]> {
        self.first(path).map(|(_, groups)| groups).unwrap_or_default()
    }

    /// Returns the first place where it is found, and its groups there.
    #[must_use]
    pub fn first<'a>(&self, text: &'a [u8]) -> Option<(Range<usize>, Vec<&'a [u8]>)> {
        let (cache, captures) = &mut *self.state.borrow_mut();
        self.vm.captures(cache, text, captures);
        let found = captures.get_match()?.range();
        let group = |group| captures.get_group(group).map_or(&b""[..], |span| &text[span.range()]);
        Some((found, (0..captures.group_len()).map(group).collect()))
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
            let found = Set::new(&[of_glob(glob)]).found_in(path.as_bytes()).unwrap().count() == 1;
            assert_eq!(found, takes, "{glob} {path}");
        }
        assert_eq!(Set::new(&[of_glob("/*")]).found_in(b"/\xff").unwrap().count(), 1);
    }

    #[test]
    fn an_expression_with_a_fault_is_told_so_and_one_too_large_too() {
        assert_eq!(check("^/(a)(b)?"), Ok(2));
        assert!(check("/(").unwrap_err().contains("unclosed group"));
        assert_eq!(check(r"(\w{1000}){10000}").unwrap_err(), "it is too large when compiled");
        assert!(check(r"(a)\1").is_err());
    }

    #[test]
    fn an_expression_lies_within_a_prefix_where_its_beginning_says_so() {
        for (pattern, prefix, within) in [
            ("^/api/v[0-9]+$", "/api", true),
            ("^/api/v[0-9]+$", "/api/", true),
            ("^/api$", "/api", true),
            ("^/(api|apis)/", "/api", false),
            ("^/api/(a|b)/", "/api", true),
            ("^/api", "/api", false),
            ("^/api/?", "/api", false),
            ("/api/", "/api", false),
            ("^/api/|/x", "/api", false),
            ("(?i)^/api/x", "/api", false),
            (r"\.php$", "/", true),
            ("^/apis/", "/api", false),
        ] {
            assert_eq!(is_within(pattern, prefix), within, "{pattern} {prefix}");
        }
        assert!(is_within(&of_glob("/img/*.png"), "/img") && !is_within(&of_glob("/im*/x"), "/img"));
    }

    #[test]
    fn groups_are_those_of_the_first_match() {
        let grouped = Grouped::new("^/old/([^/]*)/?(x)?").unwrap();
        assert_eq!(grouped.groups(b"/old/1/"), [&b"/old/1/"[..], b"1", b""]);
        assert!(grouped.groups(b"/new").is_empty());
        let grouped = Grouped::new("b(c?)").unwrap();
        assert_eq!(grouped.first(b"abcbc"), Some((1..3, vec![&b"bc"[..], b"c"])));
        assert_eq!(grouped.first(b"acc"), None);
    }

    #[test]
    fn a_path_that_would_take_too_long_is_undecided_and_the_next_one_is_not() {
        let patterns: Vec<String> = (0..50).map(|n| format!("(a|b)*a(a|b){{{}}}{n}$", n % 20 + 10)).collect();
        assert!(fit_together(patterns.iter().map(String::as_str), std::iter::empty()));
        let set = Set::new(&patterns);
        let mut state = 1_u32;
        let mut letter = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 0 { b'a' } else { b'b' }
        };
        let path: Vec<u8> = (0..8000).map(|_| letter()).collect();
        for _ in 0..3 {
            assert!(set.found_in(&path).is_err());
            let found = set.found_in(b"/aaaaaaaaaaaa7").unwrap();
            assert_eq!(found.collect::<Vec<_>>(), []);
            assert_eq!(set.found_in(b"/abbbbbbbbbb0").unwrap().collect::<Vec<_>>(), [0]);
        }
        let many: Vec<String> = (0..300).map(|n| format!(r"\w{{150}}{n}")).collect();
        assert!(!fit_together(many.iter().map(String::as_str), std::iter::empty()));
        let plain: Vec<String> = (0..1000).map(|n| format!("^/route-{n}/([^/]*)/(.*)$")).collect();
        assert!(fit_together(plain.iter().map(String::as_str), std::iter::empty()));
    }
}
