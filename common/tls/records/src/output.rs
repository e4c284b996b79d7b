//! Bytes for the other end, where rustls writes them.

/// Bytes for the other end, written in place: a vector would be cleared before it is written over.
#[derive(Debug)]
pub struct Output {
    bytes: Vec<u8>,
    used: usize,
}

impl Output {
    /// Makes one with room for `bytes`; it grows where that is not enough.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes], used: 0 }
    }

    /// Returns what has been written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Forgets what has been written.
    pub const fn clear(&mut self) {
        self.used = 0;
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.add(bytes.len());
    }

    /// Returns room for at least that number of bytes behind what has been written.
    pub(crate) fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() - self.used < bytes {
            self.bytes.resize(self.used + bytes, 0);
        }
        &mut self.bytes[self.used..]
    }

    /// Notes bytes that were written into the room.
    pub(crate) const fn add(&mut self, bytes: usize) {
        self.used += bytes;
    }
}
