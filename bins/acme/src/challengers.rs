//! The questions of authorities over HTTP (RFC 8555, section 8.3): connections come from the lanes,
//! whose dispatch has asked for the path of a challenge, and each gets one response.

use std::os::fd::OwnedFd;

use fosse_counters::acme as count;
use fosse_eventloop::{
    Interest,
    slab::{Key, Slab},
};
use fosse_fdpass::{Fit, Received, receive_what_fits};
use fosse_service::{ExitReason, Process};
use fosse_wire::files::NewConnection;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::desk::Desk;
use crate::limits::{CHALLENGERS_COUNT_MAX, QUESTION_BYTES_MAX, QUESTION_MS_MAX};
use crate::order::is_token;

/// The path of a challenge, before its token (RFC 8555, section 8.3).
const PATH: &[u8] = b"/.well-known/acme-challenge/";
/// Connections taken from the channel in one turn.
const TAKEN_TURN_COUNT_MAX: usize = 64;

/// A connection without a response yet.
#[derive(Debug)]
struct Challenger {
    fd: OwnedFd,
    head: Vec<u8>,
    until_ms: u64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Challengers {
    channel: OwnedFd,
    all: Slab<Challenger>,
    desk: Desk,
    kind: u8,
}

impl Challengers {
    /// Takes connections from `channel`. `kind` marks their events.
    pub(crate) fn new(channel: OwnedFd, desk: Desk, kind: u8) -> Self {
        Self { channel, all: Slab::default(), desk, kind }
    }

    /// Returns the channel, to be watched.
    pub(crate) const fn channel(&self) -> &OwnedFd {
        &self.channel
    }

    /// Takes the connections that have come.
    ///
    /// # Errors
    /// The channel is gone, or brings something else.
    pub(crate) fn take(&mut self, process: &Process) -> Result<(), ExitReason> {
        for _ in 0..TAKEN_TURN_COUNT_MAX {
            let (mut bytes, mut fds) = ([0; NewConnection::BYTES], Vec::new());
            match receive_what_fits(&self.channel, &mut bytes, &mut fds)? {
                (Received::Nothing, _) => return Ok(()),
                (Received::End, _) => return Err(ExitReason::Failed("the channel of challenges has ended".to_owned())),
                (Received::Message(length), Fit::Whole) => {
                    NewConnection::decode(&bytes[..length], fds.len())
                        .map_err(|_| ExitReason::broken_protocol("connect"))?;
                    fds.into_iter().for_each(|fd| self.admit(process, fd));
                }
                // There was no descriptor for it.
                (Received::Message(_), _) => {}
            }
        }
        Ok(())
    }

    /// Takes one, in place of the oldest where there are too many.
    fn admit(&mut self, process: &Process, fd: OwnedFd) {
        if self.all.len() >= CHALLENGERS_COUNT_MAX
            && let Some((key, _)) = self.all.iter().min_by_key(|(_, one)| one.until_ms)
        {
            self.all.remove(key);
        }
        let until_ms = process.event_loop.now_ms() + QUESTION_MS_MAX;
        let Some(key) = self.all.insert(Challenger { fd, head: Vec::new(), until_ms }) else { return };
        let watched = self.all.get(key).map(|one| process.event_loop.add(&one.fd, key.token(self.kind), Interest::IN));
        if watched != Some(Ok(())) {
            self.all.remove(key);
        }
    }

    /// Reads what one has sent, and responds once that is a request.
    pub(crate) fn on_event(&mut self, process: &Process, key: Key) {
        let Some(one) = self.all.get_mut(key) else { return };
        let mut scratch = [0; 4096];
        match recv(&one.fd, &mut scratch, RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN | Errno::INTR) => return,
            Ok((count, _)) if count > 0 && one.head.len() + count <= QUESTION_BYTES_MAX => {
                one.head.extend_from_slice(&scratch[..count]);
                if !one.head.windows(4).any(|end| end == b"\r\n\r\n") {
                    return;
                }
                let response = respond(&one.head, |token| self.desk.open().tokens.get(token).cloned());
                process.counters.add(if response.0 { count::CHALLENGES } else { count::UNKNOWN_TOKENS }, 1);
                // A fresh socket has room for it.
                let _ = send(&one.fd, &response.1, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            }
            _ => {}
        }
        self.all.remove(key);
    }

    /// Closes those that have said nothing for too long. Called at every tick.
    pub(crate) fn end_overdue(&mut self, now_ms: u64) {
        let over: Vec<Key> = self.all.iter().filter(|(_, one)| one.until_ms <= now_ms).map(|(key, _)| key).collect();
        over.into_iter().for_each(|key| drop(self.all.remove(key)));
    }
}

/// Returns the response to a request, and whether it proves a name. `proof_of` knows the key
/// authorisation of a token that waits for its authority.
pub fn respond(head: &[u8], proof_of: impl FnOnce(&str) -> Option<String>) -> (bool, Vec<u8>) {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let token = target.strip_prefix(PATH).and_then(|token| std::str::from_utf8(token).ok()).filter(|one| is_token(one));
    let proof = token.and_then(proof_of);
    let (status, body) = match (method, &proof) {
        (b"GET" | b"HEAD", Some(proof)) => ("200 OK", proof.as_str()),
        (b"GET" | b"HEAD", None) => ("404 Not Found", ""),
        _ => ("405 Method Not Allowed\r\nAllow: GET, HEAD", ""),
    };
    let mut out = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nCache-Control: no-store\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if method != b"HEAD" {
        out.extend_from_slice(body.as_bytes());
    }
    (proof.is_some() && method == b"GET", out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(head: &str) -> String {
        let proof_of = |token: &str| (token == "tok_en-1").then(|| "tok_en-1.thumb".to_owned());
        String::from_utf8(respond(head.as_bytes(), proof_of).1).unwrap()
    }

    #[test]
    fn a_token_that_waits_is_found_and_nothing_else_is() {
        let path = "/.well-known/acme-challenge";
        let good = text(&format!("GET {path}/tok_en-1 HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(good.starts_with("HTTP/1.1 200 OK\r\n") && good.ends_with("\r\n\r\ntok_en-1.thumb"), "{good}");
        let head = text(&format!("HEAD {path}/tok_en-1 HTTP/1.1\r\n\r\n"));
        assert!(head.contains("Content-Length: 14\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        for target in ["/other", "/../etc/passwd", "/tok_en-1/", "/tok_en-1?x", "//tok_en-1", "/", "/%74ok_en-1"] {
            let response = text(&format!("GET {path}{target} HTTP/1.1\r\n\r\n"));
            assert!(response.starts_with("HTTP/1.1 404 "), "{target}: {response}");
        }
        let post = text(&format!("POST {path}/tok_en-1 HTTP/1.1\r\n\r\n"));
        assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    }
}
