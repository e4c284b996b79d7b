//! Content-Encoding of requests: decodes gzip and deflate piece by piece, with a limit on what
//! comes out.
//!
//! Brotli and zstd are not decoded: a site that gets them responds with 415, which no browser
//! notices since none sends them.

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use std::fmt;
use std::io::{self, Write};

/// Decoded bytes per encoded byte, at most. JSON and XML of people stay below 30; deflate itself
/// could do 1032, which is what a bomb uses.
pub const RATIO_MAX: usize = 100;

/// Bytes that may come out whatever the ratio, so that the short beginnings of good bodies are not
/// judged.
pub const RATIO_FREE_BYTES: usize = 64 * 1024;

/// Bytes decoded at a time: small enough for the stack.
const BUFFER_BYTES: usize = 8 * 1024;

/// A content coding that can be decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 1950; bare RFC 1951 too, which some clients mean by `deflate`.
    Deflate,
}

/// The coding that a Content-Encoding header asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Requested {
    /// No coding: no header, an empty one, or `identity`.
    Identity,
    /// One coding that can be decoded.
    Decode(Encoding),
    /// Anything else, several codings included: respond with 415.
    Unsupported,
}

/// Reads a Content-Encoding header (RFC 9110 section 8.4).
pub fn requested(header: &[u8]) -> Requested {
    let name = header.trim_ascii();
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    if name.is_empty() || is(b"identity") {
        Requested::Identity
    } else if is(b"gzip") || is(b"x-gzip") {
        Requested::Decode(Encoding::Gzip)
    } else if is(b"deflate") {
        Requested::Decode(Encoding::Deflate)
    } else {
        Requested::Unsupported
    }
}

/// Limits of one body.
#[derive(Clone, Copy, Debug)]
pub struct InflateLimits {
    /// Bytes that come out in all, at most: the site's body limit.
    pub output_bytes_max: usize,
    /// Bytes out per byte in, at most.
    pub ratio_max: usize,
}

/// The reason a body was not decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InflateError {
    /// More comes out than the body limit: respond with 413.
    TooLong,
    /// More comes out than the ratio allows: respond with 413.
    TooDense,
    /// It is not what its Content-Encoding says, or it ends too early: respond with 400.
    Broken,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "decoded body is longer than the limit",
            Self::TooDense => "decoded body is denser than the ratio limit",
            Self::Broken => "body does not decode as its Content-Encoding says",
        })
    }
}

/// The bytes decoded and not yet taken, with the limits on them.
struct Bounded {
    pending: Vec<u8>,
    input_bytes: usize,
    output_bytes: usize,
    limits: InflateLimits,
    failed: Option<InflateError>,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.output_bytes += piece.len();
        // Saturates: a ratio that allows more than memory has is none.
        let ratio_bytes = self.input_bytes.saturating_mul(self.limits.ratio_max).max(RATIO_FREE_BYTES);
        if self.output_bytes > self.limits.output_bytes_max {
            self.failed = Some(InflateError::TooLong);
        } else if self.output_bytes > ratio_bytes {
            self.failed = Some(InflateError::TooDense);
        }
        if self.failed.is_some() {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.pending.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Decoder {
    /// Deflate whose first two bytes are still awaited.
    Undecided(Vec<u8>, Bounded),
    Gzip(MultiGzDecoder<Bounded>),
    Deflate(Deflate),
    /// After an error: it stays.
    Failed(InflateError),
}

/// Decodes one body, piece by piece.
pub struct Inflate {
    decoder: Decoder,
}

impl Inflate {
    /// Creates a decoder for a body in `encoding`.
    pub fn new(encoding: Encoding, limits: InflateLimits) -> Self {
        let bounded = Bounded { pending: Vec::new(), input_bytes: 0, output_bytes: 0, limits, failed: None };
        Self {
            decoder: match encoding {
                Encoding::Gzip => Decoder::Gzip(MultiGzDecoder::new(bounded)),
                Encoding::Deflate => Decoder::Undecided(Vec::new(), bounded),
            },
        }
    }

    /// Decodes `piece` and appends to `out`. An error is final.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), InflateError> {
        if let Decoder::Undecided(bytes, _) = &mut self.decoder {
            bytes.extend_from_slice(piece);
            let bytes = std::mem::take(bytes);
            return match bytes.get(..2) {
                Some([first, second]) => {
                    self.decide(*first, *second);
                    self.push(&bytes, out)
                }
                _ => {
                    self.give_back(bytes);
                    Ok(())
                }
            };
        }
        let result = match &mut self.decoder {
            Decoder::Undecided(..) => Ok(()),
            Decoder::Gzip(decoder) => push_gzip(decoder, piece, out),
            Decoder::Deflate(decoder) => decoder.push(piece, out),
            Decoder::Failed(error) => Err(*error),
        };
        self.keep(result)
    }

    /// Says that the body is complete, and appends what was still inside.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), InflateError> {
        match &mut self.decoder {
            // Fewer than two bytes came: nothing at all is an empty body, one byte is none.
            Decoder::Undecided(bytes, _) if bytes.is_empty() => Ok(()),
            Decoder::Undecided(..) => Err(InflateError::Broken),
            Decoder::Gzip(decoder) if decoder.get_ref().input_bytes == 0 => Ok(()),
            Decoder::Gzip(decoder) => {
                let ended = decoder.try_finish();
                drain(decoder.get_mut(), ended, out)
            }
            Decoder::Deflate(decoder) if decoder.ended => Ok(()),
            Decoder::Deflate(_) => Err(InflateError::Broken),
            Decoder::Failed(error) => Err(*error),
        }
    }

    fn keep(&mut self, result: Result<(), InflateError>) -> Result<(), InflateError> {
        if let Err(error) = result {
            self.decoder = Decoder::Failed(error);
        }
        result
    }

    fn give_back(&mut self, bytes: Vec<u8>) {
        if let Decoder::Undecided(kept, _) = &mut self.decoder {
            *kept = bytes;
        }
    }

    /// Chooses between zlib and bare deflate by the first two bytes (RFC 1950 section 2.2): a bare
    /// stream that looks like the header would have to begin with a stored block of a length no
    /// encoder writes.
    fn decide(&mut self, first: u8, second: u8) {
        let zlib = first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
        let failed = Decoder::Failed(InflateError::Broken);
        if let Decoder::Undecided(_, bounded) = std::mem::replace(&mut self.decoder, failed) {
            self.decoder = Decoder::Deflate(Deflate { inner: Decompress::new(zlib), bounded, ended: false });
        }
    }
}

/// Deflate, zlib or bare. Not flate2's writer, which takes a stream that stops in the middle for a
/// whole one.
struct Deflate {
    inner: Decompress,
    bounded: Bounded,
    ended: bool,
}

impl Deflate {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), InflateError> {
        self.bounded.input_bytes += piece.len();
        let written = self.write(piece);
        drain(&mut self.bounded, written, out)
    }

    fn write(&mut self, mut piece: &[u8]) -> io::Result<()> {
        let mut buffer = [0u8; BUFFER_BYTES];
        loop {
            if self.ended {
                return if piece.is_empty() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) };
            }
            let (taken_before, given_before) = (self.inner.total_in(), self.inner.total_out());
            let status = self.inner.decompress(piece, &mut buffer, FlushDecompress::None)?;
            let moved = |before: u64, now: u64| usize::try_from(now - before).map_err(io::Error::other);
            let taken = moved(taken_before, self.inner.total_in())?;
            let given = moved(given_before, self.inner.total_out())?;
            self.ended = status == Status::StreamEnd;
            self.bounded.write_all(&buffer[..given])?;
            piece = &piece[taken..];
            // A full buffer may mean that more waits inside.
            if !self.ended && given < BUFFER_BYTES && (piece.is_empty() || taken == 0) {
                return if piece.is_empty() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) };
            }
        }
    }
}

fn push_gzip(decoder: &mut MultiGzDecoder<Bounded>, piece: &[u8], out: &mut Vec<u8>) -> Result<(), InflateError> {
    let bounded = decoder.get_mut();
    bounded.input_bytes += piece.len();
    let written = decoder.write_all(piece).and_then(|()| decoder.flush());
    drain(decoder.get_mut(), written, out)
}

fn drain(bounded: &mut Bounded, result: io::Result<()>, out: &mut Vec<u8>) -> Result<(), InflateError> {
    out.append(&mut bounded.pending);
    match (bounded.failed, result) {
        (Some(error), _) => Err(error),
        (None, Err(_)) => Err(InflateError::Broken),
        (None, Ok(())) => Ok(()),
    }
}
