//! XPath as far as rules use it: places in a document, found while it is read.
//!
//! A path is absolute, and made of `/` (a child) and `//` (any descendant) before `name`,
//! `prefix:name`, `*`, `prefix:*`, `*[local-name()='name']`, and in the last place also `@name`,
//! `@*` or `text()`. That is what can be decided at a start tag, without a document in memory. A
//! name without a prefix is a name without a namespace, as XPath 1.0 has it.

/// Steps of all paths together: their states are four words.
pub const STEPS_COUNT_MAX: usize = 256;

/// Namespaces in scope at once; documents have a handful, and each name is looked up among them.
pub const NAMESPACES_COUNT_MAX: usize = 64;

/// A prefix and its namespace.
pub type Namespace = (Vec<u8>, Vec<u8>);

/// A path, compiled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct XmlPath {
    steps: Box<[Step]>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Step {
    /// Allows elements between this step and the one before it (`//`).
    anywhere: bool,
    kind: Kind,
    test: Test,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Element,
    Attribute,
    Text,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Test {
    Any,
    /// Any name in a namespace.
    In(Vec<u8>),
    /// This name in any namespace.
    Local(Vec<u8>),
    /// This name in this namespace; an empty one is none.
    Name(Vec<u8>, Vec<u8>),
}

impl Test {
    fn holds(&self, name: Name<'_>) -> bool {
        match self {
            Test::Any => true,
            Test::In(namespace) => namespace == name.namespace,
            Test::Local(local) => local == name.local,
            Test::Name(namespace, local) => namespace == name.namespace && local == name.local,
        }
    }
}

/// A name with its prefix resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'n> {
    /// The namespace; empty for none.
    pub namespace: &'n [u8],
    /// The name without its prefix.
    pub local: &'n [u8],
}

impl XmlPath {
    /// Reads a path. `namespaces` are the prefixes it may use; without them any prefix is taken, to
    /// check the form alone. The error has the offset and what was expected.
    pub fn parse(text: &[u8], namespaces: Option<&[Namespace]>) -> Result<Self, (usize, String)> {
        let mut steps: Vec<Step> = Vec::new();
        let mut at = 0;
        while at < text.len() {
            if steps.last().is_some_and(|step| step.kind != Kind::Element) {
                return Err((at, "nothing may follow an attribute or text()".to_owned()));
            }
            let rest = &text[at..];
            let slashes = rest.iter().take_while(|byte| **byte == b'/').count();
            if !matches!(slashes, 1 | 2) {
                return Err((at, EXPECTED.to_owned()));
            }
            at += slashes;
            let rest = &text[at..];
            let step = &rest[..step_len(rest)];
            let (kind, test) = step_of(step, namespaces).map_err(|why| (at, why))?;
            steps.push(Step { anywhere: slashes == 2, kind, test });
            at += step.len();
        }
        match steps.len() {
            0 => Err((0, EXPECTED.to_owned())),
            count if count > STEPS_COUNT_MAX => Err((0, format!("more than {STEPS_COUNT_MAX} steps"))),
            _ => Ok(Self { steps: steps.into() }),
        }
    }

    /// Returns the number of steps.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }
}

/// The text of errors, with examples of paths.
const EXPECTED: &str =
    "this XPath is not understood; expected steps like /a/b, //b, //*[local-name()='b'], //@c or //b/text()";

/// Returns the length of the first step, which ends at the next slash outside of brackets.
fn step_len(rest: &[u8]) -> usize {
    let mut inside = false;
    let end = rest.iter().position(|byte| {
        inside = match byte {
            b'[' => true,
            b']' => false,
            _ => inside,
        };
        *byte == b'/' && !inside
    });
    end.unwrap_or(rest.len())
}

fn step_of(step: &[u8], namespaces: Option<&[Namespace]>) -> Result<(Kind, Test), String> {
    if step == b"text()" {
        return Ok((Kind::Text, Test::Any));
    }
    let local = step.strip_prefix(b"*[local-name()=").and_then(|rest| rest.strip_suffix(b"]"));
    if let Some([quote @ (b'"' | b'\''), name @ .., close]) = local
        && quote == close
        && is_name(name)
    {
        return Ok((Kind::Element, Test::Local(name.to_vec())));
    }
    let (kind, name) = match step.strip_prefix(b"@") {
        Some(name) => (Kind::Attribute, name),
        None => (Kind::Element, step),
    };
    Ok((kind, test_of(name, namespaces)?))
}

fn test_of(name: &[u8], namespaces: Option<&[Namespace]>) -> Result<Test, String> {
    if name == b"*" {
        return Ok(Test::Any);
    }
    let Some(colon) = name.iter().position(|byte| *byte == b':') else {
        return if is_name(name) { Ok(Test::Name(Vec::new(), name.to_vec())) } else { Err(EXPECTED.to_owned()) };
    };
    let (prefix, local) = (&name[..colon], &name[colon + 1..]);
    if !is_name(prefix) || !(local == b"*" || is_name(local)) {
        return Err(EXPECTED.to_owned());
    }
    let known =
        |namespaces: &[Namespace]| namespaces.iter().find(|(known, _)| known == prefix).map(|(_, uri)| uri.clone());
    let Some(namespace) = namespaces.map_or(Some(Vec::new()), known) else {
        let prefix = String::from_utf8_lossy(prefix);
        return Err(format!("the prefix {prefix} has no namespace; expected an action like xmlns:{prefix}=http://..."));
    };
    Ok(if local == b"*" { Test::In(namespace) } else { Test::Name(namespace, local.to_vec()) })
}

fn is_name(name: &[u8]) -> bool {
    let is_start = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80;
    let is_more = |byte: &u8| is_start(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    name.first().is_some_and(is_start) && name.iter().all(is_more)
}

/// Steps that wait for their element, one bit each.
type Waiting = [u64; STEPS_COUNT_MAX / 64];

fn bits(words: Waiting) -> impl Iterator<Item = usize> {
    (0..).zip(words).flat_map(|(place, word)| {
        let mut word: u64 = word;
        std::iter::from_fn(move || {
            let bit = usize::try_from(word.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
            word &= word.wrapping_sub(1);
            Some(place * 64 + bit)
        })
    })
}

fn insert(waiting: &mut Waiting, bit: usize) {
    // The path that was cut off at the last bit goes on beyond it.
    if let Some(word) = waiting.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

/// Paths on their way through a document.
pub(super) struct Walk<'p> {
    /// All steps, one path after the other, each with its path and whether it is that path's last.
    steps: Vec<(&'p Step, usize, bool)>,
    /// For each open element (and the document before them), the steps that wait for a child of it.
    levels: Vec<Waiting>,
    /// For each open element, where its text begins and the paths that end at it.
    found: Vec<(usize, Vec<usize>)>,
}

impl<'p> Walk<'p> {
    /// Paths beyond [`STEPS_COUNT_MAX`] steps in all find nothing; callers refuse them before.
    pub(crate) fn new(paths: &'p [XmlPath]) -> Self {
        let of_path = |(number, path): (usize, &'p XmlPath)| {
            let last = path.steps.len() - 1;
            path.steps.iter().enumerate().map(move |(at, step)| (step, number, at == last))
        };
        let steps: Vec<_> = paths.iter().enumerate().flat_map(of_path).take(STEPS_COUNT_MAX).collect();
        let mut first = Waiting::default();
        let mut begins = true;
        for (at, (_, _, last)) in steps.iter().enumerate() {
            if begins {
                insert(&mut first, at);
            }
            begins = *last;
        }
        Self { steps, levels: vec![first], found: Vec::new() }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns whether an element is open.
    pub(crate) fn is_inside(&self) -> bool {
        !self.found.is_empty()
    }

    /// Enters an element whose text begins at `start`.
    pub(crate) fn enter(&mut self, name: Name<'_>, start: usize) {
        let above = self.levels.last().copied().unwrap_or_default();
        let (mut waiting, mut ends) = (Waiting::default(), Vec::new());
        for bit in bits(above) {
            let Some((step, path, last)) = self.steps.get(bit) else { continue };
            if step.anywhere {
                insert(&mut waiting, bit);
            }
            if step.kind == Kind::Element && step.test.holds(name) {
                if *last {
                    ends.push(*path);
                } else {
                    insert(&mut waiting, bit + 1);
                }
            }
        }
        self.levels.push(waiting);
        self.found.push((start, ends));
    }

    /// Leaves the innermost element; returns the start of its text and the paths that end at it.
    pub(crate) fn leave(&mut self) -> (usize, Vec<usize>) {
        self.levels.pop();
        self.found.pop().unwrap_or_default()
    }

    /// Iterates over the paths that end at an attribute of the innermost element.
    pub(crate) fn attribute(&self, name: Name<'_>) -> impl Iterator<Item = usize> {
        self.ends(Kind::Attribute, move |test| test.holds(name))
    }

    /// Iterates over the paths that end at text in the innermost element.
    pub(crate) fn text(&self) -> impl Iterator<Item = usize> {
        self.ends(Kind::Text, |_| true)
    }

    fn ends(&self, kind: Kind, holds: impl Fn(&Test) -> bool) -> impl Iterator<Item = usize> {
        let waiting = self.levels.last().copied().unwrap_or_default();
        bits(waiting).filter_map(move |bit| {
            let (step, path, last) = self.steps.get(bit)?;
            (*last && step.kind == kind && holds(&step.test)).then_some(*path)
        })
    }
}

/// The namespaces in scope.
#[derive(Default)]
pub(super) struct Scope<'t> {
    /// For each declaration, the elements open around it, the prefix (empty for the default) and
    /// the namespace.
    declared: Vec<(usize, &'t [u8], Vec<u8>)>,
}

impl<'t> Scope<'t> {
    /// Adds a declaration on the element at `depth`; returns false if there are too many.
    pub(crate) fn declare(&mut self, depth: usize, prefix: &'t [u8], namespace: &[u8]) -> bool {
        self.declared.push((depth, prefix, namespace.to_vec()));
        self.declared.len() <= NAMESPACES_COUNT_MAX
    }

    /// Forgets what elements at `depth` and deeper declared.
    pub(crate) fn leave(&mut self, depth: usize) {
        while self.declared.last().is_some_and(|(declared, ..)| *declared >= depth) {
            self.declared.pop();
        }
    }

    /// Resolves the prefix of a name. One that nothing declares belongs to the name itself.
    pub(crate) fn resolve<'n>(&'n self, name: &'n [u8], attribute: bool) -> Name<'n> {
        let of = |prefix: &[u8]| {
            self.declared.iter().rev().find(|(_, known, _)| *known == prefix).map(|(.., uri)| uri.as_slice())
        };
        match name.iter().position(|byte| *byte == b':') {
            None if attribute => Name { namespace: b"", local: name },
            None => Name { namespace: of(b"").unwrap_or_default(), local: name },
            Some(colon) => match of(&name[..colon]) {
                Some(namespace) => Name { namespace, local: &name[colon + 1..] },
                None => Name { namespace: b"", local: name },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_paths_rules_write_and_says_what_it_cannot_do() {
        for path in ["/a", "//a/b", "/a//b/@c", "//@*", "//text()", "/*", "/s:a/s:*/@s:b", "//*[local-name()='x']"] {
            assert!(XmlPath::parse(path.as_bytes(), None).is_ok(), "{path}");
        }
        for (path, at) in
            [("", 0), ("a", 0), ("/", 1), ("///a", 0), ("/a[1]", 1), ("/@a/b", 3), ("/a/", 3), ("/a|/b", 1)]
        {
            assert_eq!(XmlPath::parse(path.as_bytes(), None).unwrap_err().0, at, "{path}");
        }
        let declared = [(b"s".to_vec(), b"urn:s".to_vec())];
        assert!(XmlPath::parse(b"/s:a", Some(&declared)).is_ok());
        assert!(XmlPath::parse(b"/t:a", Some(&declared)).unwrap_err().1.contains("xmlns:t"));
    }

    #[test]
    fn more_steps_than_fit_find_nothing_and_harm_nothing() {
        let paths: Vec<XmlPath> = (0..300).map(|_| XmlPath::parse(b"//a/b", None).unwrap()).collect();
        let mut walk = Walk::new(&paths);
        walk.enter(Name { namespace: b"", local: b"a" }, 0);
        walk.enter(Name { namespace: b"", local: b"b" }, 0);
        assert_eq!(walk.leave().1.len(), 128);
    }
}
