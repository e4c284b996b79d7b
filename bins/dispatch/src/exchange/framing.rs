//! The framing of responses: how the body that a head announces is read, and how far it has been.

use fosse_http1::{ChunkedDecoder, Piece, ResponseBody, ResponseHead};
use fosse_wire::request::BodyLength;

use super::failure::Failure;
use crate::upstream::{connection::At, records::Stop};

/// The next step for a connection after some of its bytes were used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// More bytes are needed.
    Read,
    /// parse must grant credit, or the lease, first.
    Hold,
    /// The response is complete.
    Done,
    /// The backend broke HTTP.
    Broken(Failure),
}

impl From<Stop> for Next {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Input => Self::Read,
            Stop::Room => Self::Hold,
            Stop::End => Self::Done,
        }
    }
}

/// Returns how the body of a response of HTTP/1.1 is read, and what parse is told of its length.
pub(crate) fn framing(head: &ResponseHead<'_>, lenient: bool) -> (At, BodyLength) {
    match head.body {
        ResponseBody::None => (At::Exact(0), head.announced.map_or(BodyLength::None, BodyLength::Exact)),
        ResponseBody::Exact(length) => (At::Exact(length), BodyLength::Exact(length)),
        ResponseBody::Chunked => (At::Chunked(Box::new(ChunkedDecoder::of_response(lenient))), BodyLength::Chunked),
        ResponseBody::UntilClose => (At::UntilClose, BodyLength::Chunked),
    }
}

/// Returns the number of `bytes` that are used now, the body's bytes among them, no more than
/// `credit`, and the next step, if that is known.
pub(crate) fn body_bytes<'a>(at: &mut At, credit: u64, bytes: &'a [u8]) -> (usize, &'a [u8], Option<Next>) {
    let allowed = usize::try_from(credit).unwrap_or(usize::MAX).min(bytes.len());
    let (now, _) = bytes.split_at(allowed);
    match at {
        At::Head | At::Tunnel => (0, &[], Some(Next::Hold)),
        At::Exact(0) => (0, &[], Some(Next::Done)),
        At::Exact(left) => {
            let now = &now[..usize::try_from(*left).unwrap_or(usize::MAX).min(allowed)];
            *left -= u64::try_from(now.len()).unwrap_or(u64::MAX);
            (now.len(), now, data_next(*left == 0, now.len(), bytes.len()))
        }
        At::UntilClose => (now.len(), now, data_next(false, now.len(), bytes.len())),
        At::Records(records) => match records.body(bytes, allowed) {
            Ok((taken, data, stop)) => (taken, data, stop.map(Next::from)),
            Err(why) => (0, &[], Some(Next::Broken(why))),
        },
        At::Chunked(decoder) => match decoder.next_within(bytes, allowed) {
            Ok((taken, Piece::Data(data))) => (taken, data, None),
            Ok((taken, Piece::More)) if taken < bytes.len() => (taken, &[], Some(Next::Hold)),
            Ok((taken, Piece::More)) => (taken, &[], Some(Next::Read)),
            Ok((taken, Piece::End)) => (taken, &[], Some(Next::Done)),
            Err(why) => (0, &[], Some(Next::Broken(why.into()))),
        },
    }
}

const fn data_next(done: bool, used: usize, had: usize) -> Option<Next> {
    if done {
        Some(Next::Done)
    } else if used < had {
        Some(Next::Hold)
    } else {
        Some(Next::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_http1::ChunkedDecoder;

    #[test]
    fn no_more_of_a_body_goes_on_than_parse_has_granted() {
        let mut at = At::Exact(10);
        assert_eq!(body_bytes(&mut at, 4, b"abcdef"), (4, &b"abcd"[..], Some(Next::Hold)));
        assert_eq!(body_bytes(&mut at, 0, b"ef"), (0, &b""[..], Some(Next::Hold)));
        assert_eq!(body_bytes(&mut at, 9, b"ef"), (2, &b"ef"[..], Some(Next::Read)));
        assert_eq!(body_bytes(&mut at, 9, b"ghij"), (4, &b"ghij"[..], Some(Next::Done)));
    }

    #[test]
    fn a_body_ends_where_its_framing_says_and_what_follows_is_not_used() {
        let mut at = At::Exact(2);
        assert_eq!(body_bytes(&mut at, 99, b"okHTTP/1.1 200"), (2, &b"ok"[..], Some(Next::Done)));
        let mut at = At::Chunked(Box::new(ChunkedDecoder::of_response(false)));
        let bytes = b"2\r\nok\r\n0\r\n\r\nHTTP";
        let (taken, data, next) = body_bytes(&mut at, 99, bytes);
        assert_eq!((data, next), (&b"ok"[..], None));
        let (more, data, next) = body_bytes(&mut at, 99, &bytes[taken..]);
        assert_eq!((data, next, taken + more), (&b""[..], Some(Next::Done), bytes.len() - 4));
    }

    #[test]
    fn a_chunk_that_is_none_breaks_the_response() {
        let mut at = At::Chunked(Box::new(ChunkedDecoder::of_response(false)));
        assert!(matches!(body_bytes(&mut at, 99, b"zz\r\n"), (0, b"", Some(Next::Broken(Failure::Malformed(_))))));
    }
}
