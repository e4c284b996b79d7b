//! Total functions on byte strings: out of range is empty, never a panic.

/// A set of bytes, asked in one load.
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    pub(crate) const fn of(members: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut next = 0;
        while next < members.len() {
            set[members[next] as usize] = true;
            next += 1;
        }
        ByteSet(set)
    }

    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// Counts the bytes at the start of `text` that are in the set.
    pub(crate) fn span(&self, text: &[u8]) -> usize {
        text.iter().position(|&byte| !self.has(byte)).unwrap_or(text.len())
    }

    /// Counts the bytes at the start of `text` that are not in the set.
    pub(crate) fn span_outside(&self, text: &[u8]) -> usize {
        text.iter().position(|&byte| self.has(byte)).unwrap_or(text.len())
    }
}

/// Returns `text` from `start` on; empty past the end.
pub(crate) fn from(text: &[u8], start: usize) -> &[u8] {
    text.get(start..).unwrap_or_default()
}

/// Returns the first `len` bytes of `text`, or all of it.
pub(crate) fn upto(text: &[u8], len: usize) -> &[u8] {
    text.get(..len).unwrap_or(text)
}

/// Finds the first `byte` at or after `start`.
pub(crate) fn find(text: &[u8], start: usize, byte: u8) -> Option<usize> {
    let offset = from(text, start).iter().position(|&candidate| candidate == byte)?;
    Some(start + offset)
}

/// Finds the first `pair` of bytes at or after `start`.
pub(crate) fn find_pair(text: &[u8], start: usize, pair: [u8; 2]) -> Option<usize> {
    let offset = from(text, start).windows(2).position(|window| window == pair)?;
    Some(start + offset)
}

/// Finds the first `needle`, which is not empty, in `text`.
pub(crate) fn find_all(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len().max(1)).position(|window| window == needle)
}
