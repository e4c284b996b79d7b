//! Which rules of a phase can match at all: one pass over the values, before any rule runs.
//!
//! Most rules ask a pattern about values that do not change while the phase runs, and almost none
//! of them match. For each such value and each transformation chain some rule wants of it, the
//! candidate finder of fosse-pattern says which patterns may match; only their rules are evaluated,
//! and only on those values.

use crate::arena::Span;
use crate::operator::{Operator, TextTest};
use crate::pipeline::{ALWAYS, HIGH, NUL, NodeId, Pipelines, classes_of};
use crate::rule::{Rule, RuleBits};
use crate::target::Selector;
use crate::variable::Variable;
use fosse_pattern::{PatternSet, Requirement};
use std::collections::BTreeSet;

/// A rule that asks a pattern about a variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub rule: u32,
    /// Which of the rule's targets.
    pub target: u16,
    /// Which of the plan's nodes.
    pub node: u8,
}

/// A rule whose operator can only hold for values with a byte of some classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classed {
    pub user: User,
    pub classes: u32,
    pub probe: Probe,
}

/// A detector without a pattern, run by the gate itself: once for all equal values.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Probe {
    /// Nothing but the classes is asked.
    None,
    Sqli,
    Xss,
}

impl Probe {
    /// Whether the detector sees something.
    pub(crate) fn fires(self, value: &[u8]) -> bool {
        match self {
            Probe::None => true,
            Probe::Sqli => fosse_libinjection::is_sqli(value).is_some(),
            Probe::Xss => fosse_libinjection::is_xss(value),
        }
    }
}

/// What the detectors say about one text: each is asked once, however many rules want to know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fired {
    sqli: Option<bool>,
    xss: Option<bool>,
}

impl Fired {
    /// Whether the detector sees something in `text`, always the same one.
    pub(crate) fn ask(&mut self, probe: Probe, text: &[u8]) -> bool {
        match probe {
            Probe::None => true,
            Probe::Sqli => *self.sqli.get_or_insert_with(|| probe.fires(text)),
            Probe::Xss => *self.xss.get_or_insert_with(|| probe.fires(text)),
        }
    }
}

/// What is done with the values of one variable.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub variable: Variable,
    /// Which of the gate's sets has the patterns asked about it.
    pub set: usize,
    /// The chains wanted of it.
    pub nodes: Box<[NodeId]>,
    /// For each class of bytes, the nodes whose chains act on it, one bit each.
    touched: [u64; 32],
    /// For lengths of a stored value, the nodes that can make something of it that is long enough
    /// for one of their rules, one bit each: for values of ASCII alone, and for others.
    reachable: [Box<[u64; LENGTHS]>; 2],
    /// For lengths of what was made, the nodes some rule of which can match it.
    fitting: Box<[u64; LENGTHS]>,
    /// The rules gated by classes.
    pub classed: Box<[Classed]>,
    /// Whether a probe is asked for entries of some names only, so that equal values are not equal
    /// to the gate.
    pub named: bool,
    /// For each pattern of its set, where its users begin; one more for the end.
    starts: Box<[u32]>,
    users: Box<[User]>,
}

impl Plan {
    /// The nodes, one bit each, that may change a value with these classes of bytes; the others
    /// leave it as it is.
    pub(crate) fn touched_by(&self, mut classes: u32) -> u64 {
        let mut touched = 0;
        while classes != 0 {
            let class = classes.trailing_zeros();
            touched |= self.touched.get(crate::arena::widen(class)).copied().unwrap_or(u64::MAX);
            classes &= classes.wrapping_sub(1);
        }
        touched
    }

    /// The nodes, one bit each, for which a value of these classes and this length is worth
    /// transforming.
    pub(crate) fn reachable_by(&self, classes: u32, len: usize) -> u64 {
        let [others, ascii] = &self.reachable;
        let table = if classes & (HIGH | NUL) == 0 { ascii } else { others };
        table.get(len.min(LENGTHS - 1)).copied().unwrap_or(u64::MAX)
    }

    /// The nodes, one bit each, some rule of which can match a value of this length.
    pub(crate) fn fitting(&self, len: usize) -> u64 {
        self.fitting.get(len.min(LENGTHS - 1)).copied().unwrap_or(u64::MAX)
    }

    /// All nodes, one bit each.
    pub(crate) fn all(&self) -> u64 {
        u64::MAX.checked_shr(64 - crate::arena::narrow(self.nodes.len())).unwrap_or(0)
    }

    /// The rules that ask pattern `pattern` about this variable.
    pub(crate) fn users(&self, pattern: usize) -> &[User] {
        let at = |index: usize| self.starts.get(index).copied().map_or(0, crate::arena::widen);
        self.users.get(at(pattern)..at(pattern + 1)).unwrap_or_default()
    }
}

/// Lengths told apart, the last one for all that is longer. No pattern asks for that many bytes.
const LENGTHS: usize = 64;

/// The gate of one phase.
#[derive(Debug)]
pub(crate) struct Gate {
    pub sets: Box<[PatternSet]>,
    pub plans: Box<[Plan]>,
    /// The rules that run whatever the values are.
    pub always: RuleBits,
}

/// Chains of one variable a plan can hold: the groups of equal values are one word.
const NODES_MAX: usize = 64;

/// One rule's wish to see a variable through a chain.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Wish {
    variable: Variable,
    /// The number of a pattern, or [`CLASSED`] and above for classes.
    pattern: usize,
    node: NodeId,
    rule: u32,
    target: u16,
    classes: u32,
    probe: Probe,
    /// Whether the target picks entries by name.
    named: bool,
    /// Bytes that what matches has at least.
    least: usize,
}

/// The pattern number of wishes that are gated by classes.
const CLASSED: usize = usize::MAX;

impl Gate {
    /// A gate that lets every rule run: as right as any, and slower.
    pub(crate) fn open(rules: &[Rule]) -> Self {
        let mut always = RuleBits::default();
        always.reset(rules.len());
        starters(rules).for_each(|(at, _)| always.insert(at));
        Self { sets: Box::default(), plans: Box::default(), always }
    }

    /// Builds the gate of a phase's rules, those in `skipped` left out: they run when they are
    /// reached after all. `constant` gives the bytes of a constant text.
    #[expect(
        clippy::too_many_lines,
        reason = "one pass over the rules that fills tables which only make sense together"
    )]
    pub(crate) fn new<'c>(
        rules: &[Rule],
        skipped: &RuleBits,
        pipelines: &Pipelines,
        constant: impl Fn(Span) -> &'c [u8],
    ) -> Self {
        let mut always = RuleBits::default();
        always.reset(rules.len());
        let mut requirements: Vec<Requirement> = Vec::new();
        let mut wishes: Vec<Wish> = Vec::new();
        for (at, rule) in starters(rules) {
            let gated = if skipped.contains(at) { None } else { condition(rule, &constant) };
            let (pattern, classes, probe, least) = match gated {
                Some(Condition::Pattern(requirement)) => {
                    let least = requirement.least();
                    requirements.push(requirement);
                    (requirements.len() - 1, 0, Probe::None, least)
                }
                Some(Condition::Classes(classes, probe)) => (CLASSED, classes, probe, 1),
                None => {
                    always.insert(at);
                    continue;
                }
            };
            let nodes: &[NodeId] = if rule.multi.is_empty() { std::slice::from_ref(&rule.node) } else { &rule.multi };
            for (target, wanted) in rule.wanted.iter().enumerate() {
                let target = u16::try_from(target).unwrap_or(u16::MAX);
                for variable in wanted.variable.stored_as() {
                    let wish = |node: &NodeId| Wish {
                        variable: *variable,
                        pattern,
                        node: *node,
                        rule: crate::arena::narrow(at),
                        target,
                        classes,
                        probe,
                        named: !matches!(wanted.selector, Selector::All),
                        least,
                    };
                    wishes.extend(nodes.iter().map(wish));
                }
            }
        }
        wishes.sort_unstable();
        let by_variable: Vec<&[Wish]> = wishes.chunk_by(|left, right| left.variable == right.variable).collect();
        let groups = share(&by_variable);
        let sets =
            groups.iter().map(|patterns| PatternSet::new(patterns.iter().filter_map(|at| requirements.get(*at))));
        let Ok(sets) = sets.collect::<Result<Box<[PatternSet]>, _>>() else { return Self::open(rules) };
        let plans = by_variable.iter().map(|wishes| plan(wishes, &groups, pipelines));
        let plans: Box<[Plan]> = plans.collect();
        if plans.iter().any(|plan| plan.nodes.len() > NODES_MAX) {
            return Self::open(rules);
        }
        Self { sets, plans, always }
    }
}

/// The patterns asked about a variable.
fn patterns_of(wishes: &[Wish]) -> BTreeSet<usize> {
    wishes.iter().map(|wish| wish.pattern).filter(|pattern| *pattern != CLASSED).collect()
}

/// Sets of patterns such that each variable's are in one of them: a set of its own costs memory,
/// one that holds much else costs time.
fn share(by_variable: &[&[Wish]]) -> Vec<BTreeSet<usize>> {
    let mut wanted: Vec<BTreeSet<usize>> = by_variable.iter().map(|wishes| patterns_of(wishes)).collect();
    wanted.sort_by_key(|patterns| std::cmp::Reverse(patterns.len()));
    let mut sets: Vec<BTreeSet<usize>> = Vec::new();
    for patterns in wanted {
        let fits = |set: &BTreeSet<usize>| {
            let more = patterns.difference(set).count();
            more * 4 <= patterns.len() && set.len() <= patterns.len() * 2
        };
        match sets.iter_mut().find(|set| fits(set)) {
            Some(set) => set.extend(patterns),
            None => sets.push(patterns),
        }
    }
    sets
}

fn starters(rules: &[Rule]) -> impl Iterator<Item = (usize, &Rule)> {
    rules.iter().enumerate().filter(|(at, rule)| rule.starter == crate::arena::narrow(*at))
}

#[expect(clippy::too_many_lines, reason = "tables over one list of wishes, each a few lines")]
fn plan(wishes: &[Wish], groups: &[BTreeSet<usize>], pipelines: &Pipelines) -> Plan {
    let patterns = patterns_of(wishes);
    let set = groups.iter().position(|group| patterns.is_subset(group)).unwrap_or_default();
    let numbers = groups.get(set).into_iter().flatten();
    let mut nodes: Vec<NodeId> = wishes.iter().map(|wish| wish.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let mut touched = [0u64; 32];
    for (place, node) in nodes.iter().enumerate() {
        let acts_on = pipelines.get(*node).map_or(u32::MAX, |node| node.acts_on);
        for (class, nodes) in touched.iter_mut().enumerate() {
            *nodes |= u64::from(acts_on >> class & 1).checked_shl(crate::arena::narrow(place)).unwrap_or(0);
        }
    }
    let least = |node: NodeId| {
        let wishes = wishes.iter().filter(move |wish| wish.node == node);
        wishes.map(|wish| wish.least).min().unwrap_or_default().min(LENGTHS - 1)
    };
    let by_length = |least: &dyn Fn(NodeId) -> usize| {
        let mut table = Box::new([0u64; LENGTHS]);
        for (place, node) in nodes.iter().enumerate() {
            let bit = 1u64.checked_shl(crate::arena::narrow(place)).unwrap_or(0);
            table.iter_mut().skip(least(*node).min(LENGTHS - 1)).for_each(|nodes| *nodes |= bit);
        }
        table
    };
    let reachable = [false, true].map(|ascii| by_length(&|node| pipelines.least_before(node, least(node), ascii)));
    let fitting = by_length(&least);
    let place = |node: NodeId| u8::try_from(nodes.partition_point(|known| *known < node)).unwrap_or(u8::MAX);
    let user = |wish: &Wish| User { rule: wish.rule, target: wish.target, node: place(wish.node) };
    let asking = wishes.iter().filter(|wish| wish.pattern != CLASSED);
    let classed = wishes.iter().filter(|wish| wish.pattern == CLASSED);
    let ends = numbers.map(|pattern| crate::arena::narrow(wishes.partition_point(|wish| wish.pattern <= *pattern)));
    Plan {
        named: wishes.iter().any(|wish| wish.named && wish.probe != Probe::None),
        variable: wishes.first().map_or(Variable::Args, |wish| wish.variable),
        set,
        starts: std::iter::once(0).chain(ends).collect(),
        users: asking.map(user).collect(),
        classed: classed.map(|wish| Classed { user: user(wish), classes: wish.classes, probe: wish.probe }).collect(),
        touched,
        reachable,
        fitting,
        nodes: nodes.into(),
    }
}

/// What a value must have for a rule to match it.
enum Condition {
    Pattern(Requirement),
    /// A byte of one of these classes, and what the probe looks for.
    Classes(u32, Probe),
}

/// The condition of a rule; `None` if the rule has to be run to know.
fn condition<'c>(rule: &Rule, constant: &impl Fn(Span) -> &'c [u8]) -> Option<Condition> {
    if rule.negated || rule.wanted.iter().any(|target| target.count || !target.variable.is_static()) {
        return None;
    }
    match &rule.operator {
        Operator::Pattern(regex) | Operator::Digits(_, regex) => Some(Condition::Pattern(regex.requirement().clone())),
        Operator::Phrases(phrases) => Some(Condition::Pattern(phrases.requirement().clone())),
        Operator::Text(TextTest::Within, _) => None,
        Operator::Text(_, template) => {
            let text = constant(template.constant()?);
            (text.len() > 1).then(|| Condition::Pattern(Requirement::any_of([text])))
        }
        // Without a tag's `<` and an attribute's `=` nothing in a value is markup.
        Operator::Xss => Some(Condition::Classes(classes_of(b"<=") & !ALWAYS, Probe::Xss)),
        // Letters alone are one word, and no word is an injection.
        Operator::Sqli => Some(Condition::Classes(!(classes_of(b"Aa") | ALWAYS), Probe::Sqli)),
        Operator::ByteRange(allowed) => {
            let refused = (0..=u8::MAX).filter(|byte| !allowed.get(usize::from(*byte)).copied().unwrap_or(false));
            let classes = refused.fold(0, |classes, byte| classes | classes_of(&[byte])) & !ALWAYS;
            Some(Condition::Classes(classes, Probe::None))
        }
        Operator::UrlEncoding => Some(Condition::Classes(classes_of(b"%") & !ALWAYS, Probe::None)),
        Operator::Utf8Encoding => Some(Condition::Classes(classes_of(&[0x80]) & !ALWAYS, Probe::None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    /// A few thousand values out of bytes that bring detectors to say yes, if anything does.
    fn values(alphabet: &[&str]) -> impl Iterator<Item = String> {
        let mut seed: u64 = 11;
        let mut draw = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap()
        };
        let alphabet: Vec<String> = alphabet.iter().map(|piece| (*piece).to_owned()).collect();
        (0..60_000).map(move |_| (0..draw() % 8).map(|_| alphabet[draw() % alphabet.len()].as_str()).collect())
    }

    #[test]
    fn nothing_without_a_tag_or_an_attribute_is_markup() {
        let pieces = [
            "script",
            "onload",
            "javascript:",
            ">",
            "\"",
            "'",
            "`",
            " ",
            "/",
            "!--",
            "&#x3c;",
            "&lt",
            ";",
            "style",
            "%3c",
            "[",
            "?xml",
            "href",
            "\0",
        ];
        for value in values(&pieces) {
            assert!(!fosse_libinjection::is_xss(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn no_word_is_an_injection() {
        let pieces = [
            "union", "select", "or", "and", "not", "if", "sleep", "null", "true", "like", "in", "x", "b", "n", "e",
            "q", "char", "user", "into", "div",
        ];
        for value in values(&pieces) {
            assert!(fosse_libinjection::is_sqli(value.as_bytes()).is_none(), "{value}");
        }
    }
}
