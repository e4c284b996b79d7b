//! The request as a FastCGI server gets it: the parameters of CGI (RFC 3875, section 4.1), with the
//! names that PHP knows from nginx, and the header fields that a server of HTTP/1.1 would get.

use fosse_fastcgi::{END_OF_STDIN, ParamsWriter, TooLong, write_begin, write_stdin};
use fosse_http1::{same_name, write_number};
use fosse_routing::Script;
use fosse_settings::{Backend, FastCgi};
use fosse_wire::request::{BodyLength, RequestHead, Version};

use super::{
    refused::Refused,
    request,
    stream::{Buffering, Stream},
};
use crate::policies::Policy;

impl Stream {
    /// Writes the beginning of a request and its parameters. The length of a chunked body that is
    /// buffered follows, from [`Stream::write_length`].
    pub(super) fn write_params(
        &mut self,
        head: &RequestHead<'_>,
        policy: &Policy,
        backend: &Backend,
        fastcgi: &FastCgi,
    ) -> Result<(), Refused> {
        let waits_for_length = head.body == BodyLength::Chunked;
        if waits_for_length && self.buffering == Buffering::No {
            return Err(Refused::NoLength);
        }
        let script = fosse_routing::script(fastcgi, head.target).ok_or(Refused::NoScript)?;
        // One place decides which fields pass, for either protocol.
        let mut http = Vec::new();
        request::write(&mut http, &RequestHead { body: BodyLength::None, ..*head }, policy, backend, false)?;
        write_begin(&mut self.out, backend.pool_connections_max > 0);
        let mut to = ParamsWriter::new(&mut self.out);
        put_request(&mut to, head)?;
        put_script(&mut to, fastcgi, &script)?;
        put_fields(&mut to, &http)?;
        for (name, value) in &fastcgi.params {
            to.put(name.as_bytes(), value.as_bytes())?;
        }
        if waits_for_length {
            to.pause();
            self.framing_at = Some(self.out.len());
            return Ok(());
        }
        if let BodyLength::Exact(length) = head.body {
            put_number(&mut to, b"CONTENT_LENGTH", length)?;
        }
        to.finish();
        Ok(())
    }

    /// Writes the length of the body that lies in the buffer from `at` on, and puts it into
    /// records.
    pub(super) fn write_length(&mut self, at: usize) {
        let body = self.out.split_off(at);
        let mut to = ParamsWriter::new(&mut self.out);
        // A number is never longer than a record.
        let _ = put_number(&mut to, b"CONTENT_LENGTH", u64::try_from(body.len()).unwrap_or(u64::MAX));
        to.finish();
        write_stdin(&mut self.out, &body);
        self.out.extend_from_slice(&END_OF_STDIN);
    }
}

/// Writes what was asked, by whom, and of whom.
fn put_request(to: &mut ParamsWriter<'_>, head: &RequestHead<'_>) -> Result<(), TooLong> {
    let query = head.target.iter().position(|byte| *byte == b'?').map_or(&b""[..], |at| &head.target[at + 1..]);
    let protocol: &[u8] = match head.version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
        Version::Http2 => b"HTTP/2.0",
    };
    let address = head.client.ip().map_or_else(|| "unix:".to_owned(), |ip| ip.to_string());
    let (scheme, port): (&[u8], u16) = if head.secure { (b"https", 443) } else { (b"http", 80) };
    let texts: [(&[u8], &[u8]); 9] = [
        (b"GATEWAY_INTERFACE", b"CGI/1.1"),
        (b"SERVER_PROTOCOL", protocol),
        (b"SERVER_NAME", head.host),
        (b"REQUEST_METHOD", head.method),
        (b"REQUEST_SCHEME", scheme),
        // Of a target that was rewritten, what came: scripts make links of it.
        (b"REQUEST_URI", head.received_target()),
        (b"QUERY_STRING", query),
        (b"REMOTE_ADDR", address.as_bytes()),
        // PHP's own CGI refuses to run a script without it (cgi.force_redirect).
        (b"REDIRECT_STATUS", b"200"),
    ];
    for (name, value) in texts {
        to.put(name, value)?;
    }
    if head.client.port != 0 {
        put_number(to, b"REMOTE_PORT", u64::from(head.client.port))?;
    }
    put_number(to, b"SERVER_PORT", u64::from(if head.host_port == 0 { port } else { head.host_port }))?;
    if head.secure { to.put(b"HTTPS", b"on") } else { Ok(()) }
}

/// Writes what runs. No byte of its path is the client's but those that a star of the configuration
/// has taken.
fn put_script(to: &mut ParamsWriter<'_>, fastcgi: &FastCgi, script: &Script) -> Result<(), TooLong> {
    let (root, Script { name, path_info }) = (fastcgi.root.as_bytes(), script);
    to.put(b"DOCUMENT_ROOT", root)?;
    to.put(b"SCRIPT_NAME", name)?;
    to.put_parts(&[b"SCRIPT_FILENAME"], &[root, name])?;
    to.put_parts(&[b"DOCUMENT_URI"], &[name, path_info])?;
    if path_info.is_empty() { Ok(()) } else { to.put(b"PATH_INFO", path_info) }
}

/// Writes the fields of a head of HTTP/1.1. A name that CGI could not tell from another one, since
/// it has an underscore or anything else than letters, digits and hyphens, is left out; lines of
/// one name become one value (RFC 3875, section 4.1.18).
fn put_fields(to: &mut ParamsWriter<'_>, http: &[u8]) -> Result<(), TooLong> {
    let fields: Vec<(&[u8], &[u8])> = http.split(|byte| *byte == b'\n').skip(1).filter_map(split).collect();
    for (at, (name, value)) in fields.iter().enumerate() {
        let is_plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        if !is_plain || fields[..at].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) {
            continue;
        }
        if same_name(name, b"content-type") {
            to.put(b"CONTENT_TYPE", value)?;
            continue;
        }
        let between: &[u8] = if same_name(name, b"cookie") { b"; " } else { b", " };
        let mut parts = vec![*value];
        for (_, more) in fields[at + 1..].iter().filter(|(later, _)| later.eq_ignore_ascii_case(name)) {
            parts.extend([between, *more]);
        }
        to.put_field(name, &parts)?;
    }
    Ok(())
}

/// Splits a line as it was written here.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_suffix(b"\r")?;
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((&line[..colon], line.get(colon + 2..)?))
}

fn put_number(to: &mut ParamsWriter<'_>, name: &[u8], number: u64) -> Result<(), TooLong> {
    let mut text = Vec::with_capacity(20);
    write_number(&mut text, number);
    to.put(name, &text)
}
