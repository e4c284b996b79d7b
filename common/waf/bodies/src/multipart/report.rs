//! The error and the flags of a multipart body.

use std::fmt;

/// The reason a multipart body was not read to its end; its text is for REQBODY_ERROR_MSG.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MultipartError {
    /// The Content-Type header is too long, not multipart/form-data, or has no acceptable boundary.
    ContentType(&'static str),
    /// A boundary line goes on after the boundary, or has quotes or whitespace before it.
    Boundary(&'static str),
    /// The body has data but no boundary line.
    NoBoundary,
    /// The body does not end in the final boundary.
    FinalBoundaryMissing,
    /// A part header that cannot be read.
    Header(&'static str),
    /// A Content-Disposition header that cannot be read.
    Disposition(&'static str),
    /// More parts than allowed.
    TooManyParts,
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentType(why) => write!(f, "Multipart: Invalid boundary in C-T ({why})."),
            Self::Boundary(why) => write!(f, "Multipart: Invalid boundary ({why})."),
            Self::NoBoundary => write!(f, "Multipart: No boundaries found in payload."),
            Self::FinalBoundaryMissing => write!(f, "Multipart: Final boundary missing."),
            Self::Header(why) => write!(f, "Multipart: Invalid part header ({why})."),
            Self::Disposition(why) => write!(f, "Multipart: Invalid Content-Disposition header ({why})."),
            Self::TooManyParts => write!(f, "Multipart: More parts than allowed."),
        }
    }
}

/// The MULTIPART_* flags of one body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MultipartReport {
    /// The reason it stopped early (REQBODY_ERROR, and part of MULTIPART_STRICT_ERROR).
    pub error: Option<MultipartError>,
    /// MULTIPART_BOUNDARY_QUOTED: the Content-Type has the boundary in quotes.
    pub boundary_quoted: bool,
    /// MULTIPART_BOUNDARY_WHITESPACE: whitespace around the `=` of the boundary.
    pub boundary_whitespace: bool,
    /// MULTIPART_DATA_BEFORE: data before the first boundary.
    pub data_before: bool,
    /// MULTIPART_DATA_AFTER: data after the final boundary.
    pub data_after: bool,
    /// MULTIPART_HEADER_FOLDING: a part header goes on in the next line.
    pub header_folding: bool,
    /// MULTIPART_LF_LINE: a boundary or header line ends in LF alone.
    pub lf_line: bool,
    /// A boundary or header line ends in CR LF.
    pub crlf_line: bool,
    /// MULTIPART_MISSING_SEMICOLON: none between media type and boundary.
    pub missing_semicolon: bool,
    /// MULTIPART_INVALID_QUOTING: single quotes in the role of quotes, or text after a closing
    /// quote.
    pub invalid_quoting: bool,
    /// MULTIPART_INVALID_PART: a part without a name; it was skipped.
    pub invalid_part: bool,
    /// MULTIPART_INVALID_HEADER_FOLDING: folding by whitespace that is neither space nor tab.
    pub invalid_header_folding: bool,
    /// MULTIPART_FILE_LIMIT_EXCEEDED: more files than allowed.
    pub file_limit_exceeded: bool,
    /// MULTIPART_UNMATCHED_BOUNDARY: 0 none; 2 lines that begin with `--` but are no boundary (PEM
    /// files, say); 1 the boundary itself in the middle of a line, or necessary boundary lines
    /// missing.
    pub unmatched_boundary: u8,
    /// Parts that were fields.
    pub fields: usize,
    /// Parts that were files (FILES).
    pub files: usize,
    /// Their bytes together (FILES_COMBINED_SIZE).
    pub files_combined_bytes: usize,
}

impl MultipartReport {
    /// Returns MULTIPART_CRLF_LF_LINES: both line ends occur.
    pub fn crlf_lf_lines(&self) -> bool {
        self.crlf_line && self.lf_line
    }

    /// Returns MULTIPART_STRICT_ERROR: any of the errors and flags that the manual sums up under
    /// it.
    pub fn strict_error(&self) -> bool {
        self.error.is_some()
            || self.boundary_quoted
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || self.lf_line
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_part
            || self.invalid_header_folding
            || self.file_limit_exceeded
    }
}
