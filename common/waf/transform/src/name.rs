//! The names SecLang gives its transformations.

/// One transformation of a SecLang `t:` action.
///
/// The order of the variants is the order of the manual; it has no meaning beyond being a stable
/// key for caches.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Transform {
    /// Does nothing to a value. In a `t:` list it also empties the list before it; that is the
    /// caller's to do.
    None,
    /// RFC 4648 Base64, up to the first byte that is not of the alphabet.
    Base64Decode,
    /// Base64 that skips bytes outside the alphabet.
    Base64DecodeExt,
    /// RFC 4648 Base64 with padding.
    Base64Encode,
    /// Removes what shells ignore in command lines.
    CmdLine,
    /// Runs of whitespace (with 0xA0) become one space.
    CompressWhitespace,
    /// CSS 2 escapes.
    CssDecode,
    /// ANSI C escapes.
    EscapeSeqDecode,
    /// Pairs of hexadecimal digits become bytes.
    HexDecode,
    /// Bytes become pairs of lower-case hexadecimal digits.
    HexEncode,
    /// Numeric entities and quot, amp, lt, gt, nbsp.
    HtmlEntityDecode,
    /// JavaScript escapes.
    JsDecode,
    /// The length in bytes, in decimal.
    Length,
    /// ASCII to lower case.
    Lowercase,
    /// The raw MD5 digest, 16 bytes.
    Md5,
    /// `//`, `/./` and `/../` resolved.
    NormalizePath,
    /// The same after `\` became `/`.
    NormalizePathWin,
    /// Bit 8 becomes even parity over the other seven.
    ParityEven7bit,
    /// Bit 8 becomes odd parity over the other seven.
    ParityOdd7bit,
    /// Bit 8 becomes zero.
    ParityZero7bit,
    /// C, HTML and SQL comments are taken out.
    RemoveComments,
    /// The characters that open or close comments are taken out.
    RemoveCommentsChar,
    /// NUL bytes are taken out.
    RemoveNulls,
    /// Whitespace (with 0xA0) is taken out.
    RemoveWhitespace,
    /// Each C comment becomes one space.
    ReplaceComments,
    /// Each NUL byte becomes a space.
    ReplaceNulls,
    /// The raw SHA-1 digest, 20 bytes.
    Sha1,
    /// `0x...` literals of SQL become their bytes.
    SqlHexDecode,
    /// Whitespace at both ends is taken off.
    Trim,
    /// Whitespace at the left end is taken off.
    TrimLeft,
    /// Whitespace at the right end is taken off.
    TrimRight,
    /// ASCII to upper case (version 3).
    Uppercase,
    /// `%HH` and `+`.
    UrlDecode,
    /// `%HH`, `%uHHHH` (mapped as code page 20127 does) and `+`.
    UrlDecodeUni,
    /// application/x-www-form-urlencoded.
    UrlEncode,
    /// UTF-8 sequences become `%uHHHH`.
    Utf8ToUnicode,
}

impl Transform {
    /// Every transformation with its canonical name, in the order of the variants.
    pub const ALL: [(Transform, &'static str); 36] = [
        (Transform::None, "none"),
        (Transform::Base64Decode, "base64Decode"),
        (Transform::Base64DecodeExt, "base64DecodeExt"),
        (Transform::Base64Encode, "base64Encode"),
        (Transform::CmdLine, "cmdLine"),
        (Transform::CompressWhitespace, "compressWhitespace"),
        (Transform::CssDecode, "cssDecode"),
        (Transform::EscapeSeqDecode, "escapeSeqDecode"),
        (Transform::HexDecode, "hexDecode"),
        (Transform::HexEncode, "hexEncode"),
        (Transform::HtmlEntityDecode, "htmlEntityDecode"),
        (Transform::JsDecode, "jsDecode"),
        (Transform::Length, "length"),
        (Transform::Lowercase, "lowercase"),
        (Transform::Md5, "md5"),
        (Transform::NormalizePath, "normalizePath"),
        (Transform::NormalizePathWin, "normalizePathWin"),
        (Transform::ParityEven7bit, "parityEven7bit"),
        (Transform::ParityOdd7bit, "parityOdd7bit"),
        (Transform::ParityZero7bit, "parityZero7bit"),
        (Transform::RemoveComments, "removeComments"),
        (Transform::RemoveCommentsChar, "removeCommentsChar"),
        (Transform::RemoveNulls, "removeNulls"),
        (Transform::RemoveWhitespace, "removeWhitespace"),
        (Transform::ReplaceComments, "replaceComments"),
        (Transform::ReplaceNulls, "replaceNulls"),
        (Transform::Sha1, "sha1"),
        (Transform::SqlHexDecode, "sqlHexDecode"),
        (Transform::Trim, "trim"),
        (Transform::TrimLeft, "trimLeft"),
        (Transform::TrimRight, "trimRight"),
        (Transform::Uppercase, "uppercase"),
        (Transform::UrlDecode, "urlDecode"),
        (Transform::UrlDecodeUni, "urlDecodeUni"),
        (Transform::UrlEncode, "urlEncode"),
        (Transform::Utf8ToUnicode, "utf8toUnicode"),
    ];

    /// Finds a transformation by its name, without regard to case; `normalisePath` and
    /// `normalisePathWin` are the older spellings and are known too.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = match name.to_ascii_lowercase().as_str() {
            "normalisepath" => "normalizePath",
            "normalisepathwin" => "normalizePathWin",
            _ => name,
        };
        Self::ALL.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(transform, _)| *transform)
    }

    /// Returns the canonical name, as the manual writes it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("none", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::Transform;

    #[test]
    fn every_name_finds_its_transformation_in_any_case() {
        for (transform, name) in Transform::ALL {
            assert_eq!(Transform::from_name(name), Some(transform));
            assert_eq!(Transform::from_name(&name.to_uppercase()), Some(transform));
            assert_eq!(transform.name(), name);
        }
        assert_eq!(Transform::from_name("normalisePathWin"), Some(Transform::NormalizePathWin));
        assert_eq!(Transform::from_name("normalisePath"), Some(Transform::NormalizePath));
    }

    #[test]
    fn an_unknown_name_finds_nothing() {
        assert_eq!(Transform::from_name("rot13"), None);
        assert_eq!(Transform::from_name(""), None);
    }
}
