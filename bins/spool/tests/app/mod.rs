//! An application that says what it got, and the clients that upload to it.

use std::{
    hash::{DefaultHasher, Hasher as _},
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use fosse_harness::{Client, Dir, Edge, Response, get, sockets};

/// Length of the pieces in which an upload is sent.
const PIECE: usize = 64 * 1024;

/// The application.
pub(crate) struct App {
    dir: Dir,
    requests: Arc<AtomicUsize>,
    last_head: Arc<Mutex<String>>,
}

impl App {
    pub(crate) fn start() -> Self {
        let app = Self { dir: Dir::new(), requests: Arc::default(), last_head: Arc::default() };
        let (requests, last_head) = (Arc::clone(&app.requests), Arc::clone(&app.last_head));
        sockets::listen(&app.dir.join("app.sock"), move |stream| {
            let _ = serve(stream, &requests, &last_head);
        });
        app
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn last_head(&self) -> String {
        self.last_head.lock().unwrap().clone()
    }
}

/// Serves one request, and closes.
fn serve(mut stream: UnixStream, requests: &AtomicUsize, last_head: &Mutex<String>) -> std::io::Result<()> {
    let (mut received, mut piece) = (Vec::new(), vec![0; PIECE]);
    let end = loop {
        if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => received.extend_from_slice(&piece[..count]),
        }
    };
    requests.fetch_add(1, Ordering::Relaxed);
    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
    last_head.lock().unwrap().clone_from(&head);
    if head.starts_with("put /never ") {
        // Reads no more, for as long as the test lives.
        loop {
            std::thread::park();
        }
    }
    if head.starts_with("put /early ") {
        return stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = received.split_off(end);
    while body.len() < length.unwrap_or(0) {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => body.extend_from_slice(&piece[..count]),
        }
    }
    let said = digest(&body);
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}", said.len())
}

/// Returns what the application says of a body: its length, and a sum in which places count.
pub(crate) fn digest(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("{} {:016x}", body.len(), hasher.finish())
}

/// Returns bytes that no rule objects to; each 64 KiB of them begin with words of their own.
pub(crate) fn pattern(number: u32, length: usize) -> Vec<u8> {
    let plain = [b'x'; PIECE - 16];
    let mut bytes = Vec::with_capacity(length + PIECE);
    let mut piece = 0u32;
    while bytes.len() < length {
        bytes.extend_from_slice(format!("{number:04} {piece:010}\n").as_bytes());
        bytes.extend_from_slice(&plain);
        piece += 1;
    }
    bytes.truncate(length);
    bytes
}

/// Returns a configuration of one lane, with more lines of `[limits]` and of the site.
pub(crate) fn configuration(app: &App, limits: &str, site: &str) -> String {
    format!(
        "lanes = 1\n[limits]\n{limits}[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nwaf = \"block\"\nbackend = \"app\"\n{site}\
         [[backend]]\nname = \"app\"\nservers = [\"unix:{}\"]\n",
        app.dir.join("app.sock").display()
    )
}

/// Returns one in which bodies of a few MiB go to the spool.
pub(crate) fn small_memory(app: &App, limits: &str) -> String {
    configuration(app, &format!("lane_held_bytes_max = \"4 MiB\"\n{limits}"), "body_bytes_max = \"4 MiB\"\n")
}

/// Asks for a page.
pub(crate) fn status(edge: &Edge, target: &str) -> u16 {
    get(edge.address(), target).status
}

/// Uploads a body, and calls `half_way` when half of it is sent.
pub(crate) fn put(edge: &Edge, body: &[u8], half_way: impl FnOnce(&Edge)) -> Response {
    let mut client = Client::connect(edge.address());
    client.send(format!("PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    let (first, second) = body.split_at(body.len() / 2);
    client.send(first);
    half_way(edge);
    client.send(second);
    client.response()
}

/// Uploads a body over a connection; returns the response as text.
pub(crate) fn put_over(stream: &mut TcpStream, body: &[u8]) -> String {
    let head = format!("PUT /f HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    response_if_any(stream.try_clone().unwrap())
}

/// Returns what comes until the connection ends, as text.
pub(crate) fn response_if_any(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
