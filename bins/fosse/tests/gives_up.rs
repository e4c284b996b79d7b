//! A client that is gone before its response has come, so that nobody can get it any more: its
//! place at the server is free at once, whatever the configuration says, however far the response
//! is.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::mpsc::Receiver,
};

use fosse_harness::{Dir, Edge, WAIT_MAX, sockets, wait_for};

/// What a server says before it says nothing more.
const WAITING: [(&str, &str); 3] = [
    ("/nothing", ""),
    ("/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    // Long enough for dispatch to write it to the client itself.
    ("/long", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello"),
];

/// A server that says so much. Returns its address, and word of each connection that its peer has
/// closed.
fn silent(dir: &Dir) -> (String, Receiver<()>) {
    let (path, (closed, word)) = (dir.join("silent.sock"), std::sync::mpsc::channel());
    sockets::listen(&path, move |mut stream: UnixStream| {
        let mut piece = [0; 4096];
        let Ok(count) = stream.read(&mut piece) else { return };
        let asked = String::from_utf8_lossy(&piece[..count]).into_owned();
        for (target, said) in WAITING {
            if asked.starts_with(&format!("GET {target} ")) {
                let _ = stream.write_all(said.as_bytes());
            }
        }
        while matches!(stream.read(&mut piece), Ok(1..)) {}
        let _ = closed.send(());
    });
    (format!("unix:{}", path.display()), word)
}

fn edge(server: &str) -> Edge {
    let text = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[listen]]\naddress = \"unix:{{dir}}/front.sock\"\n[[site]]\n\
         default = true\nwaf = \"off\"\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{server}\"]\n\
         first_byte_seconds = 3600\nidle_seconds = 3600\n"
    );
    Edge::with_config(&text, &[])
}

/// Asks, and reads to the last byte that comes.
fn ask(mut stream: impl Read + Write, target: &str, said: &str) {
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !said.is_empty() && !seen.ends_with(b"hello") {
        stream.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
}

#[test]
fn the_place_of_a_client_whose_connection_is_reset_is_free_at_once() {
    let dir = Dir::new();
    let (server, closed) = silent(&dir);
    let edge = edge(&server);
    for (target, said) in WAITING {
        let stream = sockets::connect(edge.address(), WAIT_MAX).unwrap();
        ask(&stream, target, said);
        if said.is_empty() {
            wait_for("the request", || (edge.counter("dispatch", "streams") == 1).then_some(()));
        }
        sockets::reset(&stream);
        drop(stream);
        closed.recv_timeout(WAIT_MAX).unwrap_or_else(|_| panic!("{target}: {}", edge.log()));
        wait_for("the place", || (edge.counter("dispatch", "streams") == 0).then_some(()));
    }
}

#[test]
fn the_place_of_a_client_that_has_closed_a_unix_socket_is_free_at_once() {
    let dir = Dir::new();
    let (server, closed) = silent(&dir);
    let edge = edge(&server);
    for (target, said) in WAITING {
        let stream = UnixStream::connect(edge.dir().join("front.sock")).unwrap();
        stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
        ask(&stream, target, said);
        if said.is_empty() {
            wait_for("the request", || (edge.counter("dispatch", "streams") == 1).then_some(()));
        }
        drop(stream);
        closed.recv_timeout(WAIT_MAX).unwrap_or_else(|_| panic!("{target}: {}", edge.log()));
        wait_for("the place", || (edge.counter("dispatch", "streams") == 0).then_some(()));
    }
}
