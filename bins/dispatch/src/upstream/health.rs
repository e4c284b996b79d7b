//! Active health checks: a request on a connection of its own, now and then, to each server of a
//! backend that has one. They count apart from real requests, and outside of the limit of
//! connections: a server that is full of requests is no dead one.

use std::os::fd::OwnedFd;

use fosse_die::info;
use fosse_eventloop::Interest;
use fosse_eventloop::slab::{Key, Slab};
use fosse_http1::{
    ChunkedDecoder, HeadLimits, HeadWriter, Piece, Refusal, ResponseBody, ResponseHead, find_response_end,
    strict_response,
};
use fosse_settings::{Backend, Health};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use super::{
    connect::{Connect, Purpose},
    servers::Servers,
};
use crate::{
    PROGRAM,
    context::{Context, token},
    limits,
};

/// The connection of a check.
#[derive(Debug)]
struct CheckConnection {
    fd: OwnedFd,
    /// Index of its server.
    server: usize,
    /// End of the check, in milliseconds.
    deadline_ms: u64,
    /// The response so far.
    input: Vec<u8>,
}

/// The checks under way.
#[derive(Debug, Default)]
pub(crate) struct Checker(Slab<CheckConnection>);

impl Checker {
    /// Asks connect for the connections of the checks that are due.
    pub(super) fn begin_due(&self, servers: &mut Servers, connect: &mut Connect, now_ms: u64) {
        for at in 0..servers.len() {
            let (server, backend) = servers.with_backend(at);
            let Some(health) = &backend.health else { continue };
            if server.checks.is_due(health, at, now_ms) && connect.request(server.check_number, Purpose::Check(at)) {
                server.checks.begin(health, now_ms);
            }
        }
    }

    /// Takes the connection of a check, and sends its request.
    pub(super) fn connected(&mut self, at: usize, fd: OwnedFd, servers: &mut Servers, context: &Context<'_>) {
        let (_, backend) = servers.with_backend(at);
        let Some(health) = &backend.health else { return context.state_error("check of a server without one") };
        let wait = backend.first_byte_seconds.min(health.interval_seconds);
        let out = request(health, backend);
        let sent = send(&fd, &out, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) == Ok(out.len());
        let connection = CheckConnection { fd, server: at, deadline_ms: context.after(wait), input: Vec::new() };
        let key = sent.then(|| self.0.insert(connection)).flatten();
        let watched = key.and_then(|key| {
            let fd = &self.0.get(key)?.fd;
            context.event_loop.add(fd, key.token(token::CHECK), Interest::IN).ok()
        });
        if watched.is_none() {
            key.and_then(|key| self.0.remove(key));
            ended(servers, at, false, context.now_ms());
        }
    }

    /// Reads the response to a check.
    pub(super) fn event(&mut self, key: Key, servers: &mut Servers, context: &mut Context<'_>) {
        // An earlier event of this turn may have ended it.
        let Some(connection) = self.0.get_mut(key) else { return };
        let at = connection.server;
        let (_, backend) = servers.with_backend(at);
        let Some(health) = &backend.health else { return context.state_error("check of a server without one") };
        if let Some(good) = read(connection, health, backend.lenient_responses, &mut context.shared.scratch) {
            self.close(key, context);
            ended(servers, at, good, context.now_ms());
        }
    }

    /// Ends the checks that have had no whole response in time.
    pub(super) fn end_overdue(&mut self, servers: &mut Servers, context: &Context<'_>) {
        let now_ms = context.now_ms();
        let overdue = self.0.iter().filter(|(_, check)| check.deadline_ms <= now_ms);
        for (key, at) in overdue.map(|(key, check)| (key, check.server)).collect::<Vec<_>>() {
            self.close(key, context);
            ended(servers, at, false, context.now_ms());
        }
    }

    fn close(&mut self, key: Key, context: &Context<'_>) {
        if let Some(connection) = self.0.remove(key) {
            let _ = context.event_loop.remove(&connection.fd);
        }
    }
}

/// Counts the end of a check, and says so where it changes the server's state.
pub(super) fn ended(servers: &mut Servers, at: usize, good: bool, now_ms: u64) {
    let (server, backend) = servers.with_backend(at);
    let Some(health) = &backend.health else { return };
    if good {
        server.checked(backend, now_ms);
    }
    if server.checks.ended(health, backend, good) {
        server.start_slowly(backend, now_ms);
        let state = if server.checks.unhealthy { "down" } else { "up" };
        info(PROGRAM, format_args!("event=health server={} state={state}", server.name));
    }
}

/// Returns the bytes of a check's request. Its PROXY header names no client: it is fosse's own
/// (proxy-protocol.txt, section 2: UNKNOWN and LOCAL).
fn request(health: &Health, backend: &Backend) -> Vec<u8> {
    let mut out = Vec::new();
    match backend.proxy_protocol {
        0 => {}
        1 => fosse_proxyproto::encode_v1(&mut out, None),
        _ => fosse_proxyproto::encode_v2(&mut out, None),
    }
    let written = HeadWriter::request(&mut out, health.method.as_bytes(), health.path.as_bytes()).and_then(|mut to| {
        to.field(b"Host", health.host.as_bytes())?;
        to.field(b"User-Agent", b"fosse-health")?;
        to.field(b"Connection", b"close")?;
        to.finish();
        Ok(())
    });
    if written.is_err() {
        // fosse-config takes only what can be written.
        out.clear();
    }
    out
}

/// Reads once. Returns whether the response is a good one, as soon as that is known.
fn read(connection: &mut CheckConnection, health: &Health, lenient: bool, scratch: &mut [u8]) -> Option<bool> {
    let ended = match recv(&connection.fd, &mut *scratch, RecvFlags::DONTWAIT) {
        Ok((count, _)) => {
            connection.input.extend_from_slice(&scratch[..count]);
            count == 0
        }
        Err(Errno::AGAIN | Errno::INTR) => return None,
        Err(_) => true,
    };
    let too_long = connection.input.len() > limits::CHECK_BYTES_MAX;
    let good = is_good(&connection.input, ended, health, lenient).unwrap_or(Some(false));
    if ended || too_long { Some(good == Some(true)) } else { good }
}

/// Returns whether a response is as the check wants it; `None` while that cannot be said yet.
///
/// # Errors
/// [`Refusal`] where it is no HTTP/1.x.
fn is_good(mut bytes: &[u8], ended: bool, health: &Health, lenient: bool) -> Result<Option<bool>, Refusal> {
    loop {
        let Some(end) = find_response_end(bytes, 0, lenient)? else { return Ok(None) };
        let head = strict_response(&bytes[..end], lenient)?;
        let head = ResponseHead::parse(&head, health.method == "HEAD", &HeadLimits::DEFAULT)?;
        bytes = &bytes[end..];
        // Interim responses say nothing, but there is no protocol to switch to.
        if (100..=199).contains(&head.status) && head.status != 101 {
            continue;
        }
        if !health.status.iter().any(|(first, last)| (*first..=*last).contains(&head.status)) {
            return Ok(Some(false));
        }
        if health.body.is_empty() {
            return Ok(Some(true));
        }
        let (body, whole) = body_of(bytes, head.body, ended)?;
        let found = body.windows(health.body.len()).any(|part| part == health.body.as_bytes());
        return Ok(if found || whole { Some(found) } else { None });
    }
}

/// Returns the bytes of a body that have come, and whether it is whole.
fn body_of(bytes: &[u8], body: ResponseBody, ended: bool) -> Result<(Vec<u8>, bool), Refusal> {
    Ok(match body {
        ResponseBody::None => (Vec::new(), true),
        ResponseBody::Exact(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            (bytes[..bytes.len().min(length)].to_vec(), bytes.len() >= length)
        }
        ResponseBody::UntilClose => (bytes.to_vec(), ended),
        ResponseBody::Chunked => chunked(bytes)?,
    })
}

fn chunked(mut bytes: &[u8]) -> Result<(Vec<u8>, bool), Refusal> {
    let (mut decoder, mut body) = (ChunkedDecoder::of_response(), Vec::new());
    loop {
        let (used, piece) = decoder.next(bytes)?;
        bytes = &bytes[used..];
        match piece {
            Piece::Data(data) => body.extend_from_slice(data),
            Piece::More => return Ok((body, false)),
            Piece::End => return Ok((body, true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(status: &[(u16, u16)], body: &str) -> Health {
        Health { method: "GET".into(), status: status.to_vec(), body: body.into(), ..Health::default() }
    }

    fn good(response: &[u8], ended: bool, health: &Health) -> Option<bool> {
        is_good(response, ended, health, false).unwrap_or(Some(false))
    }

    #[test]
    fn the_status_decides_and_interim_responses_do_not() {
        let any = health(&[(200, 399)], "");
        assert_eq!(good(b"HTTP/1.1 204 No Content\r\n\r\n", false, &any), Some(true));
        assert_eq!(good(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", false, &any), Some(false));
        let hint = b"HTTP/1.1 103 Early Hints\r\n\r\n".as_slice();
        assert_eq!(good(hint, false, &any), None);
        assert_eq!(good(&[hint, b"HTTP/1.1 200 OK\r\n\r\n"].concat(), false, &any), Some(true));
        let listed = health(&[(200, 200), (401, 403)], "");
        for (status, passes) in [(200, true), (204, false), (400, false), (401, true), (403, true), (404, false)] {
            let response = format!("HTTP/1.1 {status} x\r\n\r\n");
            assert_eq!(good(response.as_bytes(), false, &listed), Some(passes), "{status}");
        }
        assert_eq!(good(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", false, &any), Some(false));
    }

    #[test]
    fn a_text_is_looked_for_in_the_body_alone_however_it_is_framed_and_cut() {
        let ready = health(&[(200, 200)], "ready");
        for response in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nis ready"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nis r\r\n4\r\neady\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nis ready",
        ] {
            assert_eq!(good(response, true, &ready), Some(true), "{}", response.escape_ascii());
            for cut in 0..response.len() {
                assert_ne!(good(&response[..cut], false, &ready), Some(false), "cut at {cut}");
            }
        }
        for response in [
            &b"HTTP/1.1 200 OK\r\nX: ready\r\nContent-Length: 3\r\n\r\nno ready"[..],
            b"HTTP/1.1 200 ready\r\nTransfer-Encoding: chunked\r\n\r\n2;ready\r\nno\r\n0\r\n\r\n",
            b"HTTP/1.1 204 ready\r\n\r\n",
        ] {
            assert_eq!(good(response, false, &ready), Some(false), "{}", response.escape_ascii());
        }
    }
}
