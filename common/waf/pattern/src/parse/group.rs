//! Groups: `(` and what follows it.

use super::Parser;
use crate::CompileError;
use crate::ast::Node;

impl Parser<'_> {
    pub(super) fn group(&mut self) -> Result<Option<Node>, CompileError> {
        let start = self.at - 1;
        if self.rest().starts_with(b"*") {
            return Err(self.error("verbs such as (*ACCEPT) are not supported"));
        }
        if !self.eat(b"?") {
            return self.capture(start).map(Some);
        }
        if self.eat(b"#") {
            self.until(b')', "comment without its )")?;
            return Ok(None);
        }
        let node = if self.eat(b":") {
            self.body(start)?
        } else if self.eat(b">") {
            Node::Atomic(Box::new(self.body(start)?))
        } else if self.eat(b"=") {
            self.around(start, true, false)?
        } else if self.eat(b"!") {
            self.around(start, true, true)?
        } else if self.eat(b"<=") {
            self.around(start, false, false)?
        } else if self.eat(b"<!") {
            self.around(start, false, true)?
        } else if self.eat(b"P=") {
            let name = self.until(b')', "(?P= without its )")?.to_vec();
            self.reference_by_name(&name)?
        } else if self.eat(b"P<") || self.eat(b"<") {
            self.until(b'>', "group name without its >")?;
            self.capture(start)?
        } else if self.eat(b"'") {
            self.until(b'\'', "group name without its '")?;
            self.capture(start)?
        } else {
            return self.flags_group(start);
        };
        Ok(Some(node))
    }

    fn capture(&mut self, start: usize) -> Result<Node, CompileError> {
        self.groups += 1;
        let index = self.groups;
        Ok(Node::Group(index, Box::new(self.body(start)?)))
    }

    fn body(&mut self, start: usize) -> Result<Node, CompileError> {
        let node = self.alternatives()?;
        if self.eat(b")") { Ok(node) } else { Err(CompileError::new(start, "( without its )")) }
    }

    fn around(&mut self, start: usize, ahead: bool, negate: bool) -> Result<Node, CompileError> {
        let node = Box::new(self.body(start)?);
        let bounded = crate::lower::lengths(&node).1.is_some_and(|most| most <= super::BEHIND_BYTES_MAX);
        if !ahead && !bounded {
            return Err(CompileError::new(
                start,
                format!("what looks behind must end within {} bytes", super::BEHIND_BYTES_MAX),
            ));
        }
        Ok(Node::Around { ahead, negate, node })
    }

    /// Reads `(?flags)`, which changes the rest of the enclosing group, or `(?flags:...)`, which
    /// changes its own content only.
    fn flags_group(&mut self, start: usize) -> Result<Option<Node>, CompileError> {
        let outer = self.flags;
        let mut on = true;
        if self.eat(b"^") {
            self.flags = super::Flags { caseless: false, multiline: false, dotall: false, extended: false, ..outer };
        }
        loop {
            match self.next() {
                Some(b'-') => on = false,
                Some(b'i') => self.flags.caseless = on,
                Some(b'm') => self.flags.multiline = on,
                Some(b's') => self.flags.dotall = on,
                Some(b'x') => self.flags.extended = on,
                Some(b'U') => self.flags.ungreedy = on,
                Some(b')') => return Ok(None),
                Some(b':') => {
                    let node = self.body(start);
                    self.flags = outer;
                    return node.map(Some);
                }
                Some(b'R' | b'0'..=b'9' | b'&' | b'+' | b'P') => {
                    return Err(CompileError::new(start, "recursion is not supported"));
                }
                Some(b'(') => return Err(CompileError::new(start, "conditional groups are not supported")),
                Some(b'|') => return Err(CompileError::new(start, "branch reset groups are not supported")),
                Some(b'C') => return Err(CompileError::new(start, "callouts are not supported")),
                _ => return Err(CompileError::new(start, "unknown kind of group after (?")),
            }
        }
    }

    pub(super) fn reference_by_name(&mut self, name: &[u8]) -> Result<Node, CompileError> {
        let found = self.names.iter().find(|(known, _)| known == name).map(|(_, index)| *index);
        match found {
            Some(group) => Ok(self.reference(group)),
            None => Err(self.error(format!("no group is named {}", name.escape_ascii()))),
        }
    }

    pub(super) fn reference(&mut self, group: usize) -> Node {
        self.references.push((self.at, group));
        Node::Backref { group, caseless: self.flags.caseless }
    }
}

/// Counts the capturing groups of a whole pattern and finds their names, without parsing it.
pub(super) fn survey(pattern: &[u8]) -> (usize, Vec<(Vec<u8>, usize)>) {
    let (mut count, mut names, mut at) = (0_usize, Vec::new(), 0_usize);
    while let Some(byte) = pattern.get(at) {
        let rest = &pattern[at..];
        let step = match byte {
            b'\\' if rest.starts_with(b"\\Q") => find(rest, b"\\E").unwrap_or(rest.len()),
            b'\\' => 2,
            b'[' => class_length(rest),
            b'(' if rest.starts_with(b"(?#") => find(rest, b")").unwrap_or(rest.len()),
            b'(' => {
                let name = name_of(rest);
                if name.is_some() || !matches!(rest.get(1), Some(b'?' | b'*')) {
                    count += 1;
                }
                names.extend(name.map(|name| (name.to_vec(), count)));
                1
            }
            _ => 1,
        };
        at += step.max(1);
    }
    (count, names)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn name_of(rest: &[u8]) -> Option<&[u8]> {
    let (opening, end) = match rest {
        [b'(', b'?', b'P', b'<', ..] => (4, b'>'),
        [b'(', b'?', b'<', b'=' | b'!', ..] => return None,
        [b'(', b'?', b'<', ..] => (3, b'>'),
        [b'(', b'?', b'\'', ..] => (3, b'\''),
        _ => return None,
    };
    rest.get(opening..)?.split(|byte| *byte == end).next()
}

/// Returns the length of the class that `rest` begins with, its brackets included.
fn class_length(rest: &[u8]) -> usize {
    let mut at = if rest.starts_with(b"[^") { 2_usize } else { 1 };
    if rest.get(at) == Some(&b']') {
        at += 1;
    }
    while let Some(byte) = rest.get(at) {
        let tail = &rest[at..];
        at += match byte {
            b']' => return at + 1,
            b'\\' if tail.starts_with(b"\\Q") => find(tail, b"\\E").unwrap_or(tail.len()).max(2),
            b'\\' => 2,
            b'[' => super::class::posix_length(tail).unwrap_or(1),
            _ => 1,
        };
    }
    rest.len()
}
