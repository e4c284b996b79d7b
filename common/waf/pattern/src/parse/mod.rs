//! Parses PCRE syntax to [`Node`]: groups, flags, alternatives and quantifiers (pcre2pattern(3);
//! PCRE 8 where they differ, because rule files were written for it).
//!
//! The options are those ModSecurity 2 compiles `@rx` with: DOTALL and DOLLAR_ENDONLY, no UTF.

mod class;
mod escape;
mod group;

use crate::CompileError;
use crate::ast::{Greed, Look, Node};
use crate::byteset::ByteSet;

/// Groups may nest this deep: the parser and all that follows recurse. PCRE2's own limit.
const NESTING_COUNT_MAX: usize = 250;

/// Bytes in one pattern. The largest of the Core Rule Set has 12,182.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// The largest number in `{n,m}`, PCRE's own limit.
const REPEAT_COUNT_MAX: u32 = 65_535;

/// Quantifiers on one thing, as in `a{2}{3}`: each nests like a group.
const REPEATS_COUNT_MAX: usize = 4;

/// A lookbehind may reach this far back: it is tried from every distance it may have. PCRE2's
/// default.
const BEHIND_BYTES_MAX: usize = 255;

/// A parsed pattern.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) node: Node,
    /// Capturing groups, the whole match not counted.
    pub(crate) groups: usize,
}

pub(crate) fn parse(pattern: &[u8]) -> Result<Parsed, CompileError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(CompileError::new(0, format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes")));
    }
    let mut parser = Parser::new(pattern);
    let node = parser.alternatives()?;
    if parser.peek().is_some() {
        return Err(parser.error("unmatched )"));
    }
    if let Some((offset, group)) = parser.references.iter().find(|(_, group)| *group > parser.groups) {
        return Err(CompileError::new(*offset, format!("reference to group {group}, which does not exist")));
    }
    Ok(Parsed { node, groups: parser.groups })
}

#[derive(Debug, Clone, Copy)]
struct Flags {
    caseless: bool,
    multiline: bool,
    dotall: bool,
    extended: bool,
    ungreedy: bool,
}

struct Parser<'a> {
    pattern: &'a [u8],
    at: usize,
    flags: Flags,
    depth: usize,
    /// Groups opened so far.
    groups: usize,
    /// Groups in the whole pattern, counted beforehand: whether `\10` is a reference or an octal
    /// depends on it.
    groups_total: usize,
    names: Vec<(Vec<u8>, usize)>,
    references: Vec<(usize, usize)>,
    /// Inside `\Q...\E`.
    quoting: bool,
}

impl<'a> Parser<'a> {
    fn new(pattern: &'a [u8]) -> Self {
        let flags = Flags { caseless: false, multiline: false, dotall: true, extended: false, ungreedy: false };
        let (groups_total, names) = group::survey(pattern);
        Self { pattern, at: 0, flags, depth: 0, groups: 0, groups_total, names, references: vec![], quoting: false }
    }

    fn peek(&self) -> Option<u8> {
        self.pattern.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        &self.pattern[self.at..]
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.skip(1);
        Some(byte)
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.skip(text.len());
        }
        found
    }

    /// Takes the bytes up to `end`, and `end` itself.
    fn until(&mut self, end: u8, what: &str) -> Result<&'a [u8], CompileError> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| *byte == end).ok_or_else(|| self.error(what))?;
        self.skip(length + 1);
        Ok(&rest[..length])
    }

    fn error(&self, reason: impl Into<String>) -> CompileError {
        CompileError::new(self.at, reason)
    }

    /// Reads `a|b|c` up to the closing parenthesis or the end. Flags set inside end with it, but
    /// reach over `|`.
    fn alternatives(&mut self) -> Result<Node, CompileError> {
        self.depth += 1;
        if self.depth > NESTING_COUNT_MAX {
            return Err(self.error(format!("groups nest deeper than {NESTING_COUNT_MAX}")));
        }
        let outer = self.flags;
        let mut branches = vec![self.sequence()?];
        while self.eat(b"|") {
            branches.push(self.sequence()?);
        }
        self.flags = outer;
        self.depth -= 1;
        Ok(Node::alternate(branches))
    }

    fn sequence(&mut self) -> Result<Node, CompileError> {
        let mut nodes = Vec::new();
        loop {
            self.skip_extended();
            if self.quoting {
                self.quoted(&mut nodes)?;
                continue;
            }
            match self.peek() {
                None | Some(b'|' | b')') => return Ok(Node::concat(nodes)),
                Some(_) => {
                    if let Some(atom) = self.atom()? {
                        nodes.push(self.quantified(atom)?);
                    }
                }
            }
        }
    }

    /// Reads one byte of `\Q...\E`; a quantifier after `\E` applies to the last byte, as in PCRE.
    fn quoted(&mut self, nodes: &mut Vec<Node>) -> Result<(), CompileError> {
        if self.eat(b"\\E") || self.peek().is_none() {
            self.quoting = false;
            return Ok(());
        }
        let byte = self.next().unwrap_or_default();
        let atom = self.literal(byte);
        if self.eat(b"\\E") {
            self.quoting = false;
            let quantified = self.quantified(atom)?;
            nodes.push(quantified);
        } else {
            nodes.push(atom);
        }
        Ok(())
    }

    /// Skips white space and comments under `(?x)`.
    fn skip_extended(&mut self) {
        while self.flags.extended && !self.quoting {
            match self.peek() {
                Some(b' ' | 9..=13) => self.skip(1),
                Some(b'#') => {
                    let rest = self.rest();
                    self.skip(rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1));
                }
                _ => return,
            }
        }
    }

    /// Reads one thing that a quantifier may follow; `None` for what is no such thing (comments,
    /// flag settings).
    fn atom(&mut self) -> Result<Option<Node>, CompileError> {
        let Some(byte) = self.next() else { return Ok(None) };
        Ok(Some(match byte {
            b'(' => return self.group(),
            b'[' => Node::Bytes(self.class()?),
            b'\\' => return self.escape(),
            b'.' if self.flags.dotall => Node::Bytes(ByteSet::ALL),
            b'.' => Node::Bytes(ByteSet::of(b"\n").complement()),
            b'^' if self.flags.multiline => Node::Look(Look::LineStart),
            b'^' => Node::Look(Look::Start),
            b'$' if self.flags.multiline => Node::Look(Look::LineEnd),
            b'$' => Node::Look(Look::End),
            b'*' | b'+' | b'?' => {
                self.at -= 1;
                return Err(self.error("nothing to repeat before the quantifier"));
            }
            other => self.literal(other),
        }))
    }

    fn literal(&self, byte: u8) -> Node {
        self.bytes(ByteSet::of(&[byte]))
    }

    fn bytes(&self, set: ByteSet) -> Node {
        Node::Bytes(if self.flags.caseless { set.fold_case() } else { set })
    }

    fn quantified(&mut self, mut atom: Node) -> Result<Node, CompileError> {
        for _ in 0..REPEATS_COUNT_MAX {
            self.skip_extended();
            let Some((min, max)) = self.counts()? else { return Ok(atom) };
            let greed = if self.eat(b"+") {
                Greed::Possessive
            } else if self.eat(b"?") != self.flags.ungreedy {
                Greed::Lazy
            } else {
                Greed::Greedy
            };
            atom = Node::Repeat { node: Box::new(atom), min, max, greed };
            // PCRE lets a braced quantifier follow another; `a**` is an error there and here.
            if !matches!(self.peek(), Some(b'{')) {
                return Ok(atom);
            }
        }
        Err(self.error(format!("more than {REPEATS_COUNT_MAX} quantifiers on one thing")))
    }

    fn counts(&mut self) -> Result<Option<(u32, Option<u32>)>, CompileError> {
        let counts = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => return self.braces(),
            _ => return Ok(None),
        };
        self.skip(1);
        Ok(Some(counts))
    }

    /// Reads `{n}`, `{n,}` or `{n,m}`; any other brace is an ordinary byte.
    fn braces(&mut self) -> Result<Option<(u32, Option<u32>)>, CompileError> {
        let rest = &self.rest()[1..];
        let Some(length) = rest.iter().position(|byte| *byte == b'}') else { return Ok(None) };
        let inner = &rest[..length];
        let mut parts = inner.splitn(2, |byte| *byte == b',');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if !digits(first) || second.is_some_and(|part| !part.is_empty() && !digits(part)) {
            return Ok(None);
        }
        let min = self.count(first)?;
        let max = match second {
            None => Some(min),
            Some([]) => None,
            Some(part) => Some(self.count(part)?),
        };
        if max.is_some_and(|max| max < min) {
            return Err(self.error("numbers out of order in {n,m}"));
        }
        self.skip(length + 2);
        Ok(Some((min, max)))
    }

    fn count(&self, digits: &[u8]) -> Result<u32, CompileError> {
        let text = std::str::from_utf8(digits).unwrap_or_default();
        let number = text.parse::<u32>().ok().filter(|number| *number <= REPEAT_COUNT_MAX);
        number.ok_or_else(|| self.error(format!("a repeat count is larger than {REPEAT_COUNT_MAX}")))
    }
}
