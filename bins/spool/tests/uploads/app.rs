//! An application that says what it got, and the clients that upload to it.

use std::{
    hash::{DefaultHasher, Hasher as _},
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    sync::{
        Arc, Barrier, Mutex, RwLock, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use fosse_harness::{Client, Dir, Edge, Response, WAIT_MAX, get, sockets, wait_for};

pub(crate) const MIB: usize = 1 << 20;

/// Length of the pieces in which an upload is sent.
const PIECE: usize = 64 * 1024;

/// The application.
pub(crate) struct App {
    dir: Dir,
    requests: Arc<AtomicUsize>,
    last_head: Arc<Mutex<String>>,
    gate: Arc<RwLock<()>>,
}

impl App {
    pub(crate) fn start() -> Self {
        let app = Self { dir: Dir::new(), requests: Arc::default(), last_head: Arc::default(), gate: Arc::default() };
        let (requests, last_head) = (Arc::clone(&app.requests), Arc::clone(&app.last_head));
        let gate = Arc::clone(&app.gate);
        sockets::listen(&app.dir.join("app.sock"), move |stream| {
            let _ = serve(stream, &requests, &last_head, &gate);
        });
        app
    }

    /// Has it read no more of uploads to `/late` until what is returned is dropped.
    pub(crate) fn shut_gate(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap()
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn last_head(&self) -> String {
        self.last_head.lock().unwrap().clone()
    }
}

/// Serves one request, and closes.
fn serve(
    mut stream: UnixStream,
    requests: &AtomicUsize,
    last_head: &Mutex<String>,
    gate: &RwLock<()>,
) -> std::io::Result<()> {
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
    if head.starts_with("put /late ") {
        drop(gate.read().unwrap());
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
    configuration_of(app, limits, &format!("waf = \"block\"\n{site}"), "")
}

/// Does as [`configuration`] without a firewall, for an application that gets every body whole.
pub(crate) fn whole(app: &App, limits: &str, site: &str) -> String {
    configuration_of(app, limits, &format!("waf = \"off\"\n{site}"), "buffer_requests = true\n")
}

fn configuration_of(app: &App, limits: &str, site: &str, backend: &str) -> String {
    format!(
        "lanes = 1\n[limits]\n{limits}[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n{site}\
         [[backend]]\nname = \"app\"\nservers = [\"unix:{}\"]\n{backend}",
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

/// Sends the head of an upload of `length` bytes and the first `sent` of them.
pub(crate) fn begin(last: u8, edge: &Edge, length: usize, sent: usize) -> TcpStream {
    begin_for("/f", last, edge, length, sent)
}

/// Does as [`begin`], for another target.
pub(crate) fn begin_for(target: &str, last: u8, edge: &Edge, length: usize, sent: usize) -> TcpStream {
    let mut stream = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
    let head = format!("PUT {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&pattern(0, sent)).unwrap();
    stream
}

/// Waits until that many bodies are in the spool.
pub(crate) fn wait_for_bodies(edge: &Edge, count: u64) {
    wait_for("bodies in the spool", || (edge.counter("spool", "bodies") == count).then_some(()));
}

/// Uploads six bodies of 40 MiB, all of which are half way at the same time: they arrive whole and
/// with their length, and no program has them in memory, where they would be 240 MiB.
pub(crate) fn six_at_a_time_arrive(edge: &Edge) {
    let half_way = Barrier::new(6);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let half_way = &half_way;
            scope.spawn(move || {
                let body = pattern(number, 40 * MIB);
                let response = put(edge, &body, |_| {
                    half_way.wait();
                });
                let expected = (200, digest(&body));
                assert_eq!((response.status, response.text().into_owned()), expected, "{}", edge.log());
            });
        }
    });
    assert!(edge.counter("spool", "written_bytes") > 100 << 20);
    wait_for_bodies(edge, 0);
    for program in ["waf-filter", "dispatch", "parse", "spool"] {
        let most = edge.process(program).field("VmHWM");
        let kib: u64 = most.split(' ').next().and_then(|number| number.parse().ok()).unwrap();
        assert!(kib < 160 * 1024, "{program}: {most}");
    }
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
