//! The reasons to refuse a head or a body: the status a client gets, an operator's words, and the
//! section that asks for it or allows it.

use core::fmt;

/// One reason to refuse a message. A client gets [`status`](Refusal::status); for a backend's
/// response every reason means 502.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The first byte can begin neither a method nor an empty line: often TLS on a plain port (RFC
    /// 9112, section 3).
    NotHttp,
    /// A line feed without the carriage return before it (RFC 9112, section 2.2, lets a server take
    /// it).
    BareLineFeed,
    /// A carriage return that does not end a line (RFC 9112, section 2.2).
    BareCarriageReturn,
    /// Bytes after the empty line, or none at all: the caller cut the head wrongly (RFC 9112,
    /// section 2.1).
    HeadCutWrong,
    /// More than one empty line before the request line (RFC 9112, section 2.2).
    LeadingEmptyLines,
    /// Not three parts with single spaces between them (RFC 9112, section 3).
    BadRequestLine,
    /// The method is not a token (RFC 9110, section 9.1).
    BadMethod,
    /// The method is longer than any that exists (RFC 9112, section 3).
    MethodTooLong,
    /// CONNECT asks for a tunnel, and there are none here (RFC 9110, section 9.3.6).
    Connect,
    /// The target has a byte that is not visible ASCII, or a fragment; its path has a quotation
    /// mark, an angle bracket or a backslash (RFC 9112, section 3.2).
    BadTarget,
    /// A percent sign in the path does not begin an escape (RFC 3986, section 2.1).
    BadEscape,
    /// The target is in none of the four forms, or in one this method may not have (RFC 9112,
    /// section 3.2).
    BadTargetForm,
    /// The target is longer than the limit (RFC 9112, section 3).
    TargetTooLong,
    /// The version is not of the form HTTP/d.d (RFC 9112, section 2.3).
    BadVersion,
    /// A version other than 1.0 and 1.1; the HTTP/2 preface too (RFC 9110, section 15.6.6).
    VersionUnsupported,
    /// A field line that begins with a space or a tab (RFC 9112, section 5.2).
    ObsoleteFold,
    /// A field line without a colon (RFC 9112, section 5).
    NoColon,
    /// A field name that is not a token; a space before the colon is the usual case (RFC 9112,
    /// section 5.1).
    BadFieldName,
    /// A field value with a control byte (RFC 9110, section 5.5).
    BadFieldValue,
    /// A single field line over the limit (RFC 6585, section 5).
    FieldTooLong,
    /// More field lines than the limit (RFC 6585, section 5).
    TooManyFields,
    /// A head over the limit (RFC 6585, section 5).
    HeadTooLong,
    /// No Host field in HTTP/1.1 (RFC 9112, section 3.2).
    HostMissing,
    /// Host twice (RFC 9112, section 3.2).
    HostRepeated,
    /// Host is not a name, an IPv4 address or a bracketed IPv6 address, with a port or without (RFC
    /// 9112, section 3.2).
    BadHost,
    /// The target in absolute form names another host than the Host field (RFC 9112, section 3.2.2,
    /// lets the target win).
    HostDisagrees,
    /// Content-Length is not all digits, begins with a zero, or is too large (RFC 9110, section
    /// 8.6).
    BadContentLength,
    /// Content-Length twice, equal or not (RFC 9110, section 8.6, lets equal ones pass).
    ContentLengthRepeated,
    /// Content-Length and Transfer-Encoding together (RFC 9112, section 6.1).
    LengthAndEncoding,
    /// Transfer-Encoding twice (RFC 9112, section 6.1).
    EncodingRepeated,
    /// A transfer coding other than chunked (RFC 9112, section 6.1).
    EncodingUnsupported,
    /// Transfer-Encoding in HTTP/1.0, which does not have it (RFC 9112, section 6.1).
    EncodingInOldVersion,
    /// A name that some programs read as a framing field, `Content_Length` (RFC 9112, section
    /// 11.2).
    FramingLookalike,
    /// Content-Type twice, and not the same: the rules would read the body as one and an
    /// application as the other (RFC 9110, section 8.3).
    ContentTypeRepeated,
    /// Connection with a member that is no token (RFC 9110, section 7.6.1).
    BadConnection,
    /// Connection names a field that is meant for the server: it would be removed after rules have
    /// judged it (RFC 9110, section 7.6.1).
    ConnectionNamesField,
    /// Expect with anything but 100-continue (RFC 9110, section 10.1.1).
    BadExpect,
    /// A WebSocket handshake with a bad key, a body, or another method than GET (RFC 6455, section
    /// 4.2.1).
    BadWebSocket,
    /// A WebSocket handshake of another version than 13 (RFC 6455, section 4.4).
    WebSocketVersion,
    /// A chunk size that is not hexadecimal digits, or too many of them, or padded with zeros (RFC
    /// 9112, section 7.1).
    BadChunkSize,
    /// A chunk extension that is not a name, or a name and a value, or too long (RFC 9112, section
    /// 7.1.1).
    BadChunkExtension,
    /// A chunk or its size line does not end in CR LF (RFC 9112, section 7.1).
    BadChunkEnd,
    /// A trailer section over the limit (RFC 9112, section 7.1.2).
    TrailersTooLong,
    /// The status line of a response is malformed (RFC 9112, section 4).
    BadStatusLine,
    /// A body or its framing in an interim response (RFC 9112, section 6.3).
    BodyForbidden,
    /// 101 without Upgrade and Connection: upgrade (RFC 9110, section 15.2.2).
    BadSwitch,
}

impl Refusal {
    /// Returns the status for the client whose request this is: one of 400, 414, 417, 426, 431, 501
    /// and 505; 502 for a response's own faults.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.facts().0
    }

    /// Returns the fault in an operator's words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        self.facts().1
    }

    /// Returns the section that asks for or allows the refusal.
    #[must_use]
    pub const fn source(self) -> &'static str {
        self.facts().2
    }

    #[expect(clippy::too_many_lines, reason = "a table, one row for each refusal")]
    const fn facts(self) -> (u16, &'static str, &'static str) {
        use Refusal as R;
        match self {
            R::NotHttp => (400, "the first byte begins no HTTP request", "RFC 9112 3"),
            R::BareLineFeed => (400, "a line ends in LF without CR", "RFC 9112 2.2"),
            R::BareCarriageReturn => (400, "a CR does not end a line", "RFC 9112 2.2"),
            R::HeadCutWrong => (400, "the head does not end in one empty line", "RFC 9112 2.1"),
            R::LeadingEmptyLines => (400, "more than one empty line before the request", "RFC 9112 2.2"),
            R::BadRequestLine => (400, "the request line is not method, target and version", "RFC 9112 3"),
            R::BadMethod => (400, "the method is not a token", "RFC 9110 9.1"),
            R::MethodTooLong => (501, "the method is longer than any known", "RFC 9112 3"),
            R::Connect => (501, "CONNECT is not served", "RFC 9110 9.3.6"),
            R::BadTarget => (400, "the target has a byte that may not be there", "RFC 9112 3.2"),
            R::BadEscape => (400, "the path has a malformed escape", "RFC 3986 2.1"),
            R::BadTargetForm => (400, "the target is in no form this method may have", "RFC 9112 3.2"),
            R::TargetTooLong => (414, "the target is too long", "RFC 9112 3"),
            R::BadVersion => (400, "the version is malformed", "RFC 9112 2.3"),
            R::VersionUnsupported => (505, "the version is neither 1.0 nor 1.1", "RFC 9110 15.6.6"),
            R::ObsoleteFold => (400, "a field line is folded", "RFC 9112 5.2"),
            R::NoColon => (400, "a field line has no colon", "RFC 9112 5"),
            R::BadFieldName => (400, "a field name is not a token", "RFC 9112 5.1"),
            R::BadFieldValue => (400, "a field value has a control byte", "RFC 9110 5.5"),
            R::FieldTooLong => (431, "a field line is too long", "RFC 6585 5"),
            R::TooManyFields => (431, "too many field lines", "RFC 6585 5"),
            R::HeadTooLong => (431, "the head is too long", "RFC 6585 5"),
            R::HostMissing => (400, "there is no Host", "RFC 9112 3.2"),
            R::HostRepeated => (400, "Host occurs twice", "RFC 9112 3.2"),
            R::BadHost => (400, "Host is no valid host", "RFC 9112 3.2"),
            R::HostDisagrees => (400, "target and Host name different hosts", "RFC 9112 3.2.2"),
            R::BadContentLength => (400, "Content-Length is no number", "RFC 9110 8.6"),
            R::ContentLengthRepeated => (400, "Content-Length occurs twice", "RFC 9110 8.6"),
            R::LengthAndEncoding => (400, "Content-Length and Transfer-Encoding together", "RFC 9112 6.1"),
            R::EncodingRepeated => (400, "Transfer-Encoding occurs twice", "RFC 9112 6.1"),
            R::EncodingUnsupported => (501, "a transfer coding other than chunked", "RFC 9112 6.1"),
            R::EncodingInOldVersion => (400, "Transfer-Encoding in HTTP/1.0", "RFC 9112 6.1"),
            R::FramingLookalike => (400, "a field that looks like a framing field", "RFC 9112 11.2"),
            R::ContentTypeRepeated => (400, "Content-Type occurs twice with different values", "RFC 9110 8.3"),
            R::BadConnection => (400, "Connection has a member that is no token", "RFC 9110 7.6.1"),
            R::ConnectionNamesField => (400, "Connection names a field that is for the server", "RFC 9110 7.6.1"),
            R::BadExpect => (417, "Expect asks for something unknown", "RFC 9110 10.1.1"),
            R::BadWebSocket => (400, "the WebSocket handshake is malformed", "RFC 6455 4.2.1"),
            R::WebSocketVersion => (426, "the WebSocket version is not 13", "RFC 6455 4.4"),
            R::BadChunkSize => (400, "a chunk size is malformed", "RFC 9112 7.1"),
            R::BadChunkExtension => (400, "a chunk extension is malformed or too long", "RFC 9112 7.1.1"),
            R::BadChunkEnd => (400, "a chunk does not end in CR LF", "RFC 9112 7.1"),
            R::TrailersTooLong => (431, "the trailer section is too long", "RFC 9112 7.1.2"),
            R::BadStatusLine => (502, "the status line is malformed", "RFC 9112 4"),
            R::BodyForbidden => (502, "an interim response frames a body", "RFC 9112 6.3"),
            R::BadSwitch => (502, "101 names no protocol", "RFC 9110 15.2.2"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, words, source) = self.facts();
        write!(out, "{words} ({source}, {status})")
    }
}

impl core::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    /// The documentation of each reason names the section that its row has.
    #[test]
    fn every_reason_is_documented_with_its_source() {
        let file = include_str!("refusal.rs");
        let (docs, rows) = file.split_once("impl Refusal").unwrap();
        let mut doc = String::new();
        let mut reasons = 0;
        for line in docs.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                doc += text;
            } else if let Some(reason) = line.strip_suffix(',') {
                let (_, row) = rows.split_once(&format!("R::{reason} =>")).unwrap();
                let (rfc, section) = row.split('"').nth(3).unwrap().rsplit_once(' ').unwrap();
                assert!(doc.contains(&format!("({rfc}, section {section}")), "{reason}");
                doc.clear();
                reasons += 1;
            }
        }
        assert!(reasons > 40);
    }
}
