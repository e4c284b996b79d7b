//! Limits of heads and bodies, each with its reason.

/// Longest method: the longest registered one (UPDATEREDIRECTREF) has 17 bytes; longer ones are
/// 501.
pub const METHOD_BYTES_MAX: usize = 32;

/// Longest request target: RFC 9112 asks for 8000 bytes at least; browsers and backends agree on
/// about 8 KiB.
pub const TARGET_BYTES_MAX: usize = 8192;

/// Longest single field line without its CR LF: Kerberos tokens of users with many groups reach 48
/// KiB and more.
pub const FIELD_BYTES_MAX: usize = HEAD_BYTES_MAX;

/// Most field lines of one head: browsers send 12 to 25, applications that set many cookies more
/// than 100. A frame has room for 256.
pub const FIELDS_COUNT_MAX: usize = 250;

/// Longest head with its empty line: also the most a slow sender can make us hold, where the
/// configuration lets it.
pub const HEAD_BYTES_MAX: usize = 65536;

/// Longest chunk extension of one chunk: no known client sends any, and RFC 9112, section 7.1.1,
/// asks to ignore them and to limit them.
pub(crate) const CHUNK_EXTENSION_BYTES_MAX: usize = 256;

/// Chunk extension bytes of one message that no body byte pays for; beyond it extensions may not
/// outweigh the body.
pub(crate) const CHUNK_EXTENSION_FREE_BYTES_MAX: u64 = 16384;

/// Most hexadecimal digits of a chunk size: 15 reach 2^60, so sums of sizes cannot overflow 64
/// bits.
pub(crate) const CHUNK_SIZE_DIGITS_MAX: u8 = 15;

/// Longest trailer section: gRPC's and checksums' trailers are some hundred bytes.
pub(crate) const TRAILER_BYTES_MAX: usize = 8192;

/// Most trailer field lines.
pub(crate) const TRAILERS_COUNT_MAX: usize = 32;

/// Limits of a head that a configuration may set, never higher than the constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// At most `TARGET_BYTES_MAX`.
    pub target_bytes: usize,
    /// At most `FIELD_BYTES_MAX`.
    pub field_bytes: usize,
    /// At most `FIELDS_COUNT_MAX`.
    pub fields: usize,
    /// At most `HEAD_BYTES_MAX`.
    pub head_bytes: usize,
}

impl HeadLimits {
    /// Those of a head where nothing else is configured.
    pub const DEFAULT: Self =
        Self { target_bytes: TARGET_BYTES_MAX, field_bytes: 16384, fields: 128, head_bytes: 32768 };
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const _: () = assert!(METHOD_BYTES_MAX + TARGET_BYTES_MAX < HEAD_BYTES_MAX);
const _: () =
    assert!(HeadLimits::DEFAULT.head_bytes <= HEAD_BYTES_MAX && HeadLimits::DEFAULT.fields <= FIELDS_COUNT_MAX);
const _: () = assert!(CHUNK_SIZE_DIGITS_MAX < 16);
