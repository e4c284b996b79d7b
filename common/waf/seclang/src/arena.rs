//! The bytes of a transaction: one growing buffer, addressed by spans, beside the rule set's
//! constants.

/// Bytes in an arena or among the constants: offset and length.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

/// The bit of `start` that says the bytes are constants of the rule set. So either side holds 2 GiB
/// at most; body limits keep a transaction far below.
const CONSTANT: u32 = 1 << 31;

impl Span {
    pub(crate) const EMPTY: Span = Span { start: 0, len: 0 };
    /// No bytes at all: the value of a cache before it is filled. Never read.
    pub(crate) const UNSET: Span = Span { start: u32::MAX, len: u32::MAX };

    pub(crate) fn len(self) -> usize {
        widen(self.len)
    }

    pub(crate) fn is_unset(self) -> bool {
        self == Self::UNSET
    }

    /// Returns the bytes of a span of the constants.
    pub(crate) fn constant(self, constants: &[u8]) -> &[u8] {
        let start = widen(self.start & !CONSTANT);
        &constants[start..start + self.len()]
    }

    /// Returns the part of this span from `from` (inclusive) to `to` (exclusive), cut at its end.
    pub(crate) fn part(self, from: usize, to: usize) -> Span {
        let from = narrow(from).min(self.len);
        let to = narrow(to).clamp(from, self.len);
        Span { start: self.start + from, len: to - from }
    }
}

/// Converts a `u32` to an index.
pub(crate) fn widen(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Converts an index to a `u32`, at most its largest value.
pub(crate) fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Constants of a rule set: every text once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constants {
    bytes: Vec<u8>,
    known: std::collections::HashMap<Box<[u8]>, Span>,
}

impl Constants {
    pub(crate) fn intern(&mut self, text: &[u8]) -> Span {
        if let Some(span) = self.known.get(text) {
            return *span;
        }
        let span = Span { start: narrow(self.bytes.len()) | CONSTANT, len: narrow(text.len()) };
        self.bytes.extend_from_slice(text);
        self.known.insert(text.into(), span);
        span
    }

    pub(crate) fn get(&self, span: Span) -> &[u8] {
        span.constant(&self.bytes)
    }

    /// Returns the bytes alone, once nothing more is added.
    pub(crate) fn into_bytes(self) -> Box<[u8]> {
        self.bytes.into_boxed_slice()
    }
}

/// The bytes of one transaction, reused by the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes {
    bytes: Vec<u8>,
}

impl Bytes {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push(&mut self, text: &[u8]) -> Span {
        let start = narrow(self.bytes.len());
        if start >= CONSTANT {
            return Span::EMPTY;
        }
        self.bytes.extend_from_slice(text);
        Span { start, len: narrow(text.len()) }
    }

    /// Returns the span of what was written after `start` (a former [`len`](Self::len)).
    pub(crate) fn since(&self, start: usize) -> Span {
        // As in `push`: past 2 GiB an offset would be taken for a constant's.
        let (start, len) = (narrow(start), narrow(self.bytes.len() - start));
        if start >= CONSTANT { Span::EMPTY } else { Span { start, len } }
    }

    /// Returns the buffer, to write at its end.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Returns the bytes of a span; `constants` are the rule set's.
    pub(crate) fn get<'a>(&'a self, constants: &'a [u8], span: Span) -> &'a [u8] {
        let (from, start) = if span.start & CONSTANT != 0 {
            (constants, span.start & !CONSTANT)
        } else {
            (self.bytes.as_slice(), span.start)
        };
        let start = widen(start);
        &from[start..start + span.len()]
    }
}
