//! The response to a request.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use fosse_conditional::{Outcome, Wanted, evaluate, range_holds, wanted};
use fosse_http1::{HeadLimits, HeadWriter, Refusal, RequestHead, Unwritable, Version, content_type, reason};
use fosse_settings::{CacheControl, Coding, Files};
use httpdate::fmt_http_date;

use crate::file::{File, whole_seconds};
use crate::limits::{INLINE_BYTES_MAX, RETRY_AFTER_SECONDS};
use crate::lookup::{Lookup, Meaning};
use crate::output::Output;
use crate::path::{NotServed, ServedPath};
use crate::{encoding, glob};

/// A field of a response.
type Field<'a> = (&'a str, &'a [u8]);

/// The continuation of a connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next request.
    Next,
    /// The end of the connection; nothing more can come from a client that keeps the rules.
    Close,
    /// The end, after further bytes of the client are read and thrown away.
    Linger,
}

/// The directory, and the state that responses need beside it.
#[derive(Debug)]
pub struct Site {
    root: OwnedFd,
    files: Files,
    now: SystemTime,
    date: String,
    random: RandomState,
    responses: u64,
}

/// The properties that every response to one request has.
#[derive(Clone, Copy)]
struct Common<'a> {
    then: Then,
    old: bool,
    to_head: bool,
    date: &'a str,
}

impl Site {
    /// Serves an open directory.
    #[must_use]
    pub fn new(root: OwnedFd, files: Files) -> Self {
        let now = SystemTime::UNIX_EPOCH;
        Self { root, files, now, date: fmt_http_date(now), random: RandomState::new(), responses: 0 }
    }

    /// Sets the time; once a turn.
    pub fn at(&mut self, now: SystemTime) {
        if whole_seconds(now) != whole_seconds(self.now) {
            self.date = fmt_http_date(whole_seconds(now));
        }
        self.now = now;
    }

    /// Appends the response to a head.
    pub fn respond(&mut self, head: &[u8], out: &mut Output) -> Then {
        let request = match RequestHead::parse(head, &HeadLimits::DEFAULT) {
            Ok(request) => request,
            Err(refusal) => return self.refuse(refusal, out),
        };
        self.responses = self.responses.wrapping_add(1);
        let then = match (request.body.is_empty(), request.keep_alive) {
            (true, true) => Then::Next,
            (true, false) => Then::Close,
            // No request of this program has a use for a body: it is thrown away with the
            // connection.
            (false, _) => Then::Linger,
        };
        let old = request.version == Version::Http10;
        let common = Common { then, old, to_head: request.is_head(), date: &self.date };
        self.lay_out(&request, common, out);
        then
    }

    /// Appends the response to bytes that are no request.
    pub fn refuse(&self, refusal: Refusal, out: &mut Output) -> Then {
        let common = Common { then: Then::Linger, old: false, to_head: false, date: &self.date };
        let words = format!("{}: {}\n", reason(refusal.status()), refusal.words());
        common.plain(out, refusal.status(), &words, &[]);
        Then::Linger
    }

    /// Appends the response to a head that did not come in time.
    pub(crate) fn time_out(&self, out: &mut Output) {
        Common { then: Then::Linger, old: false, to_head: false, date: &self.date }.words(out, 408, &[]);
    }

    fn lay_out(&self, request: &RequestHead<'_>, common: Common<'_>, out: &mut Output) {
        if request.method != b"GET" && request.method != b"HEAD" {
            return common.words(out, 405, &[("Allow", b"GET, HEAD")]);
        }
        let path = match ServedPath::of_target(request.target) {
            Ok(path) => path,
            Err(NotServed::Malformed) => return common.words(out, 400, &[]),
            Err(NotServed::Missing) => return common.words(out, 404, &[]),
        };
        let lookup = Lookup { root: &self.root, files: &self.files, now: self.now };
        match lookup.find(&path) {
            Meaning::File(path, file) => {
                let codings = encoding::accepted(&request.fields, &self.files.precompressed);
                match lookup.coded(&path, &codings) {
                    Some((coding, file)) => self.file(request, &path, &file.coded(coding), Some(coding), common, out),
                    None => self.file(request, &path, &file, None, common, out),
                }
            }
            Meaning::Directory => {
                let query = request.target.iter().position(|byte| *byte == b'?');
                let mut location = path.as_directory();
                location.extend_from_slice(query.map_or(b"", |at| &request.target[at..]));
                common.words(out, 301, &[("Location", &location)]);
            }
            Meaning::Nothing => common.words(out, 404, &[]),
            Meaning::Forbidden => common.words(out, 403, &[]),
            Meaning::Exhausted => {
                let seconds = RETRY_AFTER_SECONDS.to_string();
                common.words(out, 503, &[("Retry-After", seconds.as_bytes())]);
            }
        }
    }

    fn file(
        &self,
        request: &RequestHead<'_>,
        path: &[u8],
        file: &File,
        coding: Option<Coding>,
        common: Common<'_>,
        out: &mut Output,
    ) {
        let facts = &file.facts;
        let (etag, modified) = (facts.etag(), fmt_http_date(facts.modified));
        let mut fields: Vec<Field<'_>> = vec![("ETag", etag.as_bytes()), ("Last-Modified", modified.as_bytes())];
        fields.extend(self.cache_control(path).map(|value| ("Cache-Control", value.as_bytes())));
        if !self.files.precompressed.is_empty() {
            // Also where there is no other form of this file: there may be one tomorrow.
            fields.push(("Vary", b"Accept-Encoding"));
        }
        match evaluate(pairs(request), &facts.validators()) {
            Outcome::Proceed => {}
            Outcome::NotModified => return common.head(out, 304, None, &fields),
            Outcome::Failed => return common.words(out, 412, &[]),
        }
        fields.extend([("Accept-Ranges", &b"bytes"[..]), ("X-Content-Type-Options", b"nosniff")]);
        fields.extend(coding.map(|coding| ("Content-Encoding", encoding::name(coding).as_bytes())));
        let kind = content_type(path);
        match ranges(request, file) {
            Wanted::Whole => {
                fields.push(("Content-Type", kind.as_bytes()));
                common.head(out, 200, Some(facts.length), &fields);
                common.body(out, file, 0..facts.length);
            }
            Wanted::Parts(parts) => match parts.as_slice() {
                [one] => {
                    let range = content_range(one, facts.length);
                    fields.extend([("Content-Type", kind.as_bytes()), ("Content-Range", range.as_bytes())]);
                    common.head(out, 206, Some(one.end - one.start), &fields);
                    common.body(out, file, one.clone());
                }
                many => self.parts(many, kind, file, fields, common, out),
            },
            Wanted::Nothing => {
                let range = format!("bytes */{}", facts.length);
                common.words(out, 416, &[("Content-Range", range.as_bytes())]);
            }
        }
    }

    /// Returns the value of Cache-Control for a file.
    fn cache_control(&self, path: &[u8]) -> Option<&str> {
        let path = [b"/", path].concat();
        let has = |table: &&CacheControl| table.paths.iter().any(|glob| glob::has(glob.as_bytes(), &path));
        self.files.cache_control.iter().find(has).map(|table| table.value.as_str())
    }

    /// Appends a response in several parts (multipart/byteranges, RFC 9110, section 14.6).
    fn parts(
        &self,
        parts: &[Range<u64>],
        kind: &str,
        file: &File,
        fields: Vec<Field<'_>>,
        common: Common<'_>,
        out: &mut Output,
    ) {
        // Keyed by this process, so that a file whose author knows the scheme does not hold it but
        // by a chance of 1 in 2^128.
        let boundary = format!(
            "{:016x}{:016x}",
            self.random.hash_one((self.responses, 1)),
            self.random.hash_one((self.responses, 2))
        );
        let length = file.facts.length;
        let before = |at: usize, part: &Range<u64>| {
            let line = if at == 0 { "" } else { "\r\n" };
            let range = content_range(part, length);
            format!("{line}--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n")
        };
        let heads: Vec<String> = parts.iter().enumerate().map(|(at, part)| before(at, part)).collect();
        let end = format!("\r\n--{boundary}--\r\n");
        let sizes = heads.iter().chain([&end]).map(|text| u64::try_from(text.len()).unwrap_or(u64::MAX));
        let sizes = sizes.chain(parts.iter().map(|part| part.end - part.start));
        // The parts are no more than the file, whose length is an i64, and their heads are few.
        let total = sizes.sum();
        let multipart = format!("multipart/byteranges; boundary={boundary}");
        let mut all = vec![("Content-Type", multipart.as_bytes())];
        all.extend(fields);
        common.head(out, 206, Some(total), &all);
        if common.to_head {
            return;
        }
        for (head, part) in heads.iter().zip(parts) {
            out.bytes(|bytes| bytes.extend_from_slice(head.as_bytes()));
            common.body(out, file, part.clone());
        }
        out.bytes(|bytes| bytes.extend_from_slice(end.as_bytes()));
    }
}

/// Returns the parts that the Range field asks for. It counts for GET alone, and once.
fn ranges(request: &RequestHead<'_>, file: &File) -> Wanted {
    let mut values = request.fields.iter().filter(|field| field.is("range"));
    match (values.next(), values.next()) {
        (Some(field), None) if request.method == b"GET" && range_holds(pairs(request), &file.facts.validators()) => {
            wanted(field.value, file.facts.length)
        }
        _ => Wanted::Whole,
    }
}

/// Iterates over names and values of the fields of a request.
fn pairs<'a>(request: &'a RequestHead<'_>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
    request.fields.iter().map(|field| (field.name, field.value))
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

impl Common<'_> {
    /// Appends a response whose body is its status.
    fn words(self, out: &mut Output, status: u16, fields: &[(&str, &[u8])]) {
        self.plain(out, status, &format!("{status} {}\n", phrase(status)), fields);
    }

    fn plain(self, out: &mut Output, status: u16, words: &str, fields: &[(&str, &[u8])]) {
        let mut all = vec![("Content-Type", &b"text/plain; charset=utf-8"[..])];
        all.extend_from_slice(fields);
        self.head(out, status, Some(u64::try_from(words.len()).unwrap_or(0)), &all);
        if !self.to_head {
            out.bytes(|bytes| bytes.extend_from_slice(words.as_bytes()));
        }
    }

    fn head(self, out: &mut Output, status: u16, length: Option<u64>, fields: &[(&str, &[u8])]) {
        let written = out.bytes(|bytes| self.write(bytes, status, length, fields));
        debug_assert_eq!(written, Ok(()), "the fields of this program are its own");
    }

    fn write(
        self,
        bytes: &mut Vec<u8>,
        status: u16,
        length: Option<u64>,
        fields: &[(&str, &[u8])],
    ) -> Result<(), Unwritable> {
        let mut head = HeadWriter::response(bytes, status, phrase(status).as_bytes())?;
        head.field(b"Date", self.date.as_bytes())?;
        for (name, value) in fields {
            head.field(name.as_bytes(), value)?;
        }
        if let Some(length) = length {
            head.content_length(length);
        }
        match (self.then, self.old) {
            (Then::Next, false) => {}
            (Then::Next, true) => head.field(b"Connection", b"keep-alive")?,
            (Then::Close | Then::Linger, _) => head.field(b"Connection", b"close")?,
        }
        head.finish();
        Ok(())
    }

    /// Appends a part of the file: copied after the head where that is cheaper than a call of its
    /// own.
    fn body(self, out: &mut Output, file: &File, range: Range<u64>) {
        let length = range.end - range.start;
        if self.to_head || length == 0 {
            return;
        }
        if length > INLINE_BYTES_MAX || !out.bytes(|bytes| read_whole(bytes, &file.fd, &range)) {
            out.part(&file.fd, range);
        }
    }
}

/// Appends the bytes of a range of [`INLINE_BYTES_MAX`] at most, or nothing where the file has
/// become shorter or cannot be read.
fn read_whole(bytes: &mut Vec<u8>, fd: &OwnedFd, range: &Range<u64>) -> bool {
    let before = bytes.len();
    let length = usize::try_from(range.end - range.start).unwrap_or(0);
    bytes.resize(before + length, 0);
    let whole = rustix::io::pread(fd, &mut bytes[before..], range.start) == Ok(length);
    if !whole {
        bytes.truncate(before);
    }
    whole
}

const fn phrase(status: u16) -> &'static str {
    match status {
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        _ => reason(status),
    }
}
