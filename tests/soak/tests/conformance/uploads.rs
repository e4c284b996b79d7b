//! How the framing of a request body reaches the backend: with its length wherever all of it was
//! there before it went on, else chunked, and never with the length of a part.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex},
};

use fosse_harness::{
    Edge,
    http::{Framing, Reader},
    sockets::{self, connect, reset},
};
use fosse_soak::site::Setup;

use super::PATIENCE;

/// Name, request line and fields, body lengths chunk by chunk, and what the backend sees where the
/// body comes as it was sent, where a filter has held it, and where the backend has
/// `buffer_requests`.
type Upload = (&'static str, &'static str, &'static [usize], [&'static str; 3]);

const UPLOADS: &[Upload] = &[
    ("nothing", "POST / HTTP/1.1\r\n", &[], ["length 0"; 3]),
    ("a chunk", "POST / HTTP/1.1\r\n", &[5], ["length 5"; 3]),
    ("two chunks", "PUT / HTTP/1.1\r\n", &[5, 7], ["length 12"; 3]),
    ("a GET with a body", "GET / HTTP/1.1\r\n", &[5], ["length 5"; 3]),
    ("64 KiB", "POST / HTTP/1.1\r\n", &[60_000, 5536], ["length 65536"; 3]),
    ("a byte more", "POST / HTTP/1.1\r\n", &[60_000, 5537], ["chunked 65537", "length 65537", "length 65537"]),
    ("300,000 bytes", "POST / HTTP/1.1\r\n", &[150_000, 150_000], ["chunked 300000", "length 300000", "length 300000"]),
    ("Expect", "POST / HTTP/1.1\r\nExpect: 100-continue\r\n", &[5], ["chunked 5", "length 5", "length 5"]),
    (
        "Upgrade",
        "POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: tcp\r\n",
        &[5],
        ["chunked 5", "length 5", "length 5"],
    ),
    ("h2c", "POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n", &[5], ["length 5"; 3]),
    (
        "gRPC",
        "POST / HTTP/1.1\r\nContent-Type: application/grpc+proto\r\n",
        &[5],
        ["chunked 5", "length 5", "length 5"],
    ),
];

/// What came to the backend.
#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Requests>,
    changed: Condvar,
}

/// Heads that came, and those whose bodies came whole.
#[derive(Debug, Default)]
struct Requests {
    heads: Vec<String>,
    whole: Vec<String>,
}

fn serve(stream: UnixStream, seen: &Seen) {
    let mut reader = Reader::new(stream);
    while let Ok(head) = reader.head() {
        seen.requests.lock().unwrap().heads.push(head.first.clone());
        seen.changed.notify_all();
        let (mut length, framing) = (0, Framing::of(&head).unwrap());
        if let Some(framing) = framing
            && reader.body(framing, &mut |piece| length += piece.len()).is_err()
        {
            return;
        }
        let said = match framing {
            Some(Framing::Exact(_)) => format!("length {length}"),
            Some(_) => format!("chunked {length}"),
            None => "none".to_owned(),
        };
        seen.requests.lock().unwrap().whole.push(head.first.clone());
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len());
        if reader.source.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

fn edge(backend: &str) -> (Edge, Arc<Seen>) {
    let edge = Setup { lanes: 1, backend: backend.into(), ..Setup::default() }.start();
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    sockets::listen(&edge.dir().join("a.sock"), move |stream| serve(stream, &shared));
    (edge, seen)
}

fn request(host: &str, head: &str, chunks: &[usize]) -> Vec<u8> {
    let (line, fields) = head.split_once("\r\n").unwrap();
    let mut out = format!("{line}\r\nHost: {host}\r\n{fields}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for length in chunks {
        out.extend_from_slice(format!("{length:x};a=b\r\n").as_bytes());
        out.resize(out.len() + length, b'x');
        out.extend_from_slice(b"\r\n");
    }
    // A trailer, which a body with a length cannot have.
    out.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
    out
}

/// The body of the next response that is not interim.
fn response(reader: &mut Reader<TcpStream>) -> String {
    loop {
        let head = reader.head().unwrap();
        if head.status() != 100 {
            let mut body = Vec::new();
            reader.body(Framing::of(&head).unwrap().unwrap(), &mut |piece| body.extend_from_slice(piece)).unwrap();
            return String::from_utf8(body).unwrap();
        }
    }
}

/// Sends a request, and behind it another one that shows that nothing of the first is left; the two
/// responses.
fn both(address: SocketAddr, first: &[u8], host: &str) -> (String, String) {
    let mut socket = connect(address, PATIENCE).unwrap();
    let next = format!("GET /next HTTP/1.1\r\nHost: {host}\r\n\r\n");
    socket.write_all(&[first, next.as_bytes()].concat()).unwrap();
    let mut reader = Reader::new(socket);
    (response(&mut reader), response(&mut reader))
}

#[test]
fn a_body_that_is_whole_before_it_goes_on_has_a_length() {
    for (way, host, backend) in [
        (0, "plain.test", ""),
        (1, "a.example", ""),
        (2, "plain.test", "buffer_requests = true\n"),
        (2, "a.example", "buffer_requests = true\n"),
    ] {
        let (edge, _) = edge(backend);
        let wrong: Vec<String> = UPLOADS
            .iter()
            .filter_map(|(name, head, chunks, want)| {
                let came = both(edge.address(), &request(host, head, chunks), host);
                let fine = came == (want[way].to_owned(), "none".to_owned());
                (!fine).then(|| format!("{name}, {host} {backend}: {came:?} and not {}", want[way]))
            })
            .collect();
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(edge.alarms(), Vec::<String>::new());
        edge.stop();
    }
}

/// Waits until the backend has seen `count` heads.
fn heads(seen: &Seen, count: usize) {
    let requests = seen.requests.lock().unwrap();
    let (requests, _) = seen.changed.wait_timeout_while(requests, PATIENCE, |r| r.heads.len() < count).unwrap();
    assert!(requests.heads.len() >= count, "{requests:?}");
}

#[test]
fn a_client_that_waits_for_the_backend_in_mid_body_reaches_it() {
    let (edge, seen) = edge("");
    let mut socket = connect(edge.address(), PATIENCE).unwrap();
    socket
        .write_all(b"POST / HTTP/1.1\r\nHost: plain.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        .unwrap();
    // Nothing more is sent before the backend has the request.
    heads(&seen, 1);
    socket.write_all(b"6\r\n world\r\n0\r\n\r\n").unwrap();
    assert_eq!(response(&mut Reader::new(socket)), "chunked 11");
    edge.stop();
}

#[test]
fn a_client_that_dies_in_mid_body_has_made_no_request() {
    for backend in ["", "buffer_requests = true\n"] {
        let (edge, seen) = edge(backend);
        for framing in ["Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "Content-Length: 9\r\n\r\nhello"] {
            for hard in [true, false] {
                let mut socket = connect(edge.address(), PATIENCE).unwrap();
                let cut = format!("POST /cut HTTP/1.1\r\nHost: plain.test\r\n{framing}");
                socket.write_all(cut.as_bytes()).unwrap();
                if hard {
                    reset(&socket);
                }
            }
        }
        assert_eq!(
            both(edge.address(), &request("plain.test", "POST / HTTP/1.1\r\n", &[5]), "plain.test").0,
            "length 5"
        );
        edge.stop();
        let seen = seen.requests.lock().unwrap();
        assert!(!seen.whole.iter().any(|line| line.contains("/cut")), "{seen:?}");
        assert!(backend.is_empty() || !seen.heads.iter().any(|line| line.contains("/cut")), "{seen:?}");
    }
}
