//! Records of a server, taken in any pieces.

use core::fmt;

use crate::{HEADER_BYTES, REQUEST_ID, VERSION, kind};

/// Bytes of the record that ends a request.
const END_BYTES: u16 = 8;

/// The reason why what a server sent is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A record of another version than 1: mostly no FastCGI at all.
    Version,
    /// A record of a request that was not made.
    RequestId,
    /// A record that no server sends in a response.
    Kind,
    /// The record that ends a request is not as long as it has to be.
    EndLength,
    /// A status of the end that does not exist.
    EndStatus,
    /// Output after the record that ends it.
    OutputAfterEnd,
}

impl Fault {
    /// Returns the fault in an operator's words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Version => "not a record of FastCGI 1",
            Self::RequestId => "record of another request",
            Self::Kind => "record that no response has",
            Self::EndLength => "malformed end of a request",
            Self::EndStatus => "unknown status at the end of a request",
            Self::OutputAfterEnd => "output after its end",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.words())
    }
}

impl core::error::Error for Fault {}

/// The end of a request, in the server's words (FastCGI 1.0, section 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was served.
    Complete,
    /// The server takes no second request on a connection.
    CannotMultiplex,
    /// The server has too much to do.
    Overloaded,
    /// The server is no responder.
    UnknownRole,
}

/// The result of one step of the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of the response, never empty.
    Data(&'a [u8]),
    /// Bytes for the log, never empty.
    Errors(&'a [u8]),
    /// All input is taken; give more.
    More,
    /// The request has ended. What was not consumed belongs to no response.
    End(Ended),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a header, of which that many bytes have come.
    Header(usize),
    /// In output.
    Data,
    /// In text for the log.
    Errors,
    /// In the end of the request, of which that many bytes have come.
    End(usize),
    /// In the bytes after the content.
    Padding,
    /// After the end.
    Over,
}

/// Decoder of the records of one response. It buffers no content.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    state: State,
    /// The header, and then the content of the end.
    bytes: [u8; HEADER_BYTES],
    /// Bytes of content still to come.
    content: u16,
    /// Bytes of padding still to come.
    padding: u8,
    output_ended: bool,
    ended: Option<Ended>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Makes a decoder at the first record of a response.
    #[must_use]
    pub const fn new() -> Self {
        let state = State::Header(0);
        Self { state, bytes: [0; HEADER_BYTES], content: 0, padding: 0, output_ended: false, ended: None }
    }

    /// Takes some of `input`, with at most `data_max` bytes of the response in the piece. Returns
    /// the number of bytes consumed, and the piece. `More` with input left means that bytes of the
    /// response wait for a larger `data_max`. After an error or `End` call no more.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn next_within<'a>(&mut self, input: &'a [u8], data_max: usize) -> Result<(usize, Piece<'a>), Fault> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match self.state {
                State::Over => return Ok((used, Piece::End(self.ended.unwrap_or(Ended::Complete)))),
                State::Padding if self.padding == 0 => self.next_record(),
                _ if rest.is_empty() => return Ok((used, Piece::More)),
                State::Header(have) => used += self.header(have, rest)?,
                State::Data | State::Errors if self.content == 0 => self.state = State::Padding,
                State::Data if data_max == 0 => return Ok((used, Piece::More)),
                State::Data => {
                    let data = self.content_of(&rest[..data_max.min(rest.len())]);
                    return Ok((used + data.len(), Piece::Data(data)));
                }
                State::Errors => {
                    let text = self.content_of(rest);
                    return Ok((used + text.len(), Piece::Errors(text)));
                }
                State::End(have) => used += self.end(have, rest)?,
                State::Padding => {
                    let skipped = usize::from(self.padding).min(rest.len());
                    self.padding -= u8::try_from(skipped).unwrap_or(self.padding);
                    used += skipped;
                }
            }
        }
    }

    /// Takes bytes of a header. Returns their number.
    fn header(&mut self, have: usize, rest: &[u8]) -> Result<usize, Fault> {
        let now = (HEADER_BYTES - have).min(rest.len());
        self.bytes[have..have + now].copy_from_slice(&rest[..now]);
        self.state = State::Header(have + now);
        if have + now == HEADER_BYTES {
            self.begin_record()?;
        }
        Ok(now)
    }

    fn begin_record(&mut self) -> Result<(), Fault> {
        let [version, kind, id_high, id_low, high, low, padding, _] = self.bytes;
        if version != VERSION {
            return Err(Fault::Version);
        }
        if [id_high, id_low] != REQUEST_ID {
            return Err(Fault::RequestId);
        }
        (self.content, self.padding) = (u16::from_be_bytes([high, low]), padding);
        self.state = match kind {
            kind::STDOUT if self.content == 0 => {
                self.output_ended = true;
                State::Padding
            }
            kind::STDOUT if self.output_ended => return Err(Fault::OutputAfterEnd),
            kind::STDOUT => State::Data,
            kind::STDERR => State::Errors,
            kind::END_REQUEST if self.content != END_BYTES => return Err(Fault::EndLength),
            kind::END_REQUEST => State::End(0),
            _ => return Err(Fault::Kind),
        };
        Ok(())
    }

    /// Returns the bytes that belong to the record's content, and counts them.
    fn content_of<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let now = u16::try_from(rest.len()).unwrap_or(u16::MAX).min(self.content);
        self.content -= now;
        &rest[..usize::from(now)]
    }

    /// Takes bytes of the end. Returns their number. The status of the program (PHP's exit code)
    /// says nothing of the response.
    fn end(&mut self, have: usize, rest: &[u8]) -> Result<usize, Fault> {
        let now = (HEADER_BYTES - have).min(rest.len());
        self.bytes[have..have + now].copy_from_slice(&rest[..now]);
        self.state = State::End(have + now);
        if have + now == HEADER_BYTES {
            let [_, _, _, _, status, ..] = self.bytes;
            self.ended = Some(match status {
                0 => Ended::Complete,
                1 => Ended::CannotMultiplex,
                2 => Ended::Overloaded,
                3 => Ended::UnknownRole,
                _ => return Err(Fault::EndStatus),
            });
            self.state = State::Padding;
        }
        Ok(now)
    }

    const fn next_record(&mut self) {
        self.state = if self.ended.is_some() { State::Over } else { State::Header(0) };
    }
}
