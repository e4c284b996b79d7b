//! normalizePath and normalizePathWin.

use crate::edit::{at, unless_same};
use crate::outcome::Outcome;
use memchr::{memchr, memchr_iter};

/// Resolves `//`, `/./` and `/../`. A relative path keeps the `..` that lead out of it; an absolute
/// one ends at the root. A slash at the end stays if there was one, and only then.
///
/// It judges byte by byte as ModSecurity does, since what that makes of unusual segments (`a..`,
/// `...`) is visible to rules: a segment that ends in two dots goes like a `..` whose parent it is
/// itself.
pub(crate) fn normalize(input: &[u8], out: &mut Vec<u8>, windows: bool) -> Outcome {
    if input.is_empty() || (!windows || memchr(b'\\', input).is_none()) && is_plain(input) {
        return Outcome::Same;
    }
    let base = out.len();
    Walk::new(input, out, windows).run();
    unless_same(input, out, base)
}

/// Returns whether nothing can change: no empty segment, and no segment that ends in a dot.
fn is_plain(input: &[u8]) -> bool {
    input.last() != Some(&b'.')
        && memchr_iter(b'/', input)
            .all(|slash| !matches!(slash.checked_sub(1).and_then(|before| at(input, before)), Some(b'/' | b'.')))
}

struct Walk<'i, 'o> {
    input: &'i [u8],
    out: &'o mut Vec<u8>,
    base: usize,
    windows: bool,
    relative: bool,
    /// A relative path has come to its own beginning: later `..` are kept.
    hit_root: bool,
    /// The next byte to read.
    pos: usize,
}

impl<'i, 'o> Walk<'i, 'o> {
    fn new(input: &'i [u8], out: &'o mut Vec<u8>, windows: bool) -> Self {
        out.reserve(input.len());
        let base = out.len();
        let mut walk = Self { input, out, base, windows, relative: false, hit_root: false, pos: 0 };
        walk.relative = walk.byte(0) != Some(b'/');
        walk
    }

    fn byte(&self, at: usize) -> Option<u8> {
        match self.input.get(at) {
            Some(b'\\') if self.windows => Some(b'/'),
            byte => byte.copied(),
        }
    }

    /// Returns the length of the normal form so far.
    fn made(&self) -> usize {
        self.out.len() - self.base
    }

    fn made_ends_with(&self, byte: u8) -> bool {
        self.made() > 0 && self.out.last() == Some(&byte)
    }

    fn run(mut self) {
        let end = self.input.len() - 1;
        let trailing = self.byte(end) == Some(b'/');
        while self.pos <= end {
            let last = self.pos == end;
            if (last || self.byte(self.pos + 1) == Some(b'/')) && self.end_of_segment(last) {
                if last {
                    break;
                }
                self.pos += 1;
            }
            self.copy(end);
        }
        if !trailing && self.made_ends_with(b'/') {
            self.out.pop();
        }
    }

    /// Judges the segment whose last byte is at `pos`; returns whether that byte is swallowed.
    fn end_of_segment(&mut self, last: bool) -> bool {
        match self.byte(self.pos) {
            Some(b'.') => self.dot(last),
            // An empty segment; `copy` takes it.
            Some(b'/') if !last => false,
            _ => {
                if self.made() > 0 {
                    self.hit_root = false;
                }
                false
            }
        }
    }

    fn dot(&mut self, last: bool) -> bool {
        if self.made_ends_with(b'.') {
            return self.back(last);
        }
        if self.made() == 0 {
            return true;
        }
        if self.made_ends_with(b'/') {
            if !last {
                self.out.pop();
            }
            return true;
        }
        false
    }

    fn back(&mut self, last: bool) -> bool {
        if self.relative && (self.hit_root || self.made() <= 2) {
            self.hit_root = true;
            return false;
        }
        // Off with the dot, and with all back to the slash before it. Of an absolute `/..` only two
        // bytes were made: that is the root.
        let mut keep = self.made().saturating_sub(3);
        while keep > 0 && self.out.get(self.base + keep) != Some(&b'/') {
            keep -= 1;
        }
        self.out.truncate(self.base + keep);
        if keep == 0 {
            self.hit_root = true;
            if !self.relative && last {
                self.out.push(b'/');
            }
        }
        true
    }

    /// Copies the byte at `pos`; of several slashes the last alone, and none to the front of a
    /// relative path.
    fn copy(&mut self, end: usize) {
        if self.byte(self.pos) == Some(b'/') {
            while self.pos < end && self.byte(self.pos + 1) == Some(b'/') {
                self.pos += 1;
            }
            if self.relative && self.made() == 0 {
                self.pos += 1;
                return;
            }
        }
        self.out.extend(self.byte(self.pos));
        self.pos += 1;
    }
}
