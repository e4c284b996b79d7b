//! Responses of FastCGI servers: records on their way to a head and a body.

use fosse_die::{Escaped, warning};
use fosse_fastcgi::{Decoder, Ended, Piece};
use fosse_http1::{ResponseBody, find_response_end};
use fosse_settings::Backend;

use crate::{PROGRAM, exchange::failure::Failure, limits::ERROR_TEXT_BYTES_MAX};

/// The part of a response that the next byte of output belongs to.
#[derive(Debug)]
enum Part {
    /// The head, of which that much has come.
    Head(Vec<u8>),
    /// A body of that many more bytes. Output beyond them is dropped, as nginx does.
    Exact(u64),
    /// A body that ends with the request.
    UntilEnd,
}

/// The reason why a body goes no further now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// All bytes are used.
    Input,
    /// Bytes of the body wait for room.
    Room,
    /// It has ended.
    End,
}

/// A response that comes in records.
#[derive(Debug)]
pub(crate) struct Records {
    decoder: Decoder,
    part: Part,
    /// Text for the log that has come and is not logged yet.
    errors: Vec<u8>,
    /// Bytes of such text that may still be logged.
    errors_left: usize,
}

impl Default for Records {
    fn default() -> Self {
        let (decoder, part) = (Decoder::new(), Part::Head(Vec::new()));
        Self { decoder, part, errors: Vec::new(), errors_left: ERROR_TEXT_BYTES_MAX }
    }
}

impl Records {
    /// Returns whether the head has not ended.
    pub(crate) const fn is_head(&self) -> bool {
        matches!(self.part, Part::Head(_))
    }

    /// Takes bytes of a head. Returns their number, and the head once it is whole; what follows it
    /// in its record is left.
    ///
    /// # Errors
    /// [`Failure`] where they are none of a head, or of one longer than `bytes_max`.
    pub(crate) fn head(&mut self, bytes: &[u8], bytes_max: usize) -> Result<(usize, Option<Vec<u8>>), Failure> {
        let mut used = 0;
        loop {
            let before = self.decoder;
            let (taken, piece) = self.decoder.next_within(&bytes[used..], usize::MAX)?;
            match piece {
                Piece::More => return Ok((used + taken, None)),
                Piece::End(ended) => return Err(Failure::Ended(ended)),
                Piece::Errors(text) => self.note(text),
                Piece::Data(data) => {
                    let Part::Head(head) = &mut self.part else { return Err(Failure::Ended(Ended::Complete)) };
                    let (start, searched) = (head.len(), head.len());
                    head.extend_from_slice(data);
                    if let Some(end) = find_response_end(head, searched, true)? {
                        head.truncate(end);
                        let head = std::mem::take(head);
                        // The body goes on in the same record: only the head is taken of it.
                        self.decoder = before;
                        let (taken, _) = self.decoder.next_within(&bytes[used..], end - start)?;
                        return Ok((used + taken, Some(head)));
                    }
                    if head.len() > bytes_max {
                        return Err(Failure::HeadTooLong);
                    }
                }
            }
            used += taken;
        }
    }

    /// Goes on with the body that a head has announced. Whatever that is, the response ends with
    /// its request.
    pub(crate) fn with_body(mut self: Box<Self>, body: ResponseBody) -> Box<Self> {
        self.part = match body {
            ResponseBody::None => Part::Exact(0),
            ResponseBody::Exact(length) => Part::Exact(length),
            ResponseBody::Chunked | ResponseBody::UntilClose => Part::UntilEnd,
        };
        self
    }

    /// Takes bytes after the head. Returns their number, those of the body among them, no more than
    /// `allowed`, and the next step, if that is known.
    ///
    /// # Errors
    /// [`Failure`] where the response breaks off, or is none.
    pub(crate) fn body<'a>(
        &mut self,
        bytes: &'a [u8],
        allowed: usize,
    ) -> Result<(usize, &'a [u8], Option<Stop>), Failure> {
        let left = if let Part::Exact(left) = self.part { left } else { u64::MAX };
        let room = match usize::try_from(left) {
            // What is dropped needs no credit.
            Ok(0) => usize::MAX,
            left => allowed.min(left.unwrap_or(usize::MAX)),
        };
        let (taken, piece) = self.decoder.next_within(bytes, room)?;
        match piece {
            Piece::Data(_) if left == 0 => Ok((taken, &[], None)),
            Piece::Data(data) => {
                if let Part::Exact(left) = &mut self.part {
                    *left -= u64::try_from(data.len()).unwrap_or(u64::MAX);
                }
                Ok((taken, data, None))
            }
            Piece::Errors(text) => {
                self.note(text);
                Ok((taken, &[], None))
            }
            Piece::More => Ok((taken, &[], Some(if taken < bytes.len() { Stop::Room } else { Stop::Input }))),
            Piece::End(Ended::Complete) if !self.is_cut() => Ok((taken, &[], Some(Stop::End))),
            Piece::End(Ended::Complete) => Err(Failure::ClosedInBody),
            Piece::End(ended) => Err(Failure::Ended(ended)),
        }
    }

    /// Returns the failure that it is for the server to close here; `None` where all that the head
    /// has announced is there.
    pub(crate) fn closed(&self) -> Option<Failure> {
        match &self.part {
            Part::Head(head) if head.is_empty() => Some(Failure::ClosedBeforeResponse),
            Part::Head(_) => Some(Failure::ClosedInHead),
            Part::Exact(0) => None,
            Part::Exact(_) | Part::UntilEnd => Some(Failure::ClosedInBody),
        }
    }

    const fn is_cut(&self) -> bool {
        matches!(self.part, Part::Exact(1..))
    }

    /// Keeps text for the log, as much as is still allowed.
    fn note(&mut self, text: &[u8]) {
        let now = self.errors_left.min(text.len());
        self.errors.extend_from_slice(&text[..now]);
        self.errors_left -= now;
    }

    /// Logs the text that has come.
    pub(crate) fn log_errors(&mut self, request: u64, backend: &Backend) {
        if self.errors.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.errors);
        let cut = if self.errors_left == 0 { " cut" } else { "" };
        let (name, text) = (&backend.name, Escaped(text.trim_ascii_end()));
        warning(
            PROGRAM,
            format_args!("event=application-error backend={name} request={request:016x} text={text}{cut}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of a server.
    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[1, kind, 0, 1, 0, length, 2, 0], content, b".."].concat()
    }

    #[test]
    fn a_head_ends_within_a_record_and_the_body_goes_on_there() {
        let bytes = [record(7, b"oh"), record(6, b"A: b\r\n"), record(6, b"\r\nbody"), record(3, &[0; 8])].concat();
        for cut in 0..bytes.len() {
            let mut records = Records::default();
            let (mut used, mut head) = records.head(&bytes[..cut], 99).unwrap();
            if head.is_none() {
                assert_eq!(used, cut);
                let (more, whole) = records.head(&bytes[cut..], 99).unwrap();
                (used, head) = (used + more, whole);
            }
            assert_eq!(head.as_deref(), Some(&b"A: b\r\n\r\n"[..]), "cut at {cut}");
            let mut records = Box::new(records).with_body(ResponseBody::UntilClose);
            assert_eq!(records.body(&bytes[used..], 3), Ok((3, &b"bod"[..], None)));
            assert_eq!(records.body(&bytes[used + 3..], 0), Ok((0, &b""[..], Some(Stop::Room))));
            assert_eq!(records.body(&bytes[used + 3..], 9), Ok((1, &b"y"[..], None)));
            let end = &bytes[used + 4..];
            assert_eq!(records.body(end, 0), Ok((end.len(), &b""[..], Some(Stop::End))));
            assert_eq!(records.errors, b"oh");
        }
    }

    #[test]
    fn a_body_is_what_its_head_announced_and_less_of_it_is_none() {
        let bytes = [record(6, b"A: b\n\nbody"), record(3, &[0; 8])].concat();
        let body = |announced| {
            let mut records = Records::default();
            let (mut used, _) = records.head(&bytes, 99).unwrap();
            let (mut records, mut body) = (Box::new(records).with_body(announced), Vec::new());
            loop {
                let (taken, data, next) = records.body(&bytes[used..], 99)?;
                body.extend_from_slice(data);
                used += taken;
                if next.is_some() {
                    return Ok((body, next));
                }
            }
        };
        for (announced, expected) in [
            (ResponseBody::None, &b""[..]),
            (ResponseBody::Exact(2), b"bo"),
            (ResponseBody::Exact(4), b"body"),
            (ResponseBody::UntilClose, b"body"),
        ] {
            assert_eq!(body(announced), Ok((expected.to_vec(), Some(Stop::End))), "{announced:?}");
        }
        assert_eq!(body(ResponseBody::Exact(5)), Err(Failure::ClosedInBody));
    }

    #[test]
    fn a_server_that_ends_or_closes_too_early_has_failed() {
        let end = |status| record(3, &[0, 0, 0, 0, status, 0, 0, 0]);
        for (status, ended) in [(0, Ended::Complete), (2, Ended::Overloaded)] {
            assert_eq!(Records::default().head(&end(status), 99), Err(Failure::Ended(ended)));
        }
        assert_eq!(Failure::Ended(Ended::Overloaded).status(), 503);
        let mut records = Records::default();
        assert_eq!(records.closed(), Some(Failure::ClosedBeforeResponse));
        records.head(&record(6, b"A: b\n"), 99).unwrap();
        assert_eq!(records.closed(), Some(Failure::ClosedInHead));
        assert_eq!(records.head(&record(6, b"A: 23456789\n"), 16), Err(Failure::HeadTooLong));
        let body = |announced| Box::new(Records::default()).with_body(announced).closed();
        assert_eq!(body(ResponseBody::UntilClose), Some(Failure::ClosedInBody));
        assert_eq!(body(ResponseBody::Exact(1)), Some(Failure::ClosedInBody));
        assert_eq!(body(ResponseBody::Exact(0)), None);
    }

    #[test]
    fn no_more_text_is_kept_for_the_log_than_there_is_a_limit_for() {
        let mut records = Records::default();
        for _ in 0..100 {
            records.head(&record(7, &[b'x'; 200]), 99).unwrap();
        }
        assert_eq!(records.errors.len(), ERROR_TEXT_BYTES_MAX);
    }
}
