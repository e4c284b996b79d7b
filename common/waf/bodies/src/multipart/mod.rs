//! multipart/form-data bodies, strictly.
//!
//! Whatever backends disagree about is either an error (parsing stops, REQBODY_ERROR and
//! MULTIPART_STRICT_ERROR) or a flag of its own that MULTIPART_STRICT_ERROR sums up. A line ends in
//! CR LF or LF. Part data is given as a slice of the body, without the line end before the
//! boundary.

mod boundary;
mod disposition;
mod part;
mod report;

pub use report::{MultipartError, MultipartReport};

use crate::limits::Budget;
use crate::{Item, Sink};
use boundary::Boundary;
use memchr::{memchr, memmem};
use part::Part;

/// Bytes of one part header line at most, folded or not: ModSecurity's line buffer, and far over
/// any real one.
pub const HEADER_LINE_BYTES_MAX: usize = 4096;

/// Header lines of one part at most. Real parts have two or three.
pub const PART_HEADERS_COUNT_MAX: usize = 64;

/// Parts of one body at most, files and fields together.
pub const PARTS_COUNT_MAX: usize = 1000;

/// Files of one body at most: ModSecurity's default for SecUploadFileLimit.
pub const FILES_COUNT_MAX: usize = 100;

/// Bytes of a Content-Type header at most, as in ModSecurity.
pub(crate) const CONTENT_TYPE_BYTES_MAX: usize = 1024;

/// Options for reading a multipart body.
#[derive(Clone, Copy, Debug)]
pub struct MultipartOptions {
    /// Files at most (SecUploadFileLimit); one more sets MULTIPART_FILE_LIMIT_EXCEEDED, and files
    /// from there on are not given.
    pub files_count_max: usize,
    /// Parts at most (SecArgumentsLimit); one more is an error.
    pub parts_count_max: usize,
    /// The body is the beginning of a longer one: that it ends too early is no error, and what
    /// there is of its last part is given.
    pub is_cut: bool,
}

impl Default for MultipartOptions {
    fn default() -> Self {
        Self { files_count_max: FILES_COUNT_MAX, parts_count_max: PARTS_COUNT_MAX, is_cut: false }
    }
}

/// Gives the parts of `body` as [`Item::Argument`], [`Item::File`] and [`Item::PartHeader`].
/// `content_type` is the value of the request's Content-Type header.
pub fn parse(content_type: &[u8], body: &[u8], options: &MultipartOptions, sink: Sink<'_>) -> MultipartReport {
    let mut report = MultipartReport::default();
    report.error = match boundary::from_content_type(content_type, &mut report) {
        Ok(boundary) => Parser {
            body,
            pos: 0,
            boundary,
            dash_line: memmem::Finder::new(b"\n--"),
            budget: Budget::new(body.len(), usize::MAX),
            options,
            report: &mut report,
            sink,
        }
        .run()
        .err(),
        Err(error) => Some(error),
    };
    report
}

struct Parser<'b, 'r, 's> {
    body: &'b [u8],
    pos: usize,
    boundary: Boundary,
    /// Finds lines that begin with two dashes.
    dash_line: memmem::Finder<'static>,
    budget: Budget,
    options: &'r MultipartOptions,
    report: &'r mut MultipartReport,
    sink: Sink<'s>,
}

/// The kind of a line that begins with `--`.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Dashes {
    /// The boundary before a part.
    Next,
    /// The boundary after the last part.
    Final,
    /// Neither.
    No,
}

impl<'b> Parser<'b, '_, '_> {
    fn run(&mut self) -> Result<(), MultipartError> {
        if self.body.is_empty() {
            return Ok(());
        }
        if self.options.is_cut && self.boundary.line_starts_with(self.body) {
            return Ok(());
        }
        let (before, mut dashes) = self.data(0)?;
        self.report.data_before = !before.is_empty();
        if dashes == Dashes::No {
            self.report.unmatched_boundary = 1;
            return Err(MultipartError::NoBoundary);
        }
        let mut parts = 0usize;
        while dashes == Dashes::Next {
            parts += 1;
            if parts > self.options.parts_count_max {
                return Err(MultipartError::TooManyParts);
            }
            dashes = self.part()?;
        }
        if dashes == Dashes::No && self.options.is_cut {
            return Ok(());
        }
        if dashes == Dashes::No {
            self.report.unmatched_boundary = 1;
            return Err(MultipartError::FinalBoundaryMissing);
        }
        self.report.data_after = self.pos < self.body.len();
        Ok(())
    }

    /// Reads one part with the boundary line after it.
    fn part(&mut self) -> Result<Dashes, MultipartError> {
        let mut part = Part::default();
        loop {
            let Some(line) = self.line() else {
                // The body ends inside the headers.
                return Ok(self.end_in_headers(&part));
            };
            if self.is_unfinished(line) {
                return Ok(self.end_in_headers(&part));
            }
            match self.dashes(line)? {
                Dashes::No => {}
                found => {
                    // A boundary among the headers: a part that never came to its data.
                    self.report.invalid_part = true;
                    self.note_line_end(line);
                    return Ok(found);
                }
            }
            self.note_line_end(line);
            let text = without_line_end(line);
            if text.is_empty() {
                break;
            }
            if let Err(error) = part.header_line(text, self.report) {
                return self.refuse(&part, error);
            }
        }
        let names = match part.names(self.report) {
            Ok(names) => names,
            Err(error) => return self.refuse(&part, error),
        };
        let (data, dashes) = self.data(self.pos)?;
        self.give(&part, names, data)?;
        Ok(dashes)
    }

    /// Ends with an error in the headers of a part.
    fn refuse(&mut self, part: &Part<'b>, error: MultipartError) -> Result<Dashes, MultipartError> {
        self.end_in_headers(part);
        Err(error)
    }

    /// Ends in the headers of a part; rules still see its lines, under no name.
    fn end_in_headers(&mut self, part: &Part<'b>) -> Dashes {
        part.lines().for_each(|line| (self.sink)(Item::PartHeader { part: b"", line }));
        Dashes::No
    }

    /// Returns whether a line is the last one of a body that was cut, which may go on.
    fn is_unfinished(&self, line: &[u8]) -> bool {
        self.options.is_cut && !line.ends_with(b"\n")
    }

    fn give(&mut self, part: &Part<'b>, names: disposition::Names, data: &'b [u8]) -> Result<(), MultipartError> {
        let Some(name) = names.name else {
            self.report.invalid_part = true;
            return Ok(());
        };
        let lines: usize = part.lines().map(|line| line.len() + name.len()).sum();
        let once = name.len() + names.filename.as_ref().map_or(0, Vec::len) + data.len();
        self.budget.take(lines + once).map_err(|_| MultipartError::Header("names too long"))?;
        for line in part.lines() {
            (self.sink)(Item::PartHeader { part: &name, line });
        }
        match names.filename {
            None => {
                self.report.fields += 1;
                (self.sink)(Item::Argument { name: &name, value: data });
            }
            Some(_) if self.report.files >= self.options.files_count_max => self.report.file_limit_exceeded = true,
            Some(filename) => {
                self.report.files += 1;
                self.report.files_combined_bytes += data.len();
                (self.sink)(Item::File { name: &name, filename: &filename, content: data });
            }
        }
        Ok(())
    }

    /// Reads data from `start`, the beginning of a line, up to and including the next boundary
    /// line. Returns the data without the line end before the boundary; without a boundary it is
    /// all the rest.
    fn data(&mut self, start: usize) -> Result<(&'b [u8], Dashes), MultipartError> {
        let mut line_start = start;
        loop {
            let rest = &self.body[line_start..];
            if rest.starts_with(b"--") {
                self.pos = line_start;
                let line = self.line().unwrap_or_default();
                let dashes = if self.is_unfinished(line) { Dashes::No } else { self.dashes(line)? };
                if dashes != Dashes::No {
                    self.note_line_end(line);
                    let data = &self.body[start..line_start];
                    self.look_inside(data);
                    return Ok((without_line_end(data), dashes));
                }
            }
            let Some(next) = self.dash_line.find(rest) else {
                self.pos = self.body.len();
                let data = &self.body[start..];
                self.look_inside(data);
                return Ok((data, Dashes::No));
            };
            line_start += next + 1;
        }
    }

    /// Notes a boundary inside lines of `data`. Those at the beginning of a line were judged
    /// before.
    fn look_inside(&mut self, data: &[u8]) {
        if memmem::find_iter(data, self.boundary.with_dashes())
            .any(|at| at.checked_sub(1).is_some_and(|before| data.get(before) != Some(&b'\n')))
        {
            self.report.unmatched_boundary = 1;
        }
    }

    /// Takes the next line with its end; the last one may have none.
    fn line(&mut self) -> Option<&'b [u8]> {
        let rest = &self.body[self.pos..];
        if rest.is_empty() {
            return None;
        }
        let length = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        self.pos += length;
        Some(&rest[..length])
    }

    fn dashes(&mut self, line: &[u8]) -> Result<Dashes, MultipartError> {
        // Shorter lines than this hold no boundary at all.
        if !line.starts_with(b"--") || line.len() < 4 {
            return Ok(Dashes::No);
        }
        let Some(after) = line.strip_prefix(self.boundary.with_dashes()) else {
            self.boundary.check_lookalike(line, self.report.boundary_quoted)?;
            // 1 says more than 2, and is never taken back.
            if self.report.unmatched_boundary == 0 {
                self.report.unmatched_boundary = 2;
            }
            return Ok(Dashes::No);
        };
        match after {
            b"\r\n" | b"\n" => Ok(Dashes::Next),
            // The final boundary may be the last of the body without a line end.
            b"--\r\n" | b"--\n" | b"--" => Ok(Dashes::Final),
            // A part that would begin where the body ends.
            b"" => Ok(Dashes::No),
            _ => Err(MultipartError::Boundary("text after it")),
        }
    }

    fn note_line_end(&mut self, line: &[u8]) {
        if line.ends_with(b"\r\n") {
            self.report.crlf_line = true;
        } else if line.ends_with(b"\n") {
            self.report.lf_line = true;
        }
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
