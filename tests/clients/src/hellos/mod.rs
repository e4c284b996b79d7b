//! Handshakes that no library begins (RFC 8446, RFC 5246): a row each, with the ends that the RFC
//! allows.
//!
//! An end is `hello` for a ServerHello, `alert NAME`, `close`, a status for a response in plain
//! text, or `silent`; alternatives are joined by `|`, and `alert` alone is any. A server may close
//! in place of any alert (RFC 8446, section 6.2: who fails may as well say nothing).

mod bodies;
mod extensions;
mod records;

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::{
    http2::connection::Target,
    records::{
        ALERT, APPLICATION, CHANGE_CIPHER_SPEC, HANDSHAKE, counted, extension, hello_message, message, record,
        server_name,
    },
};

/// What is expected may take this long.
const PATIENCE: Duration = Duration::from_secs(30);
/// A server may as well wait for more: so long is waited where that is allowed.
const QUIET: Duration = Duration::from_millis(500);

/// A row: its name, what is sent in pieces of their own, the ends allowed.
pub type Row = (&'static str, fn(&Target) -> Vec<Vec<u8>>, &'static str);

/// Names of alerts (RFC 8446, section 6).
const ALERTS: [(u8, &str); 19] = [
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (22, "record_overflow"),
    (40, "handshake_failure"),
    (42, "bad_certificate"),
    (47, "illegal_parameter"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (112, "unrecognized_name"),
    (120, "no_application_protocol"),
];

/// Plays a row, and says how it ended. Where nothing is expected, that is waited for briefly.
///
/// # Errors
/// Where the server cannot be connected to.
pub fn play(target: &Target, row: &Row, expected: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect_timeout(&target.address, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    for piece in row.1(target) {
        // A server that has closed has said what it thinks.
        if socket.write_all(&piece).is_err() {
            break;
        }
    }
    let patience = if expected.contains("silent") { QUIET } else { PATIENCE };
    Ok(outcome(&mut socket, Instant::now() + patience, row.2.contains("then")))
}

/// Reads until it is clear how a handshake went; behind a ServerHello where more is to come.
fn outcome(socket: &mut TcpStream, end: Instant, is_more: bool) -> String {
    let (mut bytes, mut said) = (Vec::new(), String::new());
    loop {
        while let Some((kind, fragment)) = taken(&mut bytes) {
            match kind {
                ALERT if fragment.len() == 2 => return said + &format!("alert {}", alert(fragment[1])),
                HANDSHAKE if is_more && said.is_empty() => said = "hello then ".into(),
                HANDSHAKE if !is_more => return "hello".into(),
                _ => {}
            }
        }
        if bytes.starts_with(b"HTTP/1.") && bytes.len() > 12 {
            return String::from_utf8_lossy(&bytes[9..12]).into_owned();
        }
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let _ = socket.set_read_timeout(Some(left));
        let mut part = [0; 8 << 10];
        match socket.read(&mut part) {
            Ok(0) => return said + "close",
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return said + "silent";
            }
            Err(_) => return said + "close",
        }
    }
}

fn taken(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let head = bytes.get(..5).filter(|head| (CHANGE_CIPHER_SPEC..=APPLICATION).contains(&head[0]))?;
    let (kind, length) = (head[0], usize::from(head[3]) << 8 | usize::from(head[4]));
    let fragment = bytes.get(5..5 + length)?.to_vec();
    bytes.drain(..5 + length);
    Some((kind, fragment))
}

fn alert(code: u8) -> &'static str {
    ALERTS.iter().find(|(number, _)| *number == code).map_or("of another number", |(_, name)| name)
}

/// Returns whether an end is among those allowed. Closing is, wherever an alert is.
#[must_use]
pub fn fits(came: &str, allowed: &str) -> bool {
    let closes = came.ends_with("close") && allowed.contains("alert");
    closes || allowed.split('|').any(|way| came == way || way == "alert" && came.starts_with("alert"))
}

/// Returns all rows.
#[must_use]
pub fn rows() -> Vec<&'static Row> {
    [records::ROWS, bodies::ROWS, extensions::ROWS].into_iter().flatten().copied().flatten().collect()
}

/// Cuts bytes into pieces of a length.
fn cut(bytes: &[u8], length: usize) -> Vec<Vec<u8>> {
    bytes.chunks(length).map(<[u8]>::to_vec).collect()
}

fn with(t: &Target, more: &[u8]) -> Vec<Vec<u8>> {
    vec![record(HANDSHAKE, 0x0301, &hello_message(&t.host, more))]
}

/// A hello with all its parts as they are said.
fn made(version: u16, session: &[u8], ciphers: &[u8], compression: &[u8], extensions: &[u8]) -> Vec<Vec<u8>> {
    let session_length = u8::try_from(session.len()).unwrap_or(u8::MAX);
    let methods = u8::try_from(compression.len()).unwrap_or(u8::MAX);
    let body = [
        &version.to_be_bytes()[..],
        &[7; 32],
        &[session_length],
        session,
        &counted(ciphers),
        &[methods],
        compression,
        extensions,
    ];
    vec![record(HANDSHAKE, 0x0301, &message(1, &body.concat()))]
}

/// What a client with TLS 1.2 says of itself.
fn old(t: &Target) -> Vec<u8> {
    [
        server_name(t.host.as_bytes()),
        extension(10, &counted(&[0, 29, 0, 23])),
        extension(11, &[1, 0]),
        extension(13, &counted(&[4, 3, 8, 4])),
        extension(0xff01, &[0]),
    ]
    .concat()
}

const CIPHERS: &[u8] = &[0xc0, 0x2b, 0xc0, 0x2f];
