//! The engine of the rules: what evaluations need while they run, and leave to the next.

use std::net::{IpAddr, Ipv4Addr};

use fosse_handshake::Handshake;
use fosse_seclang::{Arena, Now, Record, Ruleset, Scratch, Transaction};
use fosse_settings::{TlsFact, WafProfile};
use fosse_wire::{
    StreamId,
    request::{RequestHead, Version},
};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    evaluation::{Evaluation, Next},
    limits::ARENAS_KEPT_MAX,
    store::client::StoreClient,
};

/// Memory that all evaluations of a process use in turn.
#[derive(Debug, Default)]
pub(crate) struct Evaluator {
    scratch: Scratch,
    arenas: Vec<Arena>,
}

impl Evaluator {
    /// Opens the evaluation of a request.
    pub(crate) fn open(
        &mut self,
        rules: &'static Ruleset,
        profile: &WafProfile,
        head: &RequestHead<'_>,
        has_body: bool,
    ) -> Evaluation {
        let seconds = u64::try_from(clock_gettime(ClockId::Realtime).tv_sec).unwrap_or(0);
        let now = Now { seconds, elapsed_micros: 0 };
        let mut transaction = Transaction::new(rules, self.arenas.pop().unwrap_or_default(), now);
        tell(&mut transaction, head);
        Evaluation::new(transaction, profile, has_body, seconds)
    }

    /// Runs the evaluation of a stream for a slice of time, or until it needs something, or ends.
    pub(crate) fn run(&mut self, evaluation: &mut Evaluation, stream: StreamId, store: &mut StoreClient) -> Next {
        store.set_stream(stream);
        evaluation.run(&mut self.scratch, store)
    }

    /// Runs phase 5 of a request whose response will not come, as far as one slice goes.
    pub(crate) fn conclude(&mut self, evaluation: &mut Evaluation, stream: StreamId, store: &mut StoreClient) {
        if !evaluation.skip_to_logging() {
            return;
        }
        while self.run(evaluation, stream, store) == Next::Record {
            // No client waits for it any more, but changes by the rules count all the same.
            let wanted: Vec<_> = evaluation.transaction.wanted().map(|place| place.collection).collect();
            wanted.into_iter().for_each(|one| evaluation.transaction.provide(one, Record::default()));
        }
    }

    /// Closes an evaluation; its memory serves the next.
    pub(crate) fn close(&mut self, evaluation: Evaluation) {
        let arena = evaluation.transaction.finish();
        if self.arenas.len() < ARENAS_KEPT_MAX {
            self.arenas.push(arena);
        }
    }
}

/// Facts of a handshake that rules find in ENV, by the names that Apache's mod_ssl has for them;
/// the last two are not among those.
const ENVIRONMENT: [(&[u8], TlsFact); 9] = [
    (b"SSL_PROTOCOL", TlsFact::Version),
    (b"SSL_CIPHER", TlsFact::Cipher),
    (b"SSL_TLS_SNI", TlsFact::ServerName),
    (b"SSL_CLIENT_VERIFY", TlsFact::ClientVerify),
    (b"SSL_CLIENT_S_DN", TlsFact::ClientSubject),
    (b"SSL_CLIENT_I_DN", TlsFact::ClientIssuer),
    (b"SSL_CLIENT_M_SERIAL", TlsFact::ClientSerial),
    (b"SSL_CLIENT_FINGERPRINT", TlsFact::ClientFingerprint),
    (b"SSL_JA4", TlsFact::Ja4),
];

/// Tells a transaction what the head of its request says.
fn tell(transaction: &mut Transaction<'static>, head: &RequestHead<'_>) {
    transaction.unique_id(&hex(head.request));
    if let Some(client) = head.client.ip() {
        let port = if head.host_port != 0 { head.host_port } else { if head.secure { 443 } else { 80 } };
        // The address that the client connected to is in no frame.
        transaction.connection(client, head.client.port, IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    }
    let (method, uri, version) = line_parts(head);
    transaction.request_line(head.line, method, uri, version);
    for (name, value) in head.fields {
        transaction.header(name, value);
    }
    if transaction.wants_environment() {
        let handshake = Handshake::of_request(head);
        let known = ENVIRONMENT.iter().map(|(name, fact)| (name, handshake.text(*fact)));
        known.filter(|(_, text)| !text.is_empty()).for_each(|(name, text)| transaction.environment(name, text));
    }
}

/// Returns method, target and version as sent, or as parse read them where the line is not there.
fn line_parts<'a>(head: &RequestHead<'a>) -> (&'a [u8], &'a [u8], &'a [u8]) {
    // Between the first space and the last: rules see the target as sent, spaces in it included.
    let split = || {
        let is_space = |byte: &u8| *byte == b' ';
        let (first, last) = (head.line.iter().position(is_space)?, head.line.iter().rposition(is_space)?);
        let uri = head.line.get(first + 1..last)?;
        Some((&head.line[..first], uri, &head.line[last + 1..]))
    };
    let version: &[u8] = match head.version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
        Version::Http2 => b"HTTP/2.0",
    };
    split().unwrap_or((head.method, head.target, version))
}

/// Writes a request's number as all logs have it.
fn hex(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 16];
    for (pair, byte) in out.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_logs_write_it() {
        for number in [0, 1, 0xdead_beef_0042, u64::MAX] {
            assert_eq!(hex(number).as_slice(), format!("{number:016x}").as_bytes());
        }
    }

    #[test]
    fn the_line_is_split_as_it_was_sent() {
        let head = RequestHead {
            line: b"GET http://a/x y?q HTTP/1.1",
            method: b"GET",
            target: b"/x",
            ..RequestHead::default()
        };
        assert_eq!(line_parts(&head), (&b"GET"[..], &b"http://a/x y?q"[..], &b"HTTP/1.1"[..]));
        for line in [&b""[..], b"GET", b"GET "] {
            let head = RequestHead { method: b"GET", target: b"/x", line, ..RequestHead::default() };
            assert_eq!(line_parts(&head), (&b"GET"[..], &b"/x"[..], &b"HTTP/1.1"[..]));
        }
    }
}
