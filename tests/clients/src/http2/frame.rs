//! Frames as bytes (RFC 9113, section 4.1), right or wrong: nothing here looks at what it makes.

/// What a client sends first (RFC 9113, section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes before a payload.
pub const HEADER_BYTES: usize = 9;

// Types of frames (RFC 9113, section 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

// Flags. ACK is the bit of END_STREAM, of other frames.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const WITH_PRIORITY: u8 = 0x20;
/// A request that is whole in one frame.
pub const WHOLE: u8 = END_STREAM | END_HEADERS;

// Settings (section 6.5.2).
pub const HEADER_TABLE_SIZE: u16 = 1;
pub const ENABLE_PUSH: u16 = 2;
pub const MAX_CONCURRENT_STREAMS: u16 = 3;
pub const INITIAL_WINDOW_SIZE: u16 = 4;
pub const MAX_FRAME_SIZE: u16 = 5;

/// Names of error codes (section 7), in their order.
const ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// Returns the name of an error code.
#[must_use]
pub fn error_name(code: u32) -> &'static str {
    usize::try_from(code).ok().and_then(|at| ERRORS.get(at).copied()).unwrap_or("UNKNOWN")
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// Takes the first frame out of bytes, where all of it is there.
    #[must_use]
    pub fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let head: [u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let payload = bytes.get(HEADER_BYTES..HEADER_BYTES + length)?.to_vec();
        bytes.drain(..HEADER_BYTES + length);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Some(Self { kind: head[3], flags: head[4], stream, payload })
    }

    /// Returns whether it has a flag.
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Returns a number of its payload; 0 where there is none.
    #[must_use]
    pub fn number(&self, at: usize) -> u32 {
        self.payload.get(at..at + 4).map_or(0, |four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
    }
}

/// Returns a frame.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    claiming(payload.len(), kind, flags, stream, payload)
}

/// Returns a frame that says another length than it has.
#[must_use]
pub fn claiming(length: usize, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = vec![length[1], length[2], length[3], kind, flags];
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// Returns a DATA frame.
#[must_use]
pub fn data(flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, payload)
}

/// Returns a SETTINGS frame.
#[must_use]
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let value = |(key, value): &(u16, u32)| [&key.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &values.iter().flat_map(value).collect::<Vec<u8>>())
}

/// Returns a PING frame.
#[must_use]
pub fn ping(flags: u8) -> Vec<u8> {
    frame(PING, flags, 0, b"12345678")
}

/// Returns a frame whose payload is one number: RST_STREAM with a code, WINDOW_UPDATE with an
/// increment.
#[must_use]
pub fn number(kind: u8, stream: u32, number: u32) -> Vec<u8> {
    frame(kind, 0, stream, &number.to_be_bytes())
}
