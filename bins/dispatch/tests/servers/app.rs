//! An application whose responses the test decides.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fosse_harness::{Client, Dir, Edge, sockets};

/// The application: a connection carries one request.
pub(crate) struct App {
    /// Its address as the configuration writes it.
    pub(crate) address: String,
    requests: Arc<AtomicUsize>,
    _dir: Dir,
}

impl App {
    /// Starts one on a unix socket. `respond` gets the request's head, and returns the response.
    pub(crate) fn start(respond: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let (dir, requests) = (Dir::new(), Arc::new(AtomicUsize::new(0)));
        let (path, counted) = (dir.join("app.sock"), Arc::clone(&requests));
        sockets::listen(&path, move |stream| serve(stream, &counted, &respond));
        Self { address: format!("unix:{}", path.display()), requests, _dir: dir }
    }

    /// Starts one on a TCP port of the loopback network.
    pub(crate) fn start_tcp(respond: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let (requests, respond) = (Arc::new(AtomicUsize::new(0)), Arc::new(respond));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, counted) = (listener.local_addr().unwrap().to_string(), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, respond) = (Arc::clone(&counted), Arc::clone(&respond));
                std::thread::spawn(move || serve(stream, &counted, &*respond));
            }
        });
        Self { address, requests, _dir: Dir::new() }
    }

    /// Returns the number of requests it has had, checks aside.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: impl std::io::Read + std::io::Write, requests: &AtomicUsize, respond: &dyn Fn(&str) -> String) {
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\n") || head.len() < 16 {
        match stream.read(&mut byte) {
            Ok(1..) => head.extend_from_slice(&byte),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if !head.contains("fosse-health") {
        requests.fetch_add(1, Ordering::Relaxed);
    }
    let _ = stream.write_all(respond(&head).as_bytes());
}

/// Returns a response that closes its connection.
pub(crate) fn response(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// A value that the test and an application share.
pub(crate) fn shared<T>(value: T) -> (Arc<Mutex<T>>, Arc<Mutex<T>>) {
    let value = Arc::new(Mutex::new(value));
    (Arc::clone(&value), value)
}

/// Starts an edge of one lane before a backend of these servers, with more lines of its table.
pub(crate) fn edge(servers: &[&str], lines: &str) -> Edge {
    Edge::with_config(&configuration(servers, lines), &[])
}

/// Returns the configuration of such an edge.
pub(crate) fn configuration(servers: &[&str], lines: &str) -> String {
    format!(
        "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
             [[site]]\ndefault = true\nbackend = \"app\"\n\
             [[backend]]\nname = \"app\"\nservers = {servers:?}\n{lines}\n"
    )
}

/// Sends a request with that method, and returns the status of the response.
pub(crate) fn status_of(edge: &Edge, method: &str) -> u16 {
    try_status_of(edge, method).expect("a response")
}

/// Sends a request with that method, and returns the status of the response; `None` where its lane
/// is killed before.
pub(crate) fn try_status_of(edge: &Edge, method: &str) -> Option<u16> {
    let mut client = Client::connect(edge.address());
    let body = if method == "POST" { "Content-Length: 2\r\n\r\nhi" } else { "\r\n" };
    let request = format!("{method} / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{body}");
    client.try_send(request.as_bytes()).ok()?;
    client.try_response(false).map(|response| response.status)
}
