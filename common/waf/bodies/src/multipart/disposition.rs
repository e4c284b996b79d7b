//! The Content-Disposition header of a part.

use super::{MultipartError, MultipartReport};

/// The names a part gives itself.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The form field.
    pub name: Option<Vec<u8>>,
    /// The file name; present (even if empty) on file parts only.
    pub filename: Option<Vec<u8>>,
}

/// Reads `form-data; name="..."; filename="..."`. Any other parameter is refused, since backends
/// differ in what they make of it (`filename*` above all).
pub(crate) fn parse(value: &[u8], report: &mut MultipartReport) -> Result<Names, MultipartError> {
    let mut names = Names::default();
    let Some(rest) = value.strip_prefix(b"form-data") else { return refuse("not form-data") };
    let mut rest = skip_blank(rest);
    while !rest.is_empty() {
        rest = match rest.split_first() {
            Some((b';', after)) => skip_blank(after),
            _ => {
                // Text after a closing quote: another parser may have seen the end of the value
                // elsewhere.
                report.invalid_quoting |= names.name.is_some() || names.filename.is_some();
                return refuse("semicolon missing");
            }
        };
        if rest.is_empty() {
            return refuse("nothing after the semicolon");
        }
        rest = skip_blank(parameter(rest, &mut names, report)?);
    }
    Ok(names)
}

fn parameter<'h>(rest: &'h [u8], names: &mut Names, report: &mut MultipartReport) -> Result<&'h [u8], MultipartError> {
    let length = rest.iter().take_while(|byte| !matches!(byte, b'=' | b' ' | b'\t')).count();
    let (name, rest) = rest.split_at(length);
    let Some(rest) = skip_blank(rest).strip_prefix(b"=") else { return refuse("equals sign missing") };
    let (value, rest) = match skip_blank(rest).split_first() {
        None => return refuse("value missing"),
        Some((quote @ (b'"' | b'\''), rest)) => {
            report.invalid_quoting |= *quote == b'\'';
            quoted(rest, *quote)?
        }
        Some(_) => token(skip_blank(rest)),
    };
    let place = match name {
        b"name" => &mut names.name,
        b"filename" => &mut names.filename,
        _ => return refuse("unknown parameter"),
    };
    if place.is_some() {
        return refuse("parameter twice");
    }
    *place = Some(value);
    Ok(rest)
}

/// Reads up to the closing quote. A backslash escapes the quote and itself; before anything else it
/// is a backslash, as old browsers send it in paths.
fn quoted(rest: &[u8], quote: u8) -> Result<(Vec<u8>, &[u8]), MultipartError> {
    let mut value = Vec::new();
    let mut bytes = rest.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        let next = rest.get(at + 1);
        match (*byte, next) {
            (byte, _) if byte == quote => return Ok((value, &rest[at + 1..])),
            (b'\\', Some(escaped)) if *escaped == quote || *escaped == b'\\' => {
                value.push(*escaped);
                bytes.next();
            }
            (byte, _) => value.push(byte),
        }
    }
    refuse("closing quote missing")
}

fn token(rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(byte);
    let length = rest.iter().take_while(|byte| is_token(byte)).count();
    let (value, rest) = rest.split_at(length);
    (value.to_vec(), rest)
}

fn skip_blank(text: &[u8]) -> &[u8] {
    let blank = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &text[blank..]
}

fn refuse<T>(why: &'static str) -> Result<T, MultipartError> {
    Err(MultipartError::Disposition(why))
}
