//! Chunked bodies (RFC 9112, section 7.1): a decoder that takes its input in any pieces, and the
//! encoder's few bytes.

use crate::class::{is_quotable, is_token_byte};
use crate::fields::Fields;
use crate::limits::{
    CHUNK_EXTENSION_BYTES_MAX, CHUNK_EXTENSION_FREE_BYTES_MAX, CHUNK_SIZE_DIGITS_MAX, HeadLimits, TRAILER_BYTES_MAX,
    TRAILERS_COUNT_MAX,
};
use crate::names::NameSet;
use crate::percent::hex_digit;
use crate::refusal::Refusal;
use crate::scan::find_head_end;

/// The last chunk without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The result of one step of the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Body bytes, never empty.
    Data(&'a [u8]),
    /// All input is taken; give more.
    More,
    /// The body has ended, its trailers are checked. What was not consumed belongs to the next
    /// message.
    End,
}

/// The part of the body that the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Extension(Extension),
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    Trailers,
    End,
}

/// The part of a chunk extension that the next byte belongs to (RFC 9112, section 7.1.1). Spaces
/// are taken where that section has BWS, but for the size itself: some read `5 0` as two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extension {
    /// Spaces before a name.
    BeforeName,
    Name,
    /// Spaces after a name.
    AfterName,
    /// Spaces before a value.
    BeforeValue,
    Token,
    Quoted,
    /// The byte after a backslash in a quoted string.
    Escaped,
    /// Spaces after a value.
    AfterValue,
}

impl Extension {
    /// Returns the part after one more byte; `None` where the byte may not be there.
    fn after(self, byte: u8) -> Option<Self> {
        use Extension as E;
        let space = matches!(byte, b' ' | b'\t');
        Some(match (self, byte) {
            (E::BeforeName | E::Name, _) if is_token_byte(byte) => E::Name,
            (E::BeforeValue | E::Token, _) if is_token_byte(byte) => E::Token,
            (E::BeforeName | E::BeforeValue, _) if space => self,
            (E::Name | E::AfterName, _) if space => E::AfterName,
            (E::Token | E::AfterValue, _) if space => E::AfterValue,
            (E::Name | E::AfterName, b'=') => E::BeforeValue,
            (E::Name | E::AfterName | E::Token | E::AfterValue, b';') => E::BeforeName,
            (E::BeforeValue, b'"') => E::Quoted,
            (E::Quoted, b'"') => E::AfterValue,
            (E::Quoted, b'\\') => E::Escaped,
            (E::Quoted | E::Escaped, _) if is_quotable(byte) => E::Quoted,
            _ => return None,
        })
    }

    /// Returns whether a line may end here.
    const fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::AfterValue)
    }
}

/// Decoder of one chunked body. Costs 64 bytes; allocates only for trailers.
#[derive(Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// Sizes may begin with zeros.
    padded: bool,
    /// Lines may end in LF alone.
    lenient: bool,
    /// Of the size line: the size so far. In data: the bytes still to come.
    size: u64,
    digits: u8,
    extension: usize,
    extensions: u64,
    body: u64,
    trailers: Vec<u8>,
}

impl Default for ChunkedDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkedDecoder {
    /// Makes a decoder at the first size line of a request. No client pads a size with zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self::at_size(false, false)
    }

    /// Makes a decoder at the first size line of a response. Servers that reserve room for a size
    /// before they know it pad it with zeros. If `lenient`, lines may end in LF alone, as those of
    /// a head that [`strict_response`](crate::strict_response) takes.
    #[must_use]
    pub const fn of_response(lenient: bool) -> Self {
        Self::at_size(true, lenient)
    }

    const fn at_size(padded: bool, lenient: bool) -> Self {
        let (size, digits, extension, extensions, body) = (0, 0, 0, 0, 0);
        let trailers = Vec::new();
        Self { state: State::Size, padded, lenient, size, digits, extension, extensions, body, trailers }
    }

    /// Takes some of `input`. Returns the number of bytes consumed, and the piece. Call again with
    /// what is left until `More` or `End`. After an error or `End` call no more.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Piece<'a>), Refusal> {
        self.next_within(input, usize::MAX)
    }

    /// Does as [`Self::next`], with at most `data_max` body bytes in the piece: `More` with input
    /// left means that body bytes wait for a larger `data_max`.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn next_within<'a>(&mut self, input: &'a [u8], data_max: usize) -> Result<(usize, Piece<'a>), Refusal> {
        let mut rest = input;
        loop {
            if self.state == State::End {
                return Ok((taken(input, rest), Piece::End));
            }
            if rest.is_empty() {
                return Ok((input.len(), Piece::More));
            }
            match self.state {
                State::Data if data_max == 0 => return Ok((taken(input, rest), Piece::More)),
                State::Data => {
                    let data = self.take_data(&rest[..data_max.min(rest.len())]);
                    return Ok((taken(input, rest) + data.len(), Piece::Data(data)));
                }
                State::Trailers => rest = self.take_trailers(rest)?,
                _ => rest = self.take_byte(rest)?,
            }
        }
    }

    /// Returns whether the body has ended.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.state == State::End
    }

    /// Returns the number of body bytes seen so far.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.body
    }

    /// Returns the checked trailer fields, once the end was reached; none before.
    #[must_use]
    pub fn trailers(&self) -> Fields<'_> {
        if self.state != State::End {
            return Fields::default();
        }
        Fields::check(&self.trailers, &TRAILER_LIMITS, |_| Ok(())).unwrap_or_default()
    }

    /// Takes as much of the current chunk as is there.
    fn take_data<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let here = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len());
        let data = &rest[..here];
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.size -= length;
        // Bytes that were received, not announced: no client sends 2^64 of them.
        self.body += length;
        if self.size == 0 {
            self.state = State::DataReturn;
        }
        data
    }

    /// Takes one byte of what is not data.
    fn take_byte<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let Some((byte, after)) = rest.split_first() else { return Ok(rest) };
        self.state = match self.state {
            State::Size => self.in_size(*byte)?,
            State::Extension(part) => self.in_extension(part, *byte)?,
            State::SizeLineFeed if *byte == b'\n' => self.begin_chunk(),
            State::SizeLineFeed => return Err(Refusal::BadChunkEnd),
            State::DataReturn if *byte == b'\r' => State::DataLineFeed,
            State::DataReturn if *byte == b'\n' && self.lenient => State::Size,
            State::DataLineFeed if *byte == b'\n' => State::Size,
            _ => return Err(Refusal::BadChunkEnd),
        };
        Ok(after)
    }

    fn in_size(&mut self, byte: u8) -> Result<State, Refusal> {
        if let Some(digit) = hex_digit(byte) {
            let padding = self.digits == 1 && self.size == 0 && !self.padded;
            if padding || self.digits >= CHUNK_SIZE_DIGITS_MAX {
                return Err(Refusal::BadChunkSize);
            }
            self.digits += 1;
            self.size = (self.size << 4) | u64::from(digit);
            return Ok(State::Size);
        }
        match byte {
            _ if self.digits == 0 => Err(Refusal::BadChunkSize),
            b'\r' => Ok(State::SizeLineFeed),
            b'\n' if self.lenient => Ok(self.begin_chunk()),
            b';' => Ok(State::Extension(Extension::BeforeName)),
            b'\n' => Err(Refusal::BadChunkEnd),
            _ => Err(Refusal::BadChunkSize),
        }
    }

    /// Ignores extensions, as RFC 9112, section 7.1.1, wants; but their bytes and their amount are
    /// limited, and what does not read as one may be something else to another program.
    fn in_extension(&mut self, part: Extension, byte: u8) -> Result<State, Refusal> {
        if byte == b'\r' && part.may_end() {
            return Ok(State::SizeLineFeed);
        }
        if byte == b'\n' && self.lenient && part.may_end() {
            return Ok(self.begin_chunk());
        }
        self.extension += 1;
        self.extensions += 1;
        let long =
            self.extension > CHUNK_EXTENSION_BYTES_MAX || self.extensions > self.body + CHUNK_EXTENSION_FREE_BYTES_MAX;
        let part = part.after(byte).filter(|_| !long).ok_or(Refusal::BadChunkExtension)?;
        Ok(State::Extension(part))
    }

    fn begin_chunk(&mut self) -> State {
        self.digits = 0;
        self.extension = 0;
        if self.size == 0 { State::Trailers } else { State::Data }
    }

    /// Gathers the trailer section up to its empty line, and checks it there. The usual section is
    /// the empty line alone.
    fn take_trailers<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], Refusal> {
        if self.trailers.is_empty()
            && let [b'\r', b'\n', after @ ..] = rest
        {
            self.trailers.extend_from_slice(b"\r\n");
            self.state = State::End;
            return Ok(after);
        }
        let seen = self.trailers.len();
        let take = &rest[..rest.len().min(TRAILER_BYTES_MAX - seen)];
        if take.is_empty() {
            return Err(Refusal::TrailersTooLong);
        }
        self.trailers.extend_from_slice(take);
        let end = if self.lenient { lenient_section_end(&self.trailers) } else { section_end(&self.trailers, seen)? };
        let Some(end) = end else { return Ok(&rest[take.len()..]) };
        self.trailers.truncate(end);
        if self.lenient {
            self.trailers = with_crlf(&self.trailers);
        }
        Fields::check(&self.trailers, &TRAILER_LIMITS, |_| Ok(()))?;
        self.state = State::End;
        // The section did not end within what was seen before, so its end is in `rest`.
        Ok(&rest[end - seen..])
    }
}

/// Limits of a trailer section.
const TRAILER_LIMITS: HeadLimits = HeadLimits {
    target_bytes: 0,
    field_bytes: TRAILER_BYTES_MAX,
    fields: TRAILERS_COUNT_MAX,
    head_bytes: TRAILER_BYTES_MAX,
};

/// Returns the length of a trailer section with its empty line, which may be all there is.
fn section_end(section: &[u8], from: usize) -> Result<Option<usize>, Refusal> {
    match section {
        [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        // Here, since the search that goes on after a lone CR does not look at it again.
        [b'\r', ..] => Err(Refusal::BadFieldName),
        _ => find_head_end(section, from)
            .map_err(|why| if why == Refusal::NotHttp { Refusal::BadFieldName } else { why }),
    }
}

/// Does the same where lines may end in LF alone. A section is short, and mostly there at once.
fn lenient_section_end(section: &[u8]) -> Option<usize> {
    let mut end = 0;
    section.split_inclusive(|byte| *byte == b'\n').find_map(|line| {
        end += line.len();
        matches!(line, b"\n" | b"\r\n").then_some(end)
    })
}

/// Returns lines with CR LF at the end of each. A CR elsewhere stays, and is refused.
fn with_crlf(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() + 16);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn taken(input: &[u8], rest: &[u8]) -> usize {
    input.len() - rest.len()
}

/// Returns whether a field may travel as a trailer: framing, routing, authentication and the like
/// may not (RFC 9110, section 6.5.1). Those that may not are dropped, which that section allows;
/// they are never merged into the head.
#[must_use]
pub fn trailer_allowed(name: &[u8]) -> bool {
    static FORBIDDEN: NameSet<26> = NameSet::new([
        "transfer-encoding",
        "content-length",
        "host",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "proxy-authenticate",
        "authorization",
        "www-authenticate",
        "cookie",
        "set-cookie",
        "content-encoding",
        "content-type",
        "content-range",
        "range",
        "cache-control",
        "location",
        "forwarded",
        "max-forwards",
        "age",
        "vary",
    ]);
    let begins =
        |start: &str| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()));
    let forwarding = ["x-forwarded", "x-real-", "x-original-", "x-rewrite-"].into_iter().any(begins);
    !forwarding && !name.contains(&b'_') && !FORBIDDEN.contains(name)
}

/// Appends the size line of a chunk; the data and CR LF follow. A chunk of length 0 would end the
/// body: do not write one.
pub(crate) fn write_chunk_start(out: &mut Vec<u8>, length: usize) {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(length >> (place * 4)) & 0xf]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a whole chunk; nothing for no data.
pub fn write_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if !data.is_empty() {
        write_chunk_start(out, data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}
