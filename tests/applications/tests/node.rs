//! Node: events that come one by one, and a WebSocket.

use std::process::Command;

use fosse_applications::{Server, curl, installed};
use fosse_harness::{Client, Dir, Edge, free_port};

/// `/events` is a stream of events, one for each GET of `/push?WORD`; an upgrade is an echo of
/// short text frames (RFC 6455).
const APPLICATION: &str = r#"
const http = require('http'), crypto = require('crypto');
const streams = new Set();
const server = http.createServer((request, response) => {
    if (request.url === '/events') {
        response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
        response.write(': here\n\n');
        streams.add(response);
        request.on('close', () => streams.delete(response));
    } else if (request.url.startsWith('/push?')) {
        for (const stream of streams) stream.write(`data: ${request.url.slice(6)}\n\n`);
        response.end(String(streams.size));
    } else {
        response.writeHead(404).end();
    }
});
server.on('upgrade', (request, socket) => {
    const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    const accept = crypto.createHash('sha1').update(key).digest('base64');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.on('data', (frame) => {
        const length = frame[1] & 0x7f, mask = frame.subarray(2, 6), text = frame.subarray(6, 6 + length);
        socket.write(Buffer.from([0x81, length, ...text.map((byte, at) => byte ^ mask[at % 4])]));
    });
    socket.on('error', () => {});
});
server.listen(Number(process.argv[2]), '127.0.0.1');
"#;

/// Starts the application with an edge in front.
fn application() -> Option<(Server, Edge)> {
    let node = installed("node")?;
    let (dir, port) = (Dir::new(), free_port());
    std::fs::write(dir.join("app.js"), APPLICATION).unwrap();
    let server = Server::start(Command::new(node).args(["app.js", &port.to_string()]), &dir).on_port(port);
    Some((server, Edge::up(&format!("127.0.0.1:{port}"), &[])))
}

#[test]
fn events_come_when_they_are_sent() {
    let Some((_server, edge)) = application() else { return };
    let mut client = Client::connect(edge.address());
    client.send(b"GET /events HTTP/1.1\r\nHost: a.example\r\nAccept: text/event-stream\r\n\r\n");
    let mut seen = String::new();
    let mut until = |client: &mut Client, text: &str| {
        while !seen.contains(text) {
            seen.push_str(&String::from_utf8_lossy(&client.bytes(1)));
        }
    };
    until(&mut client, ": here\n\n");
    for word in ["one", "two", "three"] {
        // The next is sent only when the one before has come: nothing may wait for more.
        assert_eq!(curl(&[&format!("http://{}/push?{word}", edge.address())]), "1");
        until(&mut client, &format!("data: {word}\n\n"));
    }
}

#[test]
fn a_websocket_carries_frames_both_ways() {
    let Some((_server, edge)) = application() else { return };
    let mut client = Client::connect(edge.address());
    client.send(
        b"GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push_str(&String::from_utf8_lossy(&client.bytes(1)));
    }
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // RFC 6455, section 1.3.
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    for text in ["hello", "and again"] {
        let mask = [7_u8, 1, 9, 3];
        let masked = text.bytes().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let length = u8::try_from(text.len()).unwrap();
        client.send(&[0x81, 0x80 | length].into_iter().chain(mask).chain(masked).collect::<Vec<u8>>());
        assert_eq!(client.bytes(2 + text.len()), [&[0x81, length], text.as_bytes()].concat());
    }
}
