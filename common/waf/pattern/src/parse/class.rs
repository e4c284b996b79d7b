//! Classes: `[...]`.

use super::Parser;
use crate::CompileError;
use crate::byteset::{self, ByteSet};

/// One member of a class: a byte that may begin or end a range, or a set that may not.
enum Member {
    Byte(u8),
    Set(ByteSet),
    /// `\E` with nothing open, and the end of a quoted part.
    Nothing,
}

impl Parser<'_> {
    /// Reads a class after its opening bracket. A `]` that comes first is an ordinary byte.
    pub(super) fn class(&mut self) -> Result<ByteSet, CompileError> {
        let start = self.at - 1;
        let negate = self.eat(b"^");
        let (mut set, mut first, mut quoting) = (ByteSet::EMPTY, true, false);
        loop {
            if self.peek().is_none() {
                return Err(CompileError::new(start, "[ without its ]"));
            }
            if !first && !quoting && self.eat(b"]") {
                break;
            }
            first = false;
            match self.member(&mut quoting)? {
                Member::Nothing => {}
                Member::Set(members) => set = set.union(members),
                Member::Byte(from) => set = set.union(self.range(from, &mut quoting)?),
            }
        }
        let set = if self.flags.caseless { set.fold_case() } else { set };
        Ok(if negate { set.complement() } else { set })
    }

    /// Reads the rest of `from` or `from-to`. A hyphen before `]` or before a set is an ordinary
    /// byte.
    fn range(&mut self, from: u8, quoting: &mut bool) -> Result<ByteSet, CompileError> {
        let plain = ByteSet::of(&[from]);
        if *quoting || self.peek() != Some(b'-') || matches!(self.rest().get(1), None | Some(b']')) {
            return Ok(plain);
        }
        let hyphen = self.at;
        self.skip(1);
        match self.member(quoting)? {
            Member::Byte(to) if to < from => Err(CompileError::new(hyphen, "range out of order in a class")),
            Member::Byte(to) => Ok(ByteSet::range(from, to)),
            Member::Set(members) => Ok(plain.union(members).union(ByteSet::of(b"-"))),
            Member::Nothing => Ok(plain.union(ByteSet::of(b"-"))),
        }
    }

    fn member(&mut self, quoting: &mut bool) -> Result<Member, CompileError> {
        if *quoting {
            if self.eat(b"\\E") {
                *quoting = false;
                return Ok(Member::Nothing);
            }
            return self.next().map(Member::Byte).ok_or_else(|| self.error("[ without its ]"));
        }
        if let Some(length) = posix_length(self.rest()) {
            return self.posix(length).map(Member::Set);
        }
        match self.next() {
            Some(b'\\') => self.class_escape(quoting),
            Some(byte) => Ok(Member::Byte(byte)),
            None => Err(self.error("[ without its ]")),
        }
    }

    fn posix(&mut self, length: usize) -> Result<ByteSet, CompileError> {
        let whole = &self.rest()[..length];
        let name = &whole[2..length - 2];
        let (name, negate) = name.strip_prefix(b"^").map_or((name, false), |name| (name, true));
        let set =
            byteset::posix(name).ok_or_else(|| self.error(format!("unknown class name {}", whole.escape_ascii())))?;
        self.skip(length);
        Ok(if negate { set.complement() } else { set })
    }

    fn class_escape(&mut self, quoting: &mut bool) -> Result<Member, CompileError> {
        let Some(byte) = self.next() else { return Err(self.error("\\ at the end of the pattern")) };
        if let Some(set) = super::escape::set(byte) {
            return Ok(Member::Set(set));
        }
        Ok(Member::Byte(match byte {
            b'b' => 8,
            b'Q' => {
                *quoting = true;
                return Ok(Member::Nothing);
            }
            b'E' => return Ok(Member::Nothing),
            b'0'..=b'7' => self.octal(byte, 3)?,
            other => return self.byte_escape(other).map(Member::Byte),
        }))
    }
}

/// Returns the length of the `[:name:]` that the text begins with.
pub(super) fn posix_length(text: &[u8]) -> Option<usize> {
    let inner = text.strip_prefix(b"[:")?;
    let length = inner.iter().position(|byte| !(byte.is_ascii_alphabetic() || *byte == b'^'))?;
    inner.get(length..)?.starts_with(b":]").then(|| length + 4)
}
