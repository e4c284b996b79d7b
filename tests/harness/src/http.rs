//! Messages read strictly off any stream: what two readers could take in two ways is an error.
//!
//! httparse splits the head and not http1, so that the programs under test are not judged by their
//! own parser. It takes line ends and empty lines that RFC 9112 leaves to the reader; those are
//! refused before it sees them.

use std::fmt;
use std::io::{ErrorKind, Read};

/// Why a message was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The connection ended.
    Cut {
        /// By a close, not a reset.
        clean: bool,
        /// Within the message.
        begun: bool,
    },
    /// Nothing came within the time limit of the stream.
    Silent,
    /// The bytes are no message.
    Wrong(String),
}

/// First line and fields of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// All of it as it came, the empty line included.
    pub bytes: Vec<u8>,
    /// Request or status line.
    pub first: String,
    /// Names as sent, values without the space around them.
    pub fields: Vec<(String, String)>,
    /// Status code of a response.
    pub(crate) code: Option<u16>,
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Head").field(&self.text()).finish()
    }
}

impl Head {
    /// Splits a head that ends with an empty line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.matches("\r\n").count();
        if bytes.starts_with(b"\r\n") || text.matches(['\r', '\n']).count() != 2 * lines {
            return Err(format!("bare CR or LF, or an empty line before {text:?}"));
        }
        let mut slots = vec![httparse::EMPTY_HEADER; lines];
        let (result, code, fields) = if bytes.starts_with(b"HTTP/") {
            let mut response = httparse::Response::new(&mut slots);
            (response.parse(bytes), response.code, response.headers)
        } else {
            let mut request = httparse::Request::new(&mut slots);
            (request.parse(bytes), None, request.headers)
        };
        if result != Ok(httparse::Status::Complete(bytes.len())) {
            return Err(format!("{result:?}: {text:?}"));
        }
        let first = text.lines().next().unwrap_or_default().to_owned();
        let value = |field: &httparse::Header<'_>| String::from_utf8_lossy(field.value).into_owned();
        let fields = fields.iter().map(|field| (field.name.to_owned(), value(field))).collect();
        Ok(Self { bytes: bytes.to_vec(), first, fields, code })
    }

    /// Returns the value of the only field of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.all(name);
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    /// Returns the values of all fields of that name.
    pub fn all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Returns the status of a response of HTTP/1.1; 0 for any other message.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.code.filter(|_| self.first.starts_with("HTTP/1.1 ")).unwrap_or(0)
    }

    /// Returns all of it as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After this number of bytes.
    Exact(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilEnd,
}

impl Framing {
    /// Returns what the fields say; `None` where they say nothing.
    ///
    /// # Errors
    /// Both ways at once, one of them twice, or a value that is not exactly right.
    pub fn of(head: &Head) -> Result<Option<Self>, String> {
        let lengths: Vec<&str> = head.all("content-length").collect();
        let codings: Vec<&str> = head.all("transfer-encoding").collect();
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(None),
            ([n], []) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
                n.parse().map(|n| Some(Self::Exact(n))).map_err(|_| format!("length {n}"))
            }
            ([], ["chunked"]) => Ok(Some(Self::Chunked)),
            _ => Err(format!("framing: lengths {lengths:?}, codings {codings:?}")),
        }
    }
}

/// The longest head that any test sends.
const HEAD_BYTES_MAX: usize = 128 * 1024;

/// Reads messages one after the other off a connection.
#[derive(Debug)]
pub struct Reader<S> {
    /// Where the bytes come from.
    pub source: S,
    bytes: Vec<u8>,
    at: usize,
    scratch: Vec<u8>,
}

impl<S: Read> Reader<S> {
    /// Reads nothing yet.
    pub fn new(source: S) -> Self {
        Self { source, bytes: Vec::new(), at: 0, scratch: vec![0; 64 * 1024] }
    }

    /// Returns the bytes that were read and not used.
    #[must_use]
    pub fn unused(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn more(&mut self, begun: bool) -> Result<(), Failed> {
        if self.at > 0 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        loop {
            match self.source.read(&mut self.scratch) {
                Ok(0) => return Err(Failed::Cut { clean: true, begun }),
                Ok(count) => {
                    self.bytes.extend_from_slice(&self.scratch[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Failed::Silent);
                }
                Err(_) => return Err(Failed::Cut { clean: false, begun }),
            }
        }
    }

    fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, Failed> {
        let mut from = 0;
        loop {
            if let Some(found) = self.unused()[from..].windows(end.len()).position(|w| w == end) {
                let taken = self.unused()[..from + found + end.len()].to_vec();
                self.at += taken.len();
                return Ok(taken);
            }
            let begun = !self.unused().is_empty();
            if self.unused().len() > HEAD_BYTES_MAX {
                return Err(Failed::Wrong("no end of head".into()));
            }
            from = self.unused().len().saturating_sub(end.len() - 1);
            self.more(begun)?;
        }
    }

    /// Reads a whole head.
    ///
    /// # Errors
    /// As [`Failed`].
    pub fn head(&mut self) -> Result<Head, Failed> {
        let bytes = self.until(b"\r\n\r\n")?;
        Head::parse(&bytes).map_err(Failed::Wrong)
    }

    /// Reads a whole request with its body, which is empty where its fields do not say how it ends
    /// (RFC 9112, section 6.3).
    ///
    /// # Errors
    /// As [`Failed`].
    pub fn request(&mut self) -> Result<(Head, Vec<u8>), Failed> {
        let (head, mut body) = (self.head()?, Vec::new());
        let framing = Framing::of(&head).map_err(Failed::Wrong)?.unwrap_or(Framing::Exact(0));
        self.body(framing, &mut |piece| body.extend_from_slice(piece))?;
        Ok((head, body))
    }

    /// Reads a whole body; how it ended is an error unless it ended as its framing says.
    ///
    /// # Errors
    /// As [`Failed`].
    pub fn body(&mut self, framing: Framing, sink: &mut dyn FnMut(&[u8])) -> Result<(), Failed> {
        match framing {
            Framing::Exact(length) => self.exact(length, sink),
            Framing::Chunked => self.chunks(sink),
            Framing::UntilEnd => loop {
                sink(&self.bytes[self.at..]);
                self.at = self.bytes.len();
                match self.more(true) {
                    Ok(()) => {}
                    Err(Failed::Cut { clean: true, .. }) => return Ok(()),
                    Err(other) => return Err(other),
                }
            },
        }
    }

    fn exact(&mut self, mut left: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), Failed> {
        while left > 0 {
            if self.unused().is_empty() {
                self.more(true)?;
            }
            let count = (self.unused().len() as u64).min(left) as usize;
            sink(&self.unused()[..count]);
            self.at += count;
            left -= count as u64;
        }
        Ok(())
    }

    fn chunks(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Failed> {
        loop {
            let line = self.until(b"\r\n").map_err(begun)?;
            let digits = std::str::from_utf8(&line[..line.len() - 2]).unwrap_or("?");
            let size = u64::from_str_radix(digits, 16).map_err(|_| Failed::Wrong(format!("chunk size {digits:?}")))?;
            if size == 0 {
                break;
            }
            self.exact(size, sink)?;
            if self.until(b"\r\n").map_err(begun)? != b"\r\n" {
                return Err(Failed::Wrong("chunk without its end".into()));
            }
        }
        while self.until(b"\r\n").map_err(begun)? != b"\r\n" {}
        Ok(())
    }
}

fn begun(failed: Failed) -> Failed {
    match failed {
        Failed::Cut { clean, .. } => Failed::Cut { clean, begun: true },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<(Head, Vec<u8>), Failed> {
        let mut reader = Reader::new(text.as_bytes());
        let head = reader.head()?;
        let framing = Framing::of(&head).map_err(Failed::Wrong)?.unwrap_or(Framing::UntilEnd);
        let mut body = Vec::new();
        reader.body(framing, &mut |piece| body.extend_from_slice(piece))?;
        Ok((head, body))
    }

    #[test]
    fn a_message_cut_anywhere_is_cut() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ] {
            assert_eq!(all(text).unwrap().1, b"hello");
            for cut in 0..text.len() {
                assert_eq!(all(&text[..cut]), Err(Failed::Cut { clean: true, begun: cut > 0 }), "{cut}");
            }
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_wrong() {
        for head in [
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: +5\r\n",
            "Transfer-Encoding: x, chunked\r\n",
            "A: b\nC: d\r\n",
            "A: b\rC: d\r\n",
            "A : b\r\n",
            "A\0: b\r\n",
            "A: \x01\r\n",
            "A\r\n",
            " folded\r\n",
            "A: b\r\n folded\r\n",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{head}\r\nhello");
            assert!(matches!(all(&text), Err(Failed::Wrong(_))), "{head}");
        }
        for text in ["\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n"] {
            assert!(matches!(all(text), Err(Failed::Wrong(_))), "{text}");
        }
    }

    #[test]
    fn a_head_is_split_as_it_came() {
        let head = Head::parse(b"GET /\xc3\xa9 HTTP/1.1\r\nA: \t b c \r\na: \xe9\r\nB:\r\n\r\n").unwrap();
        assert_eq!((head.status(), head.get("b"), head.get("a")), (0, Some(""), None));
        assert_eq!(head.all("A").collect::<Vec<_>>(), ["b c", "\u{fffd}"]);
        assert!(head.bytes.starts_with(b"GET /\xc3\xa9 HTTP/1.1\r\n"));
        let statuses = ["HTTP/1.1 299 x", "HTTP/1.1 204", "HTTP/1.0 200 OK"];
        let status = |line: &str| Head::parse(format!("{line}\r\n\r\n").as_bytes()).unwrap().status();
        assert_eq!(statuses.map(status), [299, 204, 0]);
    }
}
