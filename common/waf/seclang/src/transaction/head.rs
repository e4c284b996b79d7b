//! Variables out of the request head: connection, line, header fields, cookies and query.

use super::calendar::Calendar;
use super::request::{Line, Reading, Request};
use super::variables::Variables;
use crate::settings::Settings;
use crate::variable::Variable;
use fosse_bodies::Item;
use fosse_bodies::form::{self, FormOptions};
use fosse_http1::percent;
use std::net::IpAddr;

/// Cookies looked at per header line: ModSecurity has no limit; browsers keep 180 per site at most.
const COOKIES_COUNT_MAX: usize = 1000;

/// Fills in what is known once the request head is complete.
pub(super) fn fill(request: &mut Request, variables: &mut Variables<'_>) {
    fill_connection(request, variables);
    fill_time(variables);
    fill_line(&request.line, &mut request.reading, variables);
    fill_headers(variables);
    for variable in ZERO_UNTIL_BODY {
        variables.add_number(*variable, 0);
    }
    variables.processor = variables.processor.or(request.processor());
}

fn fill_connection(request: &Request, variables: &mut Variables<'_>) {
    let address = |end: Option<(IpAddr, u16)>| end.map(|(address, _)| address.to_canonical().to_string());
    if let Some(client) = address(request.client) {
        // No name is looked up: REMOTE_HOST is the address, as under `HostnameLookups Off`.
        for variable in [Variable::RemoteAddr, Variable::RemoteHost, Variable::UseragentIp] {
            variables.add_single(variable, client.as_bytes());
        }
    }
    if variables.rules.uses(Variable::ServerAddr)
        && let Some(server) = address(request.server)
    {
        variables.add_single(Variable::ServerAddr, server.as_bytes());
    }
    let port = |end: Option<(IpAddr, u16)>| end.map_or(0, |(_, port)| u64::from(port));
    variables.add_number(Variable::RemotePort, port(request.client));
    variables.add_number(Variable::ServerPort, port(request.server));
    variables.add_single(Variable::UniqueId, &request.unique_id);
    variables.add_single(Variable::Webappid, variables.rules.settings.web_app_id.as_bytes());
    variables.add_single(Variable::ModsecBuild, b"020909000");
}

/// Fills in TIME and its parts.
fn fill_time(variables: &mut Variables<'_>) {
    let at = Calendar::new(variables.now.seconds);
    let Calendar { year, month, day, weekday, hour, minute, second } = at;
    if variables.rules.uses(Variable::Time) {
        let text = format!("{hour:02}:{minute:02}:{second:02}");
        variables.add_single(Variable::Time, text.as_bytes());
    }
    for (variable, number) in [
        (Variable::TimeEpoch, variables.now.seconds),
        (Variable::TimeYear, year),
        // As in C's struct tm: months count from 0.
        (Variable::TimeMon, month - 1),
        (Variable::TimeDay, day),
        (Variable::TimeWday, weekday),
        (Variable::TimeHour, hour),
        (Variable::TimeMin, minute),
        (Variable::TimeSec, second),
    ] {
        variables.add_number(variable, number);
    }
}

fn fill_line(line: &Line, reading: &mut Reading, variables: &mut Variables<'_>) {
    let uri = line.uri.as_slice();
    let relative = without_origin(uri);
    let (path, query) = match relative.iter().position(|byte| *byte == b'?') {
        Some(at) => (&relative[..at], &relative[at + 1..]),
        None => (relative, [].as_slice()),
    };
    // Decoded once, `+` left as it is: what the server that ModSecurity 2 runs in hands to its
    // rules as the file name.
    let path = percent::decode(path);
    let base = path.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |at| at + 1);
    for (variable, text) in [
        (Variable::RequestLine, line.raw.as_slice()),
        (Variable::RequestMethod, &line.method),
        (Variable::RequestProtocol, &line.version),
        (Variable::RequestUriRaw, uri),
        (Variable::RequestUri, relative),
        (Variable::RequestFilename, &path),
        (Variable::RequestBasename, &path[base..]),
        (Variable::QueryString, query),
    ] {
        variables.add_single(variable, text);
    }
    fill_query(query, reading, variables);
}

fn fill_query(query: &[u8], reading: &mut Reading, variables: &mut Variables<'_>) {
    let options = form_options(&variables.rules.settings);
    let combined = &mut reading.combined_size;
    let report = form::urlencoded(query, &options, &mut |item| {
        if let Item::Argument { name, value } = item {
            *combined += name.len() + value.len();
            variables.add_named((Variable::ArgsGet, Variable::ArgsGetNames), name, value);
        }
    });
    let combined = u64::try_from(*combined).unwrap_or(u64::MAX);
    reading.urlencoded_error |= report.invalid > 0;
    if report.over_limit {
        reading.error.get_or_insert_with(|| "SecArgumentsLimit exceeded".to_owned());
    }
    variables.add_number(Variable::ArgsCombinedSize, combined);
}

/// Returns how arguments in query and body are read.
pub(super) fn form_options(settings: &Settings) -> FormOptions {
    FormOptions {
        separator: settings.argument_separator,
        arguments_count_max: crate::arena::widen(settings.arguments_limit),
    }
}

fn fill_headers(variables: &mut Variables<'_>) {
    let mut at = 0;
    while let Some(entry) = variables.values.column(Variable::RequestHeaders).get(at).copied() {
        at += 1;
        let name = variables.text(entry.key);
        if name.eq_ignore_ascii_case(b"cookie") {
            let header = variables.text(entry.value).to_vec();
            fill_cookies(&header, variables);
        } else if name.eq_ignore_ascii_case(b"host") {
            let host = host_name(variables.text(entry.value)).to_vec();
            variables.add_single(Variable::ServerName, &host);
        } else if name.eq_ignore_ascii_case(b"authorization") {
            let credentials = variables.text(entry.value).to_vec();
            fill_authorization(&credentials, variables);
        }
    }
}

fn fill_authorization(credentials: &[u8], variables: &mut Variables<'_>) {
    let scheme = credentials.split(|byte| *byte == b' ').next().unwrap_or_default();
    variables.add_single(Variable::AuthType, scheme);
    if variables.rules.uses(Variable::RemoteUser)
        && let Some(user) = basic_user(credentials)
    {
        variables.add_single(Variable::RemoteUser, &user);
    }
}

fn fill_cookies(header: &[u8], variables: &mut Variables<'_>) {
    let settings = &variables.rules.settings;
    form::cookies(header, settings.cookie_separator, COOKIES_COUNT_MAX, &mut |item| {
        if let Item::Cookie { name, value } = item {
            let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
            let value = if settings.cookies_version_1 { bare.unwrap_or(value) } else { value };
            variables.add_named((Variable::RequestCookies, Variable::RequestCookiesNames), name, value);
        }
    });
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

/// Returns a Host without its port: an address of version 6 without its brackets.
fn host_name(host: &[u8]) -> &[u8] {
    let name = match host.first() {
        Some(b'[') => host[1..].split(|byte| *byte == b']').next(),
        _ => host.split(|byte| *byte == b':').next(),
    };
    name.unwrap_or_default()
}

/// Returns the user that `Authorization: Basic` names. The password is not checked.
fn basic_user(authorization: &[u8]) -> Option<Vec<u8>> {
    let (scheme, credentials) = authorization.split_at_checked(b"Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = fosse_transform::Transform::Base64Decode.apply(credentials.trim_ascii()).into_owned();
    Some(decoded.split(|byte| *byte == b':').next().unwrap_or_default().to_vec())
}

/// Returns a request target without scheme and authority: `http://host/path` is `/path`.
fn without_origin(uri: &[u8]) -> &[u8] {
    let scheme =
        uri.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')).count();
    let Some(rest) = uri[scheme..].strip_prefix(b"://").filter(|_| scheme > 0) else {
        return uri;
    };
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?')) {
        Some(end) => &rest[end..],
        None => b"/",
    }
}

#[cfg(test)]
mod tests {
    use super::{basic_user, host_name, without_origin};

    #[test]
    fn a_user_is_read_from_basic_credentials() {
        assert_eq!(basic_user(b"basic YWxpY2U6c2VjcmV0").as_deref(), Some(b"alice".as_slice()));
        assert_eq!(basic_user(b"Bearer YWxpY2U6c2VjcmV0"), None);
        assert_eq!(basic_user(b"Basic "), Some(Vec::new()));
    }

    #[test]
    fn a_host_loses_its_port() {
        for (host, name) in [("a.example:80", "a.example"), ("a.example", "a.example"), ("[::1]:80", "::1"), ("[", "")]
        {
            assert_eq!(host_name(host.as_bytes()), name.as_bytes(), "{host}");
        }
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
