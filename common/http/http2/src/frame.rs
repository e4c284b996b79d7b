//! Frames (RFC 9113, section 4).

use crate::error::{Broken, Code};
use crate::limits::FRAME_BYTES_MAX;

/// Bytes of a frame before its payload.
pub(crate) const HEADER_BYTES: usize = 9;
/// Bytes of a client before its first frame (section 3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (section 6; RFC 9218, section 7.1).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
    pub(crate) const PRIORITY_UPDATE: u8 = 16;
}

/// Flags; END_STREAM and ACK are one bit, of different types.
pub(crate) mod flag {
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// The first nine bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Header {
    #[inline]
    pub(crate) fn read(bytes: &[u8; HEADER_BYTES]) -> Self {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = *bytes;
        Self {
            length: usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
            kind,
            flags,
            stream: u31([s0, s1, s2, s3]),
        }
    }

    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Checks the length of a frame, before the frame is there.
pub(crate) fn check_length(header: Header) -> Result<(), Broken> {
    if header.length > FRAME_BYTES_MAX { Err(Broken::size("a frame is too long")) } else { Ok(()) }
}

/// Splits off a frame that is there as a whole.
#[inline]
pub(crate) fn whole_frame(bytes: &[u8]) -> Result<Option<(Header, &[u8])>, Broken> {
    let Some((first, rest)) = bytes.split_first_chunk() else { return Ok(None) };
    let header = Header::read(first);
    check_length(header)?;
    Ok(rest.get(..header.length).map(|payload| (header, payload)))
}

/// Returns the part of a header block in HEADERS, without padding and the priority of old.
pub(crate) fn unpadded(header: Header, payload: &[u8]) -> Result<&[u8], Broken> {
    let mut part = payload;
    let mut padding = 0;
    if header.has(flag::PADDED) {
        let Some((first, rest)) = part.split_first() else {
            return Err(Broken::size("HEADERS is too short for its padding"));
        };
        (padding, part) = (usize::from(*first), rest);
    }
    if header.has(flag::PRIORITY) {
        part = part.get(5..).ok_or(Broken::size("HEADERS is too short for its priority"))?;
    }
    let length = part.len().checked_sub(padding).ok_or(Broken::protocol("HEADERS is padded beyond its length"))?;
    Ok(&part[..length])
}

/// Reads 31 bits; the highest is reserved, and ignored.
pub(crate) const fn u31(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes) & 0x7fff_ffff
}

/// Appends the header of a frame whose payload has that length.
#[inline]
pub(crate) fn put_header(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let [_, a, b, c] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind, flags, s0, s1, s2, s3]);
}

/// Appends a frame.
pub(crate) fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    put_header(out, payload.len(), kind, flags, stream);
    out.extend_from_slice(payload);
}

/// Appends RST_STREAM.
pub(crate) fn put_reset(out: &mut Vec<u8>, stream: u32, code: Code) {
    put(out, kind::RST_STREAM, 0, stream, &(code as u32).to_be_bytes());
}

/// Appends WINDOW_UPDATE.
pub(crate) fn put_window(out: &mut Vec<u8>, stream: u32, bytes: u32) {
    put(out, kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
}

/// Splits a header block that was written at `at` into frames of at most `frame_bytes`, the first
/// of which is HEADERS. Its header is there already, with a length of nothing.
pub(crate) fn finish_block(out: &mut Vec<u8>, at: usize, flags: u8, stream: u32, frame_bytes: usize) {
    let block = out.len() - at - HEADER_BYTES;
    if block <= frame_bytes {
        patch(out, at, block, flags | flag::END_HEADERS);
        return;
    }
    let rest = out.split_off(at + HEADER_BYTES + frame_bytes);
    patch(out, at, frame_bytes, flags);
    let mut parts = rest.chunks(frame_bytes).peekable();
    while let Some(part) = parts.next() {
        let flags = if parts.peek().is_none() { flag::END_HEADERS } else { 0 };
        put(out, kind::CONTINUATION, flags, stream, part);
    }
}

fn patch(out: &mut [u8], at: usize, length: usize, flags: u8) {
    let [_, bytes @ ..] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out[at..at + 3].copy_from_slice(&bytes);
    out[at + 4] = flags;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let mut out = Vec::new();
        put_header(&mut out, 0x01_02_03, 9, 0x25, 0x7fff_fffe);
        let header = Header::read(out.first_chunk().unwrap());
        assert_eq!(header, Header { length: 0x01_02_03, kind: 9, flags: 0x25, stream: 0x7fff_fffe });
    }

    #[test]
    fn a_long_block_becomes_frames_that_fit() {
        for length in [0, 1, 9, 10, 11, 20, 21, 95] {
            let mut out = b"before".to_vec();
            let at = out.len();
            put_header(&mut out, 0, kind::HEADERS, 0, 5);
            out.extend((0..length).map(|byte: u8| byte));
            finish_block(&mut out, at, flag::END_STREAM, 5, 10);
            let (mut rest, mut block, mut kinds) = (&out[at..], Vec::new(), Vec::new());
            while let Some(first) = rest.first_chunk() {
                let header = Header::read(first);
                assert!(header.length <= 10 && header.stream == 5);
                block.extend_from_slice(&rest[9..9 + header.length]);
                rest = &rest[9 + header.length..];
                assert_eq!(header.has(flag::END_HEADERS), rest.is_empty());
                assert_eq!(header.kind == kind::HEADERS, kinds.is_empty());
                assert_eq!(header.has(flag::END_STREAM), kinds.is_empty());
                kinds.push(header.kind);
            }
            assert_eq!(block, (0..length).collect::<Vec<u8>>());
        }
    }
}
