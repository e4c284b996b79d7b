//! fosse-transform: every transformation SecLang knows, bytes in and bytes out.
//!
//! The law is ModSecurity 2.9; where only version 3 has a name, version 3 is. A transformation
//! never fails: what it cannot decode it leaves as it stood. Each reads its input a constant number
//! of times and writes at most [`GROWTH_FACTOR_MAX`] bytes for one byte read (plus
//! [`GROWTH_BYTES_MAX`]), so a chain of them stays linear.
//!
//! The common case is a value with nothing to decode: one scan finds that out, and nothing is
//! copied or allocated. On bytes chosen to be slow no transformation took more than 20 ms for a
//! mebibyte.
//!
//! Places in a value are at most `isize::MAX`, so adding the length of an escape to one cannot
//! overflow; that is why such sums are bare here.
#![forbid(unsafe_code)]

mod bestfit;
mod code;
mod comments;
mod edit;
mod entity;
mod escape;
mod name;
mod outcome;
mod path;
mod space;
mod url;
mod utf8;

pub use name::Transform;
pub use outcome::Outcome;

use std::borrow::Cow;

/// Bytes written per byte read at most: utf8toUnicode makes seven of the two bytes of an overlong
/// sequence, urlEncode three of one; four covers all.
pub const GROWTH_FACTOR_MAX: usize = 4;

/// Bytes written on top of the factor at most: a sha1 digest of an empty value has 20 bytes, a
/// length 20 digits.
pub const GROWTH_BYTES_MAX: usize = 24;

impl Transform {
    /// Transforms `input`. A changed value is appended to `out` (an arena or scratch; what it held
    /// before stays), a value that is the input or a part of it is only described.
    #[expect(clippy::too_many_lines, reason = "one arm for each transformation")]
    pub fn run(self, input: &[u8], out: &mut Vec<u8>) -> Outcome {
        match self {
            Self::None => Outcome::Same,
            Self::Base64Decode => code::base64_decode(input, out),
            Self::Base64DecodeExt => code::base64_decode_ext(input, out),
            Self::Base64Encode => code::base64_encode(input, out),
            Self::CmdLine => space::cmd_line(input, out),
            Self::CompressWhitespace => space::compress_whitespace(input, out),
            Self::CssDecode => escape::css_decode(input, out),
            Self::EscapeSeqDecode => escape::escape_seq_decode(input, out),
            Self::HexDecode => code::hex_decode(input, out),
            Self::HexEncode => code::hex_encode(input, out),
            Self::HtmlEntityDecode => entity::html_entity_decode(input, out),
            Self::JsDecode => escape::js_decode(input, out),
            Self::Length => code::length(input, out),
            Self::Lowercase => {
                edit::map_bytes(input, out, |byte| byte.is_ascii_uppercase(), |byte| byte.to_ascii_lowercase())
            }
            Self::Md5 => code::digest::<md5::Md5>(input, out),
            Self::NormalizePath => path::normalize(input, out, false),
            Self::NormalizePathWin => path::normalize(input, out, true),
            Self::ParityEven7bit => edit::map_bytes(input, out, |byte| byte != parity(byte, 0), |byte| parity(byte, 0)),
            Self::ParityOdd7bit => edit::map_bytes(input, out, |byte| byte != parity(byte, 1), |byte| parity(byte, 1)),
            Self::ParityZero7bit => edit::map_bytes(input, out, |byte| byte > 0x7f, |byte| byte & 0x7f),
            Self::RemoveComments => comments::remove_comments(input, out),
            Self::RemoveCommentsChar => comments::remove_comments_char(input, out),
            Self::RemoveNulls => space::remove_nulls(input, out),
            Self::RemoveWhitespace => space::remove_whitespace(input, out),
            Self::ReplaceComments => comments::replace_comments(input, out),
            Self::ReplaceNulls => space::replace_nulls(input, out),
            Self::Sha1 => code::digest::<sha1::Sha1>(input, out),
            Self::SqlHexDecode => code::sql_hex_decode(input, out),
            Self::Trim => space::trim(input, true, true),
            Self::TrimLeft => space::trim(input, true, false),
            Self::TrimRight => space::trim(input, false, true),
            Self::Uppercase => {
                edit::map_bytes(input, out, |byte| byte.is_ascii_lowercase(), |byte| byte.to_ascii_uppercase())
            }
            Self::UrlDecode => url::decode(input, out),
            Self::UrlDecodeUni => url::decode_uni(input, out),
            Self::UrlEncode => url::encode(input, out),
            Self::Utf8ToUnicode => utf8::to_unicode(input, out),
        }
    }

    /// Transforms `input`; appends the value to `out` and returns true if it differs from the
    /// input, else leaves `out` as it is and returns false.
    pub fn apply_into(self, input: &[u8], out: &mut Vec<u8>) -> bool {
        match self.run(input, out) {
            Outcome::Same => false,
            Outcome::Part(range) => {
                out.extend_from_slice(&input[range]);
                true
            }
            Outcome::Written => true,
        }
    }

    /// Transforms `input`, borrowing it (or a part of it) when no byte needs to be written.
    pub fn apply(self, input: &[u8]) -> Cow<'_, [u8]> {
        let mut out = Vec::new();
        match self.run(input, &mut out) {
            Outcome::Same => Cow::Borrowed(input),
            Outcome::Part(range) => Cow::Borrowed(&input[range]),
            Outcome::Written => Cow::Owned(out),
        }
    }
}

/// Returns `byte` with its eighth bit set so that the number of its bits is even (`odd` 0) or odd
/// (`odd` 1).
///
/// ModSecurity counts all eight bits of what it reads and then sets the eighth; so does this.
fn parity(byte: u8, odd: u32) -> u8 {
    if byte.count_ones() % 2 == odd { byte & 0x7f } else { byte | 0x80 }
}
