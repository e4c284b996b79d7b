//! Values out of the request: line, headers, cookies, query and body.
// Long: one short function for each kind of fact, in the order they come about.

use super::Transaction;
use crate::action::Processor;
use crate::arena::Span;
use crate::settings::{LimitAction, XmlArguments};
use crate::variable::Variable;
use fosse_bodies::form::{self, FormOptions};
use fosse_bodies::json::{self, JsonOptions};
use fosse_bodies::multipart::{self, MultipartOptions, MultipartReport};
use fosse_bodies::xml::{self, XmlOptions};
use fosse_bodies::{Item, charset::Charset};

/// Cookies looked at per header line: ModSecurity has no limit; browsers keep 180 per site at most.
const COOKIES_COUNT_MAX: usize = 1000;

/// What became of a piece of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    /// It is held for the rules.
    All,
    /// The limit is reached: what is over it passes unseen, as the site says (SecRequestBodyLimitAction ProcessPartial).
    Part,
    /// The limit is reached and the body is to be refused: 413 for a request.
    Refused,
}

impl Transaction<'_> {
    /// Fills in what is known once the request head is complete.
    pub(super) fn fill_head(&mut self) {
        self.fill_connection();
        self.fill_time();
        self.fill_line();
        self.fill_headers();
        for variable in ZERO_UNTIL_BODY {
            self.values.add_number(self.rules, *variable, 0);
        }
        self.processor = self.processor.or(self.processor_by_type());
    }

    // Long: every variable that comes of the request line.
    fn fill_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let uri = line.uri.as_slice();
        let relative = without_origin(uri);
        let (path, query) = match relative.iter().position(|byte| *byte == b'?') {
            Some(at) => {
                (relative.get(..at).unwrap_or_default(), relative.get(at.saturating_add(1)..).unwrap_or_default())
            }
            None => (relative, [].as_slice()),
        };
        // Decoded once and `+` kept: what the server that ModSecurity 2 runs in hands to its rules as the file name.
        let path = fosse_http1::percent::decode(path);
        let base = path.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |at| at.saturating_add(1));
        for (variable, text) in [
            (Variable::RequestLine, line.raw.as_slice()),
            (Variable::RequestMethod, &line.method),
            (Variable::RequestProtocol, &line.version),
            (Variable::RequestUriRaw, uri),
            (Variable::RequestUri, relative),
            (Variable::RequestFilename, &path),
            (Variable::RequestBasename, path.get(base..).unwrap_or_default()),
            (Variable::QueryString, query),
        ] {
            self.values.add_single(self.rules, variable, text);
        }
        let mut combined = 0;
        let report = {
            let (values, rules) = (&mut self.values, self.rules);
            form::urlencoded(query, &self.form_options, &mut |item| {
                if let Item::Argument { name, value } = item {
                    combined = usize::saturating_add(combined, name.len()).saturating_add(value.len());
                    let (name, value) = (values.bytes.push(name), values.bytes.push(value));
                    values.add(rules, Variable::ArgsGet, name, value);
                    if rules.uses(Variable::ArgsGetNames) {
                        values.add(rules, Variable::ArgsGetNames, name, name);
                    }
                }
            })
        };
        self.combined_size = combined;
        self.urlencoded_error |= report.invalid > 0;
        if report.over_limit {
            self.body_error.get_or_insert_with(|| "SecArgumentsLimit exceeded".to_owned());
        }
        self.values.add_number(self.rules, Variable::ArgsCombinedSize, u64::try_from(combined).unwrap_or(u64::MAX));
        self.line = line;
    }

    fn fill_headers(&mut self) {
        let mut at = 0;
        while let Some(entry) = self.values.shelf(Variable::RequestHeaders).get(at).copied() {
            at = at.saturating_add(1);
            let rules = self.rules;
            let name = self.values.text(rules, entry.key);
            if name.eq_ignore_ascii_case(b"cookie") {
                let header = self.values.text(rules, entry.value).to_vec();
                self.fill_cookies(&header);
            } else if name.eq_ignore_ascii_case(b"host") {
                let host = self.values.text(rules, entry.value);
                let host = match host.first() {
                    Some(b'[') => host.split(|byte| *byte == b']').next().and_then(|host| host.get(1..)),
                    _ => host.split(|byte| *byte == b':').next(),
                };
                let host = host.unwrap_or_default().to_vec();
                self.values.add_single(rules, Variable::ServerName, &host);
            } else if name.eq_ignore_ascii_case(b"authorization") {
                let scheme = self.values.text(rules, entry.value).split(|byte| *byte == b' ').next();
                let scheme = scheme.unwrap_or_default().to_vec();
                self.values.add_single(rules, Variable::AuthType, &scheme);
                if rules.uses(Variable::RemoteUser)
                    && let Some(user) = basic_user(self.values.text(rules, entry.value))
                {
                    self.values.add_single(rules, Variable::RemoteUser, &user);
                }
            }
        }
    }

    fn fill_cookies(&mut self, header: &[u8]) {
        let (values, rules) = (&mut self.values, self.rules);
        let quoted = rules.settings.cookies_version_1;
        form::cookies(header, rules.settings.cookie_separator, COOKIES_COUNT_MAX, &mut |item| {
            if let Item::Cookie { name, value } = item {
                let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
                let value = if quoted { bare.unwrap_or(value) } else { value };
                let (name, value) = (values.bytes.push(name), values.bytes.push(value));
                values.add(rules, Variable::RequestCookies, name, value);
                if rules.uses(Variable::RequestCookiesNames) {
                    values.add(rules, Variable::RequestCookiesNames, name, name);
                }
            }
        });
    }

    /// The body's parser, by its Content-Type.
    fn processor_by_type(&self) -> Option<Processor> {
        let lower = self.content_type.to_ascii_lowercase();
        if lower.starts_with(b"application/x-www-form-urlencoded") {
            Some(Processor::Urlencoded)
        } else if lower.starts_with(b"multipart/form-data") {
            Some(Processor::Multipart)
        } else {
            None
        }
    }

    /// Takes a piece of the request body. Call it for each piece, between phases 1 and 2.
    pub fn request_body(&mut self, piece: &[u8]) -> Taken {
        if !self.request_body_access {
            return Taken::All;
        }
        let limit = usize::try_from(self.request_body_limit).unwrap_or(usize::MAX);
        let room = limit.saturating_sub(self.body.len());
        self.body.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if piece.len() <= room {
            return Taken::All;
        }
        self.inbound_data_error = true;
        match self.rules.settings.request_body_limit_action {
            LimitAction::Reject if self.mode == crate::action::Mode::On => Taken::Refused,
            _ => Taken::Part,
        }
    }

    /// Fills in what the request body gives.
    pub(super) fn fill_body(&mut self) {
        let body = std::mem::take(&mut self.body);
        let rules = self.rules;
        self.values.set_single(rules, Variable::RequestBodyLength, body.len().to_string().as_bytes());
        self.values.set_single(rules, Variable::InboundDataError, flag(self.inbound_data_error));
        if !body.is_empty() && self.request_body_access {
            match self.processor {
                Some(Processor::Urlencoded) => self.fill_urlencoded(&body),
                Some(Processor::Multipart) => self.fill_multipart(&body),
                Some(Processor::Json) => self.fill_json(&body),
                Some(Processor::Xml) => self.fill_xml(&body),
                None if self.force_body => self.values.add_single(rules, Variable::RequestBody, &body),
                None => {}
            }
        }
        self.values.add_single(rules, Variable::StreamInputBody, &body);
        if rules.uses(Variable::FullRequest) || rules.uses(Variable::FullRequestLength) {
            self.fill_full_request(&body);
        }
        self.body = body;
        let combined = self.combined_size.to_string();
        self.values.set_single(rules, Variable::ArgsCombinedSize, combined.as_bytes());
        self.values.set_single(rules, Variable::UrlencodedError, flag(self.urlencoded_error));
        let message = self.body_error.clone().unwrap_or_default();
        for variable in [Variable::ReqbodyError, Variable::ReqbodyProcessorError] {
            self.values.set_single(rules, variable, flag(self.body_error.is_some()));
        }
        for variable in [Variable::ReqbodyErrorMsg, Variable::ReqbodyProcessorErrorMsg] {
            self.values.set_single(rules, variable, message.as_bytes());
        }
    }

    fn fill_urlencoded(&mut self, body: &[u8]) {
        self.values.add_single(self.rules, Variable::RequestBody, body);
        let options = self.form_options;
        let mut report = form::FormReport::default();
        self.with_arguments(|sink| report = form::urlencoded(body, &options, sink));
        self.urlencoded_error |= report.invalid > 0;
        if report.over_limit {
            self.body_error = Some("SecArgumentsLimit exceeded".to_owned());
        }
        self.check_no_files(body.len());
    }

    fn fill_json(&mut self, body: &[u8]) {
        let options = JsonOptions {
            depth_count_max: crate::arena::widen(self.rules.settings.json_depth_limit).min(json::DEPTH_COUNT_MAX),
            arguments_count_max: self.form_options.arguments_count_max,
            ..JsonOptions::default()
        };
        let mut report = json::JsonReport::default();
        self.with_arguments(|sink| report = json::parse(body, &options, sink));
        if let Some(error) = report.error {
            self.body_error = Some(error.to_string());
        }
        self.check_no_files(body.len());
    }

    fn fill_xml(&mut self, body: &[u8]) {
        let options = XmlOptions {
            arguments_count_max: self.form_options.arguments_count_max,
            charset: self.charset(),
            paths: if self.xml_arguments == XmlArguments::Only { &[] } else { &self.rules.paths },
            leaves_as_arguments: self.xml_arguments != XmlArguments::Off,
            ..XmlOptions::default()
        };
        let mut report = xml::XmlReport::default();
        self.with_arguments(|sink| report = xml::parse(body, &options, sink));
        match report.error {
            Some(error) => self.body_error = Some(error.to_string()),
            None if self.xml_arguments == XmlArguments::Only => {}
            None => self.values.add_single(self.rules, Variable::Xml, b"[XML document tree]"),
        }
        self.check_no_files(body.len());
    }

    fn charset(&self) -> Option<Charset> {
        let lower = self.content_type.to_ascii_lowercase();
        let at = lower.windows(8).position(|part| part == b"charset=")?;
        let name = lower.get(at.saturating_add(8)..)?;
        let end = name.iter().position(|byte| matches!(byte, b';' | b' ')).unwrap_or(name.len());
        let name = name.get(..end)?.trim_ascii();
        Charset::from_name(name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name))
    }

    fn fill_multipart(&mut self, body: &[u8]) {
        let options = MultipartOptions {
            files_count_max: crate::arena::widen(self.rules.settings.upload_file_limit),
            parts_count_max: self.form_options.arguments_count_max,
        };
        let content_type = std::mem::take(&mut self.content_type);
        let mut report = MultipartReport::default();
        self.with_arguments(|sink| report = multipart::parse(&content_type, body, &options, sink));
        self.content_type = content_type;
        if let Some(error) = report.error {
            self.body_error = Some(format!("Multipart parsing error: {error}"));
        }
        self.fill_multipart_flags(&report);
        self.check_no_files(body.len().saturating_sub(report.files_combined_bytes));
    }

    fn fill_multipart_flags(&mut self, report: &MultipartReport) {
        for (variable, value) in [
            (Variable::MultipartStrictError, report.strict_error()),
            (Variable::MultipartBoundaryQuoted, report.boundary_quoted),
            (Variable::MultipartBoundaryWhitespace, report.boundary_whitespace),
            (Variable::MultipartDataBefore, report.data_before),
            (Variable::MultipartDataAfter, report.data_after),
            (Variable::MultipartHeaderFolding, report.header_folding),
            (Variable::MultipartLfLine, report.lf_line),
            (Variable::MultipartCrlfLfLines, report.crlf_lf_lines()),
            (Variable::MultipartMissingSemicolon, report.missing_semicolon),
            (Variable::MultipartInvalidQuoting, report.invalid_quoting),
            (Variable::MultipartInvalidPart, report.invalid_part),
            (Variable::MultipartInvalidHeaderFolding, report.invalid_header_folding),
            (Variable::MultipartFileLimitExceeded, report.file_limit_exceeded),
        ] {
            self.values.set_single(self.rules, variable, flag(value));
        }
        let unmatched = report.unmatched_boundary.to_string();
        self.values.set_single(self.rules, Variable::MultipartUnmatchedBoundary, unmatched.as_bytes());
        let size = report.files_combined_bytes.to_string();
        self.values.set_single(self.rules, Variable::FilesCombinedSize, size.as_bytes());
    }

    /// A body without its files over SecRequestBodyNoFilesLimit is an error for the rules to judge.
    fn check_no_files(&mut self, bytes: usize) {
        let limit = self.rules.settings.request_body_no_files_limit;
        if u64::try_from(bytes).unwrap_or(u64::MAX) > limit {
            self.inbound_data_error = true;
            let message = format!("Request body no files data length is larger than the configured limit ({limit}).");
            self.body_error.get_or_insert(message);
            self.values.set_single(self.rules, Variable::InboundDataError, b"1");
        }
    }

    // Long: one arm for each thing a body can hold.
    /// Runs a body parser and takes in what it finds.
    fn with_arguments(&mut self, parse: impl FnOnce(fosse_bodies::Sink<'_>)) {
        let (values, rules) = (&mut self.values, self.rules);
        let combined = &mut self.combined_size;
        let tree = self.xml_arguments != XmlArguments::Only;
        parse(&mut |item| match item {
            Item::Argument { name, value } => {
                *combined = combined.saturating_add(name.len()).saturating_add(value.len());
                let (name, value) = (values.bytes.push(name), values.bytes.push(value));
                values.add(rules, Variable::ArgsPost, name, value);
                if rules.uses(Variable::ArgsPostNames) {
                    values.add(rules, Variable::ArgsPostNames, name, name);
                }
            }
            Item::File { name, filename, content } => {
                let (name, filename) = (values.bytes.push(name), values.bytes.push(filename));
                let size = values.push_number(i64::try_from(content.len()).unwrap_or(i64::MAX));
                for (variable, value) in [
                    (Variable::Files, filename),
                    (Variable::FilesNames, name),
                    (Variable::FilesSizes, size),
                    (Variable::MultipartFilename, filename),
                    (Variable::MultipartName, name),
                ] {
                    if rules.uses(variable) {
                        values.add(rules, variable, name, value);
                    }
                }
                if rules.uses(Variable::FilesTmpContent) {
                    let content = values.bytes.push(content);
                    values.add(rules, Variable::FilesTmpContent, name, content);
                }
            }
            Item::PartHeader { part, line } if rules.uses(Variable::MultipartPartHeaders) => {
                let (part, line) = (values.bytes.push(part), values.bytes.push(line));
                values.add(rules, Variable::MultipartPartHeaders, part, line);
            }
            Item::XmlContent(text) if tree && rules.uses(Variable::XmlText) => {
                let text = values.bytes.push(text);
                values.add(rules, Variable::XmlText, Span::EMPTY, text);
            }
            Item::XmlAttribute { value, .. } if tree && rules.uses(Variable::XmlAttributes) => {
                let value = values.bytes.push(value);
                values.add(rules, Variable::XmlAttributes, Span::EMPTY, value);
            }
            Item::XmlNode { path, value } => {
                let value = values.bytes.push(value);
                let key = rules.path_keys.get(path).copied().unwrap_or(Span::EMPTY);
                values.add(rules, Variable::XmlNodes, key, value);
            }
            Item::XmlDoctype(text) if rules.uses(Variable::XmlDoctype) => {
                let text = values.bytes.push(text);
                values.add(rules, Variable::XmlDoctype, Span::EMPTY, text);
            }
            _ => {}
        });
    }

    fn fill_full_request(&mut self, body: &[u8]) {
        let mut full = self.line.raw.clone();
        full.extend_from_slice(b"\n");
        for entry in self.values.shelf(Variable::RequestHeaders) {
            full.extend_from_slice(self.values.text(self.rules, entry.key));
            full.extend_from_slice(b": ");
            full.extend_from_slice(self.values.text(self.rules, entry.value));
            full.extend_from_slice(b"\n");
        }
        full.extend_from_slice(b"\n");
        full.extend_from_slice(body);
        self.values.add_single(self.rules, Variable::FullRequest, &full);
        let len = u64::try_from(full.len()).unwrap_or(u64::MAX);
        self.values.add_number(self.rules, Variable::FullRequestLength, len);
    }
}

/// Flags that are 0 until a body says otherwise.
const ZERO_UNTIL_BODY: &[Variable] = &[
    Variable::ReqbodyError,
    Variable::ReqbodyProcessorError,
    Variable::UrlencodedError,
    Variable::InboundDataError,
    Variable::OutboundDataError,
    Variable::FilesCombinedSize,
    Variable::MultipartStrictError,
    Variable::MultipartBoundaryQuoted,
    Variable::MultipartBoundaryWhitespace,
    Variable::MultipartCrlfLfLines,
    Variable::MultipartDataAfter,
    Variable::MultipartDataBefore,
    Variable::MultipartFileLimitExceeded,
    Variable::MultipartHeaderFolding,
    Variable::MultipartInvalidHeaderFolding,
    Variable::MultipartInvalidPart,
    Variable::MultipartInvalidQuoting,
    Variable::MultipartLfLine,
    Variable::MultipartMissingSemicolon,
    Variable::MultipartUnmatchedBoundary,
];

pub(super) fn flag(set: bool) -> &'static [u8] {
    if set { b"1" } else { b"0" }
}

/// The user that `Authorization: Basic` names. Nobody has checked the password.
fn basic_user(authorization: &[u8]) -> Option<Vec<u8>> {
    let (scheme, credentials) = authorization.split_at_checked(b"Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = fosse_transform::Transform::Base64Decode.apply(credentials.trim_ascii()).into_owned();
    Some(decoded.split(|byte| *byte == b':').next().unwrap_or_default().to_vec())
}

/// A request target without scheme and authority: `http://host/path` is `/path`.
fn without_origin(uri: &[u8]) -> &[u8] {
    let scheme =
        uri.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')).count();
    let Some(rest) = uri.get(scheme..).and_then(|rest| rest.strip_prefix(b"://")).filter(|_| scheme > 0) else {
        return uri;
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    match rest.get(end..) {
        Some(path) if !path.is_empty() => path,
        _ => b"/",
    }
}

pub(super) fn form_options(separator: u8, arguments: u32) -> FormOptions {
    FormOptions { separator, arguments_count_max: crate::arena::widen(arguments) }
}

#[cfg(test)]
mod tests {
    use super::{basic_user, without_origin};

    #[test]
    fn a_user_is_read_from_basic_credentials() {
        assert_eq!(basic_user(b"basic YWxpY2U6c2VjcmV0").as_deref(), Some(b"alice".as_slice()));
        assert_eq!(basic_user(b"Bearer YWxpY2U6c2VjcmV0"), None);
        assert_eq!(basic_user(b"Basic "), Some(Vec::new()));
    }

    #[test]
    fn the_path_of_an_absolute_target() {
        for (uri, path) in [
            ("http://example.com/a?b", "/a?b"),
            ("http://example.com", "/"),
            ("https://example.com?x", "?x"),
            ("/a://b", "/a://b"),
            ("://x/y", "://x/y"),
            ("*", "*"),
        ] {
            assert_eq!(without_origin(uri.as_bytes()), path.as_bytes(), "{uri}");
        }
    }
}
