//! A site whose responses are kept, and its application.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use fosse_harness::{Dir, Edge, Response, request, wait_for};

/// An application that responds as a test says, a connection for each request, and keeps the heads
/// of requests.
pub(crate) struct App {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl App {
    /// Starts one: `respond` gets the head of a request and how many there were before, and returns
    /// status line, fields and body.
    pub(crate) fn start(respond: impl Fn(&str, usize) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (shared, respond) = (Arc::clone(&heads), Arc::new(respond));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (heads, respond) = (Arc::clone(&shared), Arc::clone(&respond));
                thread::spawn(move || serve(stream.unwrap(), &heads, &*respond));
            }
        });
        Self { address, heads }
    }

    /// Returns the heads of the requests that it has got.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Returns how many there were.
    pub(crate) fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

fn serve(mut stream: TcpStream, heads: &Mutex<Vec<String>>, respond: &(dyn Fn(&str, usize) -> String + Sync)) {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
    let head = String::from_utf8(bytes).unwrap();
    let before = {
        let mut heads = heads.lock().unwrap();
        heads.push(head.clone());
        heads.len() - 1
    };
    let response = respond(&head, before);
    let _ = stream.write_all(response.as_bytes());
}

/// Returns a response with these field lines and body.
pub(crate) fn ok(lines: &str, body: &str) -> String {
    response(200, lines, body)
}

/// Returns a response with this status, these field lines and body.
pub(crate) fn response(status: u16, lines: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\n{lines}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// Returns a configuration with a disk of 16 MiB, a memory of 1 MiB, and more `keys` of the top.
pub(crate) fn on_disk(app: &App, keys: &str) -> String {
    let address = app.address;
    format!(
        "lanes = 1\nstatus_socket_mode = \"0666\"\ncache_directory = \"{{dir}}/kept\"\n{keys}\n\
         [limits]\ncache_bytes_max = \"1 MiB\"\ncache_disk_bytes_max = \"16 MiB\"\n\
         [[listen]]\naddress = \"{{address}}\"\ntrusted = [\"127.0.0.1/32\"]\n\
         [[backend]]\nname = \"app\"\nservers = [\"{address}\"]\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"off\"\ncache = true\n"
    )
}

/// A running edge in front of an application.
pub(crate) struct Site {
    pub(crate) edge: Edge,
    pub(crate) app: App,
}

impl Site {
    /// Starts an edge whose site keeps responses, with more `keys` of the site.
    pub(crate) fn new(app: App, keys: &str) -> Self {
        Self::of_lanes(1, app, keys)
    }

    /// Starts one of so many lanes. Where there are several, clients are a proxy that is trusted,
    /// whose connections are spread over all of them.
    pub(crate) fn of_lanes(lanes: u32, app: App, keys: &str) -> Self {
        let address = app.address;
        let top = format!("uid_base = {{uid_base}}\nlanes = {lanes}\nstatus_socket_mode = \"0666\"");
        let trusted = if lanes > 1 { "\ntrusted = [\"127.0.0.1/32\"]" } else { "" };
        let listen = format!("address = \"{{address}}\"{trusted}");
        let edge = Edge::with_config(
            &format!(
                "{top}\n[[listen]]\n{listen}\n[[backend]]\nname = \"app\"\n\
                 servers = [\"{address}\"]\n[[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"off\"\ncache = true\n{keys}\n"
            ),
            &[],
        );
        let site = Self { edge, app };
        site.wait_for_cache();
        site
    }

    /// Starts one that keeps responses on a disk too, as a supervisor does. Clients are a proxy
    /// that is trusted: each may be another source.
    pub(crate) fn on_disk(app: App, dir: Dir, keys: &str) -> Self {
        let edge = Edge::supervised(dir, &on_disk(&app, keys));
        let site = Self { edge, app };
        site.wait_for_cache();
        site
    }

    /// Waits until the lane asks the cache, and forgets what the application has heard of that.
    pub(crate) fn wait_for_cache(&self) {
        let mut tries = 0;
        wait_for("a lane that asks the cache", || {
            tries += 1;
            self.get(&format!("/probe-{tries}"), "");
            (self.edge.counter("cache", "fills") > 0).then_some(())
        });
        self.app.heads.lock().unwrap().clear();
    }

    /// Sends a GET with more header lines.
    pub(crate) fn get(&self, target: &str, lines: &str) -> Response {
        self.send("GET", target, lines)
    }

    /// Sends a request with more header lines. Who leads has its response before the cache has all
    /// of it: one that is to be kept is waited for, so that the next request finds it.
    pub(crate) fn send(&self, method: &str, target: &str, lines: &str) -> Response {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a.example\r\n{lines}Connection: close\r\n\r\n");
        let kept = || self.edge.counter("cache", "kept") + self.edge.counter("cache", "validated");
        let before = kept();
        let response = request(self.edge.address(), head.as_bytes());
        let is_stored = response.header("cache-status").is_some_and(|status| status.contains("; stored"));
        if is_stored && response.complete {
            wait_for("a response to be kept", || (kept() > before).then_some(()));
        }
        response
    }

    /// Sends a GET and returns its body and its Cache-Status.
    pub(crate) fn seen(&self, target: &str, lines: &str) -> (String, String) {
        let response = self.get(target, lines);
        (response.text().into_owned(), on_time(response.header("cache-status").unwrap_or_default()))
    }
}

/// Returns a Cache-Status as it is where no second begins while it is on its way.
pub(crate) fn on_time(text: &str) -> String {
    text.replace("ttl=59", "ttl=60").replace("ttl=-1", "ttl=0")
}
