//! Messages read with suspicion: a reader of our own, so that the programs under test are not judged by their own parser.

use std::{
    fmt,
    io::{ErrorKind, Read},
};

/// Why a message was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The connection ended; `clean` by a close, otherwise by a reset. `begun`: part of the message had come.
    Cut {
        /// Closed, not reset.
        clean: bool,
        /// Part of the message had come.
        begun: bool,
    },
    /// Nothing came within the time limit.
    Silent,
    /// The bytes are no message, or not the right one.
    Wrong(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { clean, begun } => write!(f, "cut (clean={clean} begun={begun})"),
            Self::Silent => f.write_str("silent"),
            Self::Wrong(why) => write!(f, "wrong: {why}"),
        }
    }
}

/// First line and fields of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Request or status line.
    pub first: String,
    /// Names as sent, values without the space around them.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The value of the only field of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = all.next()?;
        all.next().is_none().then_some(first.1.as_str())
    }

    /// Values of all fields of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The status of an answer; 0 where the line has none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.first.strip_prefix("HTTP/1.1 ").and_then(|r| r.get(..3)).and_then(|s| s.parse().ok()).unwrap_or(0)
    }

    /// Splits a head that ends with an empty line, strictly.
    ///
    /// # Errors
    /// Words about what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        // Bytes above 0x7f are allowed in values (RFC 9110, section 5.5, obs-text): one character each.
        let text: String = bytes.iter().copied().map(char::from).collect();
        let text = text.strip_suffix("\r\n\r\n").ok_or("head without an end")?;
        if text.chars().any(|c| (c < ' ' && !"\r\n\t".contains(c)) || c == '\x7f') {
            return Err(format!("control byte in {text:?}"));
        }
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_string();
        let mut fields = Vec::new();
        for line in lines.clone().chain([first.as_str()]) {
            if line.contains(['\r', '\n']) {
                return Err(format!("bare CR or LF in {text:?}"));
            }
        }
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(format!("bad name in {line:?}"));
            }
            fields.push((name.to_string(), value.trim_matches([' ', '\t']).to_string()));
        }
        Ok(Self { first, fields })
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes.
    Exact(u64),
    /// In chunks.
    Chunked,
    /// With the connection.
    UntilEnd,
}

impl Framing {
    /// What the fields say, without contradiction; `None` where they say nothing.
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

/// The longest head anybody here sends.
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
    /// Nothing has been read yet.
    pub fn new(source: S) -> Self {
        Self { source, bytes: Vec::new(), at: 0, scratch: vec![0; 64 * 1024] }
    }

    /// Bytes that were read and not used.
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
        loop {
            if let Some(found) = self.unused().windows(end.len()).position(|w| w == end) {
                let taken = self.unused()[..found + end.len()].to_vec();
                self.at += taken.len();
                return Ok(taken);
            }
            let begun = !self.unused().is_empty();
            if self.unused().len() > HEAD_BYTES_MAX {
                return Err(Failed::Wrong("no end of head".into()));
            }
            self.more(begun)?;
        }
    }

    /// A whole head.
    ///
    /// # Errors
    /// As [`Failed`].
    pub fn head(&mut self) -> Result<Head, Failed> {
        let bytes = self.until(b"\r\n\r\n")?;
        Head::parse(&bytes).map_err(Failed::Wrong)
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

    /// A whole body; how it ended is an error unless it ended as its framing says.
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
            "A : b\r\n",
            "A\0: b\r\n",
            " folded\r\n",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{head}\r\nhello");
            assert!(matches!(all(&text), Err(Failed::Wrong(_))), "{head}");
        }
    }
}
