//! Exact reading of little-endian layouts: every getter can fail, and [`Cursor::end`] refuses what
//! is left.

use crate::WireError;

/// A position in a body that only moves forward.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte of `body`.
    #[must_use]
    pub const fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`WireError::Short`] where fewer are left.
    #[inline]
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(WireError::Short)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`WireError::Short`] where fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    /// One byte. # Errors as [`Cursor::bytes`].
    #[inline]
    pub fn u8(&mut self) -> Result<u8, WireError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Two bytes. # Errors as [`Cursor::bytes`].
    #[inline]
    pub fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes. # Errors as [`Cursor::bytes`].
    #[inline]
    pub fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes. # Errors as [`Cursor::bytes`].
    #[inline]
    pub fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A length as u16, then that many bytes. # Errors as [`Cursor::bytes`].
    #[inline]
    pub fn short_bytes(&mut self) -> Result<&'a [u8], WireError> {
        let len = self.u16()?;
        self.bytes(usize::from(len))
    }

    /// A length as u32, then that many bytes. # Errors as [`Cursor::bytes`].
    #[inline]
    pub fn long_bytes(&mut self) -> Result<&'a [u8], WireError> {
        let len = self.u32()?;
        self.bytes(usize::try_from(len).map_err(|_| WireError::Short)?)
    }

    /// Returns the bytes that have not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Ends the layout.
    ///
    /// # Errors
    /// [`WireError::Long`] where bytes are left.
    #[inline]
    pub const fn end(&self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Long) }
    }
}

/// The fixed part of a layout in the making. The offsets of its parts are known when the program is
/// built, and it is appended in one piece.
#[derive(Debug)]
pub(crate) struct Fixed<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Fixed<N> {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], used: 0 }
    }

    /// Appends the next bytes of the layout.
    #[inline(always)]
    pub(crate) fn put<const M: usize>(&mut self, part: [u8; M]) -> &mut Self {
        self.bytes[self.used..self.used + M].copy_from_slice(&part);
        self.used += M;
        self
    }

    /// Returns the whole layout.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> [u8; N] {
        debug_assert_eq!(self.used, N, "the parts are the layout");
        self.bytes
    }
}

/// Appends a u16 length and the bytes.
///
/// # Errors
/// [`WireError::Field`] with `name` where `bytes` is longer than a u16 can say.
#[inline]
pub fn put_short(out: &mut Vec<u8>, bytes: &[u8], name: &'static str) -> Result<(), WireError> {
    let len = u16::try_from(bytes.len()).map_err(|_| WireError::Field(name))?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Appends a u32 length and the bytes.
///
/// # Errors
/// [`WireError::Field`] with `name` where `bytes` is longer than a u32 can say.
#[inline]
pub fn put_long(out: &mut Vec<u8>, bytes: &[u8], name: &'static str) -> Result<(), WireError> {
    let len = u32::try_from(bytes.len()).map_err(|_| WireError::Field(name))?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}
