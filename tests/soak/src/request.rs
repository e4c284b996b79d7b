//! What the load generator asks for and the backend responds to: the request line says it all, so
//! that neither needs to remember.
//!
//! Target: `/SHAPE/SIZE/ID`, or `/take/SIZE/ID` with a body of SIZE bytes.

use crate::random::Random;

/// How the backend responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Content-Length.
    Exact,
    /// Chunks.
    Chunked,
    /// The end of the connection.
    Close,
    /// Content-Length, with a pause in the middle.
    Slow,
    /// 204.
    Empty,
    /// 304 with a length.
    Unchanged,
    /// Content-Length; the request has a body, which the backend checks.
    Take,
    /// Content-Length, and the connection ends half way.
    Short,
    /// Chunks, and the connection ends before the last.
    ShortChunks,
    /// Bytes that are no response.
    Garbage,
    /// The connection ends without a response.
    Gone,
    /// A head of every kind that must not be passed on: framing twice.
    Twice,
}

impl Shape {
    const NAMES: [(Self, &'static str); 12] = [
        (Self::Exact, "exact"),
        (Self::Chunked, "chunked"),
        (Self::Close, "close"),
        (Self::Slow, "slow"),
        (Self::Empty, "empty"),
        (Self::Unchanged, "unchanged"),
        (Self::Take, "take"),
        (Self::Short, "short"),
        (Self::ShortChunks, "shortchunks"),
        (Self::Garbage, "garbage"),
        (Self::Gone, "gone"),
        (Self::Twice, "twice"),
    ];

    /// Shapes of a backend that is broken.
    pub const BROKEN: [Self; 5] = [Self::Short, Self::ShortChunks, Self::Garbage, Self::Gone, Self::Twice];

    /// No client must ever get a whole response of this shape.
    #[must_use]
    pub fn is_broken(self) -> bool {
        Self::BROKEN.contains(&self)
    }

    /// As in a target.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(shape, _)| *shape == self).map_or("", |(_, name)| name)
    }

    /// From a target.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| *n == name).map(|(shape, _)| *shape)
    }

    /// The status of the response.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Empty => 204,
            Self::Unchanged => 304,
            _ => 200,
        }
    }
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number; no other request of a run has it.
    pub id: u64,
    /// What response it is to get.
    pub shape: Shape,
    /// Bytes of the response's body, or of the request's for [`Shape::Take`].
    pub size: u64,
    /// HEAD instead of GET.
    pub head: bool,
    /// HTTP/1.0.
    pub old: bool,
    /// The body of a [`Shape::Take`] goes out in chunks.
    pub chunked: bool,
}

/// Sizes around every limit on the way: nothing, a line, windows of 16 and 48 KiB, leases from 24
/// KiB on.
const SIZES: [u64; 12] = [0, 1, 31, 900, 1024, 16_383, 16_385, 24_575, 24_576, 24_577, 70_000, 300_000];

impl Request {
    /// A small GET.
    #[must_use]
    pub const fn small(id: u64) -> Self {
        Self { id, shape: Shape::Exact, size: 1024, head: false, old: false, chunked: false }
    }

    /// Any request.
    pub fn any(id: u64, random: &mut Random) -> Self {
        use Shape::{Chunked, Close, Empty, Exact, Slow, Take, Unchanged};
        let shapes =
            [Exact, Exact, Exact, Exact, Exact, Exact, Chunked, Chunked, Close, Slow, Empty, Unchanged, Take, Take];
        let shape = *random.pick(&shapes);
        let size = if random.percent(70) { random.below(3000) } else { *random.pick(&SIZES) };
        let plain = !matches!(shape, Take);
        Self { id, shape, size, head: plain && random.percent(7), old: false, chunked: random.percent(50) }
    }

    /// Any request to a backend that is broken half of the time.
    pub fn rude(id: u64, random: &mut Random) -> Self {
        let any = Self::any(id, random);
        if random.percent(50) {
            return any;
        }
        Self { shape: *random.pick(&Shape::BROKEN), size: any.size.max(2), head: false, old: random.percent(20), ..any }
    }

    /// The site it goes to: `soak.test`, whose bodies are buffered and inspected, or `plain.test`,
    /// whose bodies stream through.
    #[must_use]
    pub const fn host(&self) -> &'static str {
        if self.id.is_multiple_of(2) { "soak.test" } else { "plain.test" }
    }

    /// The bytes on the wire, body included.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let Self { id, size, .. } = *self;
        let method = match (self.head, self.shape) {
            (true, _) => "HEAD",
            (_, Shape::Take) => "POST",
            _ => "GET",
        };
        let version = if self.old { "1.0" } else { "1.1" };
        let target = format!("/{}/{size}/{id:016x}", self.shape.name());
        let host = self.host();
        let mut out = format!("{method} {target} HTTP/{version}\r\nHost: {host}\r\nX-Id: {id:016x}\r\n").into_bytes();
        match (self.shape, self.chunked) {
            (Shape::Take, false) => {
                out.extend_from_slice(format!("Content-Length: {size}\r\n\r\n").as_bytes());
                out.extend_from_slice(&crate::pattern::body(id, size));
            }
            (Shape::Take, true) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for piece in crate::pattern::body(id, size).chunks(1 + (id % 5000) as usize) {
                    out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                    out.extend_from_slice(piece);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
            _ => out.extend_from_slice(b"\r\n"),
        }
        out
    }

    /// From a request line's target.
    #[must_use]
    pub fn of_target(target: &str) -> Option<Self> {
        let mut parts = target.strip_prefix('/')?.split('/');
        let shape = Shape::of_name(parts.next()?)?;
        let size = parts.next()?.parse().ok()?;
        let id = u64::from_str_radix(parts.next()?, 16).ok()?;
        parts.next().is_none().then_some(Self { id, shape, size, head: false, old: false, chunked: false })
    }
}
