//! Escapes: `\` and what follows it.

use super::Parser;
use crate::CompileError;
use crate::ast::{Look, Node};
use crate::byteset::{self, ByteSet};

/// Returns the set of an escape that means the same inside and outside a class. None of them
/// changes with case.
pub(super) fn set(byte: u8) -> Option<ByteSet> {
    let set = match byte.to_ascii_lowercase() {
        b'd' => byteset::digits(),
        b'w' => byteset::word(),
        b's' => byteset::space(),
        b'h' => byteset::horizontal_space(),
        b'v' => byteset::vertical_space(),
        _ => return None,
    };
    Some(if byte.is_ascii_uppercase() { set.complement() } else { set })
}

impl Parser<'_> {
    /// Reads an escape outside a class, after its backslash.
    pub(super) fn escape(&mut self) -> Result<Option<Node>, CompileError> {
        let Some(byte) = self.next() else { return Err(self.error("\\ at the end of the pattern")) };
        if let Some(set) = set(byte) {
            return Ok(Some(Node::Bytes(set)));
        }
        Ok(Some(match byte {
            b'b' => Node::Look(Look::WordBoundary),
            b'B' => Node::Look(Look::NotWordBoundary),
            // A match is searched for once, from the start of the value: \G is \A.
            b'A' | b'G' => Node::Look(Look::Start),
            b'z' => Node::Look(Look::End),
            b'Z' => Node::Look(Look::EndOrLastNewline),
            b'N' => Node::Bytes(ByteSet::of(b"\n").complement()),
            b'C' => Node::Bytes(ByteSet::ALL),
            b'R' => newline_sequence(),
            b'K' => Node::Keep,
            b'Q' => {
                self.quoting = true;
                return Ok(None);
            }
            b'E' => return Ok(None),
            b'1'..=b'9' => self.number(byte)?,
            b'g' => self.group_reference()?,
            b'k' => self.named_reference()?,
            b'0' => {
                let byte = self.octal(b'0', 3)?;
                self.literal(byte)
            }
            b'X' | b'p' | b'P' | b'L' | b'l' | b'U' | b'u' => {
                return Err(self.error(format!("\\{} is not supported", char::from(byte))));
            }
            other => {
                let byte = self.byte_escape(other)?;
                self.literal(byte)
            }
        }))
    }

    /// Reads an escape for one byte. An unknown letter is itself, as in PCRE 8.
    pub(super) fn byte_escape(&mut self, byte: u8) -> Result<u8, CompileError> {
        Ok(match byte {
            b'a' => 7,
            b'e' => 27,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => self.hexadecimal()?,
            b'o' if self.eat(b"{") => {
                let digits = self.until(b'}', "\\o{ without its }")?;
                self.value(digits, 8)?
            }
            b'c' => {
                let control = self.next().filter(u8::is_ascii_graphic);
                control.ok_or_else(|| self.error("\\c needs a printable ASCII character"))?.to_ascii_uppercase() ^ 0x40
            }
            other => other,
        })
    }

    /// Reads `\xHH` with up to two digits (none is a zero byte) or `\x{HH}`: always the byte of
    /// that value.
    fn hexadecimal(&mut self) -> Result<u8, CompileError> {
        if self.eat(b"{") {
            let digits = self.until(b'}', "\\x{ without its }")?;
            return self.value(digits, 16);
        }
        let length = self.rest().iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
        let digits = &self.rest()[..length];
        self.skip(length);
        if digits.is_empty() { Ok(0) } else { self.value(digits, 16) }
    }

    fn value(&self, digits: &[u8], radix: u32) -> Result<u8, CompileError> {
        let text = std::str::from_utf8(digits).unwrap_or_default();
        u8::from_str_radix(text, radix).map_err(|_| self.error("not the number of a byte (0 to 255)"))
    }

    /// Reads up to `limit` octal digits, the first of which was consumed already.
    pub(super) fn octal(&mut self, first: u8, limit: usize) -> Result<u8, CompileError> {
        let more = self.rest().iter().take(limit - 1).take_while(|byte| matches!(byte, b'0'..=b'7'));
        let mut digits = vec![first];
        digits.extend(more);
        self.skip(digits.len() - 1);
        self.value(&digits, 8)
    }

    /// `\N`: a back-reference if N < 10 or the pattern has that many groups; else octal; else a
    /// digit.
    fn number(&mut self, first: u8) -> Result<Node, CompileError> {
        let start = self.at;
        let length = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut digits = vec![first];
        digits.extend(&self.rest()[..length]);
        let number = std::str::from_utf8(&digits).unwrap_or_default().parse::<usize>().unwrap_or(usize::MAX);
        if number < 10 || number <= self.groups_total {
            self.skip(length);
            return Ok(self.reference(number));
        }
        self.at = start;
        let byte = if first < b'8' { self.octal(first, 3)? } else { first };
        Ok(self.literal(byte))
    }

    /// `\gN`, `\g{N}`, `\g{-N}`, `\g{name}`.
    fn group_reference(&mut self) -> Result<Node, CompileError> {
        let text = if self.eat(b"{") {
            self.until(b'}', "\\g{ without its }")?
        } else {
            let sign = usize::from(self.rest().starts_with(b"-"));
            let digits = self.rest().iter().skip(sign).take_while(|byte| byte.is_ascii_digit()).count();
            let text = &self.rest()[..digits + sign];
            self.skip(text.len());
            text
        };
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        match number.map(|number| (number > 0, usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX))) {
            Some((true, group)) => Ok(self.reference(group)),
            Some((false, back @ 1..)) if back <= self.groups => Ok(self.reference(self.groups - back + 1)),
            Some(_) => Err(self.error("reference to a group that does not exist")),
            None => self.reference_by_name(text),
        }
    }

    /// `\k<name>`, `\k'name'`, `\k{name}`.
    fn named_reference(&mut self) -> Result<Node, CompileError> {
        let end = match self.next() {
            Some(b'<') => b'>',
            Some(b'{') => b'}',
            Some(b'\'') => b'\'',
            _ => return Err(self.error("\\k needs a group name")),
        };
        let name = self.until(end, "group name without its end")?;
        self.reference_by_name(name)
    }
}

/// `\R`: a CRLF is never divided.
fn newline_sequence() -> Node {
    let crlf = Node::concat(vec![Node::byte(b'\r'), Node::byte(b'\n')]);
    Node::Atomic(Box::new(Node::Alternate(vec![crlf, Node::Bytes(byteset::vertical_space())])))
}
