//! Chromium, with its own TLS and HTTP/2: what a page does, and what it heard, in its own words.

use std::{fs, path::Path, process::Command};

use fosse_applications::{Server, installed, output};
use fosse_harness::{Dir, Edge, free_port, is_root, wait_for};

/// Responds with parts, a websocket that returns one message (RFC 6455), and one call of gRPC-Web
/// with its trailers in the body; says what it was asked.
const APPLICATION: &str = r#"
import base64, hashlib, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
class Application(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def say(self, body, kind):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path == '/page':
            return self.say(open('page.html', 'rb').read(), 'text/html')
        if self.path == '/socket':
            return self.socket()
        self.say(b'part ' + self.path.encode(), 'text/plain')
    def socket(self):
        accept = base64.b64encode(hashlib.sha1(self.headers['Sec-WebSocket-Key'].encode() + GUID).digest())
        self.wfile.write(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ' + accept + b'\r\n\r\n')
        kind, length = self.rfile.read(2)
        mask, masked = self.rfile.read(4), self.rfile.read(length & 127)
        text = bytes(byte ^ mask[n % 4] for n, byte in enumerate(masked))
        self.wfile.write(bytes([0x81, len(text)]) + text)
        self.rfile.read(2)
        self.close_connection = True
    def do_POST(self):
        message = self.rfile.read(int(self.headers['Content-Length']))
        trailers = b'grpc-status:0\r\n'
        self.say(message + b'\x80' + len(trailers).to_bytes(4, 'big') + trailers, 'application/grpc-web+proto')
ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Application).serve_forever()
"#;

/// Asks for a hundred parts at once, over a websocket and by gRPC-Web, and says what came of it in
/// a last request.
const PAGE: &str = "<!doctype html><title>page</title><script type=module>
const asked = [...Array(100).keys()].map(n => `/part/${n}`);
const parts = await Promise.all(asked.map(path => fetch(path).then(response => response.text())));
const right = parts.filter((text, n) => text === `part ${asked[n]}`).length;
const ways = new Set(performance.getEntriesByType('resource').map(entry => entry.nextHopProtocol));
const socket = new WebSocket(`wss://${location.host}/socket`);
const echo = await new Promise(done => {
    socket.onopen = () => socket.send('over');
    socket.onmessage = event => done(event.data);
    socket.onerror = () => done('error');
});
socket.close();
const call = await fetch('/grpc', {method: 'POST', headers: {'Content-Type': 'application/grpc-web+proto', 'X-Grpc-Web': '1'}, body: new Uint8Array([0, 0, 0, 0, 2, 8, 1])});
const bytes = new Uint8Array(await call.arrayBuffer());
const trailers = new TextDecoder().decode(bytes.slice(12)).trim();
await fetch(`/came/${right}/${[...ways].join('+')}/${echo}/${bytes[6]}/${trailers}`);
</script>";

fn key_hash(dir: &Path) -> String {
    let words = "openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64";
    output(Command::new("sh").current_dir(dir).args(["-c", words])).trim().to_owned()
}

#[test]
fn a_page_of_a_hundred_parts_a_websocket_and_a_call_of_grpc_web_come_to_chromium() {
    let Some(chromium) = installed("chromium") else { return };
    if !is_root() {
        println!("skipped: fosse runs as root here");
        return;
    }
    let (dir, port) = (Dir::new(), free_port());
    fs::write(dir.join("page.html"), PAGE).unwrap();
    let mut python = Command::new("python3");
    let application = Server::start(python.args(["-u", "-c", APPLICATION, &port.to_string()]), &dir).on_port(port);
    let certificate = Dir::new();
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem";
    let _ = output(Command::new("openssl").current_dir(certificate.path()).args(words.split_whitespace()));
    let hash = key_hash(certificate.path());
    let text = format!(
        "[[listen]]\naddress = \"{{address}}\"\ntls = true\n[[certificate]]\nfile = \"{{dir}}/cert.pem\"\nkey = \"{{dir}}/key.pem\"\n\
         [[site]]\nhosts = [\"localhost\"]\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"127.0.0.1:{port}\"]\n"
    );
    let edge = Edge::in_directory(certificate, &text, &[]);
    let profile = Dir::new();
    let mut command = Command::new(chromium);
    // Root has no sandbox of Chromium's. The certificate is trusted by its key alone.
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.arg(format!("--ignore-certificate-errors-spki-list={hash}"));
    command.arg(format!("https://localhost:{}/page", edge.address().port()));
    let _chromium = Server::start(&mut command, &profile);
    let log = || fs::read_to_string(dir.join("server.log")).unwrap();
    let came = wait_for("the last words of the page", || {
        let (_, rest) = log().split_once("GET /came/").map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        rest.split_once(" HTTP/").map(|(path, _)| path.to_owned())
    });
    assert_eq!(came, "100/h2/over/1/grpc-status:0", "{}", log());
    assert_eq!(edge.alarms(), [""; 0]);
    drop(application);
}
