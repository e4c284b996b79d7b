//! The facts of a connection for people who look at those there are.

use fosse_counters::SHOWN_REQUEST_BYTES_MAX;

/// The age of a connection, the bytes of both directions, and its last request.
#[derive(Debug)]
pub struct Shown {
    /// The time since which it is here, in milliseconds.
    pub since_ms: u64,
    /// Bytes that came from its client.
    pub bytes_in: u64,
    /// Bytes that went to it.
    pub bytes_out: u64,
    /// The first bytes of method and path, without the query: it may hold secrets.
    bytes: [u8; SHOWN_REQUEST_BYTES_MAX],
    length: usize,
}

impl Shown {
    /// Returns the state before the first request.
    pub(crate) const fn begin(since_ms: u64) -> Self {
        Self { since_ms, bytes_in: 0, bytes_out: 0, bytes: [0; SHOWN_REQUEST_BYTES_MAX], length: 0 }
    }

    /// Notes a request.
    pub(crate) fn note(&mut self, method: &[u8], target: &[u8]) {
        self.length = 0;
        self.push(method);
        self.push(b" ");
        // A longer one is cut anyway.
        let target = &target[..target.len().min(SHOWN_REQUEST_BYTES_MAX)];
        self.push(target.split(|byte| *byte == b'?').next().unwrap_or_default());
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = &mut self.bytes[self.length..];
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.length += count;
    }

    /// Returns the request as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.length]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_as_far_as_there_is_room_and_never_its_query() {
        let mut shown = Shown::begin(0);
        for (target, text) in
            [("/a/b?secret", "GET /a/b".to_owned()), ("/x", "GET /x".to_owned()), ("/?", "GET /".to_owned())]
        {
            shown.note(b"GET", target.as_bytes());
            assert_eq!(shown.text(), text);
        }
        shown.note(b"GET", format!("/{}", "y".repeat(500)).as_bytes());
        assert_eq!(shown.text().len(), SHOWN_REQUEST_BYTES_MAX);
    }
}
