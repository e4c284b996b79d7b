//! One check under way: its request, its connection, and what has come of the response.

use std::os::fd::OwnedFd;

use fosse_deadlines::Timer;
use fosse_http1::HeadWriter;
use fosse_settings::Check;
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::{
    limits,
    response::{Fault, judge},
};

/// The limits of a check whose request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `first_byte_seconds` of the backend or `interval_seconds` of the check, whichever is less.
    Response,
}

/// A check whose request is sent.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) fd: OwnedFd,
    /// Index of its server.
    pub(crate) server: usize,
    /// The limit of the wait for a whole response.
    pub(crate) timer: Timer<Limit>,
    /// The response so far.
    input: Vec<u8>,
}

impl Probe {
    /// Sends the request of a check. `None` where the connection does not take all of it at once:
    /// the buffer of a fresh one has room for a thousand.
    pub(crate) fn send(fd: OwnedFd, server: usize, check: &Check) -> Option<Self> {
        let out = request(check);
        let sent = send(&fd, &out, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) == Ok(out.len());
        sent.then(|| Self { fd, server, timer: Timer::default(), input: Vec::new() })
    }

    /// Reads once. Returns the result of the check as soon as it is known.
    pub(crate) fn read(&mut self, check: &Check, scratch: &mut [u8]) -> Option<Result<(), Fault>> {
        let ended = match recv(&self.fd, &mut *scratch, RecvFlags::DONTWAIT) {
            Ok((count, _)) => {
                self.input.extend_from_slice(&scratch[..count]);
                count == 0
            }
            Err(Errno::AGAIN | Errno::INTR) => return None,
            Err(_) => true,
        };
        match judge(&self.input, ended, check) {
            None if ended => Some(Err(Fault::Closed)),
            None if self.input.len() > limits::CHECK_BYTES_MAX => Some(Err(Fault::TooLong)),
            result => result,
        }
    }
}

/// Returns the bytes of a check's request. Its PROXY header names no client: it is fosse's own
/// (proxy-protocol.txt, section 2: UNKNOWN and LOCAL).
fn request(check: &Check) -> Vec<u8> {
    let mut out = Vec::new();
    match check.proxy_protocol {
        0 => {}
        1 => fosse_proxyproto::encode_v1(&mut out, None),
        _ => fosse_proxyproto::encode_v2(&mut out, None),
    }
    let written = HeadWriter::request(&mut out, check.method.as_bytes(), check.path.as_bytes()).and_then(|mut to| {
        to.field(b"Host", check.host.as_bytes())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn a_request_names_method_path_and_host_after_the_proxy_header() {
        let check = Check { method: "GET".into(), path: "/up".into(), host: "a.example".into(), ..Check::default() };
        let head = "GET /up HTTP/1.1\r\nHost: a.example\r\nUser-Agent: fosse-health\r\nConnection: close\r\n\r\n";
        let text = |check: &Check| String::from_utf8_lossy(&request(check)).into_owned();
        assert_eq!(text(&check), head);
        assert_eq!(text(&Check { proxy_protocol: 1, ..check.clone() }), format!("PROXY UNKNOWN\r\n{head}"));
        assert!(text(&Check { proxy_protocol: 2, ..check }).starts_with("\r\n\r\n\0\r\nQUIT\n"));
    }

    #[test]
    fn a_response_that_ends_too_soon_or_never_is_a_failure() {
        let check = Check { method: "GET".into(), path: "/".into(), status: vec![(200, 200)], ..Check::default() };
        let probe = || {
            let (ours, theirs) =
                socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
            (Probe::send(ours, 0, &check).unwrap(), theirs)
        };
        let mut scratch = vec![0; limits::READ_BYTES];
        let (mut cut, theirs) = probe();
        rustix::io::write(&theirs, b"HTTP/1.1 200 OK\r\nContent-").unwrap();
        assert_eq!(cut.read(&check, &mut scratch), None);
        rustix::net::shutdown(&theirs, rustix::net::Shutdown::Both).unwrap();
        assert_eq!(cut.read(&check, &mut scratch), Some(Err(Fault::Closed)));
        let endless = Check { body: "never".into(), ..check.clone() };
        let (mut long, theirs) = probe();
        rustix::io::write(&theirs, b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let result = (0..10).find_map(|_| {
            rustix::io::write(&theirs, &[b'x'; limits::READ_BYTES]).unwrap();
            long.read(&endless, &mut scratch)
        });
        assert_eq!(result, Some(Err(Fault::TooLong)));
    }
}
