//! The boundary in the Content-Type header.

use super::{CONTENT_TYPE_BYTES_MAX, MultipartError, MultipartReport};
use memchr::memmem;

const MEDIA_TYPE: &[u8] = b"multipart/form-data";
const PARAMETER: &[u8] = b"boundary";

/// A boundary of acceptable characters, not empty.
pub(crate) struct Boundary {
    with_dashes: Vec<u8>,
}

impl Boundary {
    /// Returns `--` and the boundary.
    pub(crate) fn with_dashes(&self) -> &[u8] {
        &self.with_dashes
    }

    /// Returns whether a line of it begins with these bytes and goes on.
    pub(crate) fn line_starts_with(&self, bytes: &[u8]) -> bool {
        let rest = bytes.strip_prefix(self.with_dashes()).unwrap_or_default();
        self.with_dashes.starts_with(bytes) || rest == b"\r"
    }

    /// Refuses a line that some backends would take for the boundary: quoted like the parameter, or
    /// with whitespace before it.
    pub(crate) fn check_lookalike(&self, line: &[u8], quoted: bool) -> Result<(), MultipartError> {
        let boundary = &self.with_dashes[2..];
        let after = &line[2..];
        if quoted && after.strip_prefix(b"\"").is_some_and(|after| after.starts_with(boundary)) {
            return Err(MultipartError::Boundary("quotes"));
        }
        let trimmed = after.trim_ascii_start();
        if trimmed.len() < after.len() && trimmed.starts_with(boundary) {
            return Err(MultipartError::Boundary("whitespace"));
        }
        Ok(())
    }
}

/// Finds the boundary as strictly as ModSecurity does: one `boundary` parameter in lower case,
/// nothing but one semicolon before it and nothing after it.
pub(crate) fn from_content_type(header: &[u8], report: &mut MultipartReport) -> Result<Boundary, MultipartError> {
    let refuse = |why| Err(MultipartError::ContentType(why));
    if header.len() > CONTENT_TYPE_BYTES_MAX {
        return refuse("length");
    }
    let rest = match header.split_at_checked(MEDIA_TYPE.len()) {
        Some((media_type, rest)) if media_type.eq_ignore_ascii_case(MEDIA_TYPE) => rest,
        _ => return refuse("media type"),
    };
    if parameters(header) > 1 {
        return refuse("several boundaries");
    }
    let Some(at) = memmem::find(rest, PARAMETER) else {
        return refuse(if parameters(header) > 0 { "case sensitivity" } else { "no boundary" });
    };
    let (before, after) = rest.split_at(at);
    let mut separators = before.iter().filter(|byte| !byte.is_ascii_whitespace());
    match (separators.next(), separators.next()) {
        (None, _) => report.missing_semicolon = true,
        (Some(b';'), None) => {}
        _ => return refuse("malformed"),
    }
    let value = value(&after[PARAMETER.len()..], report)?;
    if parameters(value) > 0 {
        return refuse("content");
    }
    if value.is_empty() {
        return refuse("empty");
    }
    if value.ends_with(b" ") || !value.iter().all(|byte| is_boundary_byte(*byte)) {
        return refuse("characters");
    }
    Ok(Boundary { with_dashes: [b"--", value].concat() })
}

/// Reads `= value` and takes the quotes off.
fn value<'h>(after: &'h [u8], report: &mut MultipartReport) -> Result<&'h [u8], MultipartError> {
    let refuse = |why| Err(MultipartError::ContentType(why));
    let Some(equals) = memchr::memchr(b'=', after) else { return refuse("malformed") };
    let (between, value) = after.split_at(equals);
    let value = &value[1..];
    if !between.iter().all(u8::is_ascii_whitespace) {
        return refuse("parameter name");
    }
    report.boundary_whitespace = !between.is_empty() || value.first().is_some_and(u8::is_ascii_whitespace);
    match value {
        [b'"', quoted @ .., b'"'] => {
            report.boundary_quoted = true;
            Ok(quoted)
        }
        [b'"', ..] | [.., b'"'] => refuse("quote"),
        plain => Ok(plain.trim_ascii_start()),
    }
}

/// Counts how often `boundary` occurs, in any case, with an `=` somewhere after it.
fn parameters(text: &[u8]) -> usize {
    let lower = text.to_ascii_lowercase();
    memmem::find_iter(&lower, PARAMETER).filter(|at| lower[at + PARAMETER.len()..].contains(&b'=')).count()
}

/// Returns whether a boundary may have the byte (RFC 2046 section 5.1.1, bchars).
fn is_boundary_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+_,-./:=?".contains(&byte)
}
