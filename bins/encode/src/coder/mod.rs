//! The encoders, each behind the same three operations, and what they take of memory.
//!
//! Windows are bounded: a client's browser needs no more, and the memory of an encoder follows from
//! its window.

mod brotli;
mod gzip;
mod zstd;

use fosse_wire::encode::Coding;

/// The thing that an encoder is asked to do beside taking input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Nothing: what it holds may wait for more.
    Continue,
    /// Hand out all it holds, so that the client can decode everything up to here.
    Flush,
    /// End the body.
    Finish,
}

/// An encoder that failed, with its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoderError(pub(crate) &'static str);

impl std::fmt::Display for CoderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// An encoder of one body.
pub struct Coder(Library);

enum Library {
    Gzip(gzip::Gzip),
    Brotli(brotli::Brotli),
    Zstd(zstd::Zstd),
}

/// Returns the bytes of memory that an encoder is counted with: the most it was seen to take.
#[must_use]
pub const fn memory_bytes(coding: Coding, level: u8) -> usize {
    match coding {
        Coding::Gzip => gzip::MEMORY_BYTES,
        Coding::Brotli => brotli::memory_bytes(level),
        Coding::Zstd => zstd::MEMORY_BYTES,
    }
}

impl Coder {
    /// Makes an encoder.
    ///
    /// # Errors
    /// The library's.
    pub fn new(coding: Coding, level: u8) -> Result<Self, CoderError> {
        Ok(Self(match coding {
            Coding::Gzip => Library::Gzip(gzip::Gzip::new(level)),
            Coding::Brotli => Library::Brotli(brotli::Brotli::new(level)?),
            Coding::Zstd => Library::Zstd(zstd::Zstd::new(level)?),
        }))
    }

    /// Takes all of `input`, does what is asked for, and appends what comes out to `out`, by way of
    /// `scratch`.
    ///
    /// # Errors
    /// The library's; the body cannot go on.
    pub fn run(
        &mut self,
        input: &[u8],
        operation: Operation,
        scratch: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CoderError> {
        match &mut self.0 {
            Library::Gzip(gzip) => gzip.run(input, operation, scratch, out),
            Library::Brotli(brotli) => brotli.run(input, operation, scratch, out),
            Library::Zstd(zstd) => zstd.run(input, operation, scratch, out),
        }
    }

    /// Returns it as it was when it was new, where it can be made so and that costs less than
    /// making another one.
    #[must_use]
    pub fn into_spare(self) -> Option<Self> {
        match self.0 {
            Library::Gzip(gzip) => gzip.reset().map(|gzip| Self(Library::Gzip(gzip))),
            Library::Zstd(zstd) => zstd.reset().map(|zstd| Self(Library::Zstd(zstd))),
            Library::Brotli(_) => None,
        }
    }

    /// Returns whether it is an encoder of this coding and level.
    pub(crate) const fn is(&self, coding: Coding, level: u8) -> bool {
        match (&self.0, coding) {
            (Library::Gzip(gzip), Coding::Gzip) => gzip.level == level,
            (Library::Zstd(zstd), Coding::Zstd) => zstd.level == level,
            _ => false,
        }
    }
}

impl std::fmt::Debug for Coder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Library::Gzip(_) => "gzip",
            Library::Brotli(_) => "brotli",
            Library::Zstd(_) => "zstd",
        })
    }
}
