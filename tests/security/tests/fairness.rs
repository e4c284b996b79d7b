//! One source cannot take from the others what the edge has, with the limits that it has by
//! default.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use fosse_harness::{Dir, Edge, WAIT_MAX, sockets, wait_for};
use rustix::{
    net::{
        AddressFamily, SocketFlags, SocketType, bind, connect, socket_with,
        sockopt::{Timeout, set_socket_recv_buffer_size, set_socket_timeout},
    },
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// Bytes of the response that nobody reads: more than the kernel takes for a client.
const LARGE_BYTES: usize = 12 << 20;

/// Connections of the hostile address, all of which it asks on.
const HOSTILE_CONNECTIONS: usize = 900;

/// An application with one large file and a front page, a thread for each connection.
struct Application {
    dir: Dir,
    connections: Arc<AtomicUsize>,
}

impl Application {
    fn start() -> Self {
        let (dir, connections) = (Dir::new(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&connections);
        sockets::listen(&dir.join("app.sock"), move |stream| {
            count.fetch_add(1, Ordering::Relaxed);
            let _ = serve(stream);
        });
        Self { dir, connections }
    }

    fn address(&self) -> String {
        format!("unix:{}", self.dir.join("app.sock").display())
    }
}

/// Serves a connection until it ends.
fn serve(mut stream: UnixStream) -> std::io::Result<()> {
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let end = request.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let large = request.starts_with(b"GET /large ");
            let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            while request.len() < whole {
                match stream.read(&mut piece)? {
                    0 => return Ok(()),
                    count => request.extend_from_slice(&piece[..count]),
                }
            }
            request.drain(..whole);
            let length = if large { LARGE_BYTES } else { 2 };
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")?;
            for at in (0..length).step_by(65_536) {
                stream.write_all(&[b'x'; 65_536][..(length - at).min(65_536)])?;
            }
            continue;
        }
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&piece[..count]),
        }
    }
}

/// Both ends of every connection are descriptors of the test.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

/// Connects from 127.0.0.`last` with next to no room for what comes.
fn connect_small(last: u8, address: SocketAddr) -> TcpStream {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    set_socket_recv_buffer_size(&fd, 4096).unwrap();
    set_socket_timeout(&fd, Timeout::Recv, Some(WAIT_MAX)).unwrap();
    bind(&fd, &SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    connect(&fd, &address).unwrap();
    TcpStream::from(fd)
}

fn configuration(application: &Application) -> String {
    format!(
        "lanes = 2\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        application.address()
    )
}

/// Asks for the front page from 127.0.0.`last`: the status, 0 where the connection is closed.
fn status_from(last: u8, address: SocketAddr) -> u16 {
    let mut stream = sockets::connect_from(last, address, WAIT_MAX).unwrap();
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    let mut response = Vec::new();
    match stream.read_to_end(&mut response) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("neither served nor refused: {error}"),
        _ => {}
    }
    let text = String::from_utf8_lossy(&response).into_owned();
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn an_address_that_asks_for_large_files_and_reads_nothing_takes_nothing_from_others() {
    raise_descriptor_limit();
    let application = Application::start();
    let edge = Edge::with_config(&configuration(&application), &[]);
    let address = edge.address();
    let (over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let visitor = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(status_from(77, address), 200, "after {served:?} that were served");
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut slow = Vec::new();
        for _ in 0..HOSTILE_CONNECTIONS {
            let mut stream = connect_small(66, address);
            stream.write_all(b"GET /large HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
            slow.push(stream);
        }
        let asked = u64::try_from(HOSTILE_CONNECTIONS).unwrap();
        wait_for("every hostile request", || (edge.counter("dispatch", "requests") >= asked).then_some(()));
        // All connections to the server that there may be are in use.
        wait_for("a full server", || (application.connections.load(Ordering::Relaxed) >= 512).then_some(()));
        let before = served.load(Ordering::Relaxed);
        wait_for("a hundred more visits", || {
            (visitor.is_finished() || served.load(Ordering::Relaxed) >= before + 100).then_some(())
        });
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

/// Returns the lane that has the connection with that local port.
fn lane_of(stream: &TcpStream, connections: &str) -> String {
    let local = format!(" {} ", stream.local_addr().unwrap());
    let line = connections.lines().find(|line| line.contains(&local)).unwrap();
    line.split(' ').nth(9).unwrap().to_owned()
}

#[test]
fn an_address_that_reads_nothing_in_one_lane_takes_nothing_from_those_in_another() {
    let application = Application::start();
    let server = "connections_max = 4\n";
    let edge = Edge::with_config(&[&configuration(&application), server].concat(), &[]);
    let address = edge.address();
    // Those who look where their connections are served can choose.
    let hostile: Vec<TcpStream> = (0..64).map(|_| connect_small(66, address)).collect();
    let visitors: Vec<TcpStream> =
        (70..86).map(|last| sockets::connect_from(last, address, WAIT_MAX).unwrap()).collect();
    wait_for("connections in their lanes", || (edge.counter("parse", "connections") == 80).then_some(()));
    let connections = edge.status_page("/connections.txt");
    let lane = lane_of(&hostile[0], &connections);
    let mut slow: Vec<TcpStream> = hostile.into_iter().filter(|one| lane_of(one, &connections) == lane).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    }
    let asked = u64::try_from(slow.len()).unwrap();
    wait_for("every hostile request", || (edge.counter("dispatch", "requests") == asked).then_some(()));
    let others: Vec<TcpStream> = visitors.into_iter().filter(|one| lane_of(one, &connections) != lane).collect();
    assert!(asked > 8 && !others.is_empty(), "{asked} and {}", others.len());
    for mut visitor in others {
        visitor.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let mut response = [0; 12];
        visitor.read_exact(&mut response).unwrap();
        assert_eq!(response, *b"HTTP/1.1 200");
    }
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

/// Announces a body of 50 MiB from 127.0.0.`last` and sends that part of it.
fn upload_in_part(last: u8, address: SocketAddr, bytes: usize) -> TcpStream {
    let mut stream = sockets::connect_from(last, address, WAIT_MAX).unwrap();
    let head = "POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/octet-stream\r\nContent-Length: 52428800\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![0; bytes]).unwrap();
    stream
}

#[test]
fn an_address_that_fills_the_memory_for_bodies_makes_room_for_the_body_of_another() {
    let application = Application::start();
    let site = "body_bytes_max = \"50 MiB\"\n[[backend]]";
    // Where there is no file for long bodies.
    let limits = "lanes = 1\n[limits]\nspool_bytes_max = 0";
    let configuration = configuration(&application).replace("waf = \"off\"\n", "").replace("lanes = 2", limits);
    let edge = Edge::with_config(&configuration.replace("[[backend]]", site), &[]);
    let address = edge.address();
    let buffered = || edge.counter("waf-filter", "buffered_bytes");
    let mut uploads = Vec::new();
    // All but 200 KB of the 64 MiB that a lane has by default.
    for bytes in [10 << 20; 6].into_iter().chain([(4 << 20) - 200_000]) {
        uploads.push(upload_in_part(66, address, bytes));
        let sent = u64::try_from(uploads.len()).unwrap();
        wait_for("the upload in memory", || {
            (buffered() >= ((sent * 10) << 20).min((64 << 20) - 200_000)).then_some(())
        });
    }
    let body = "x".repeat(400_000);
    let mut stream = sockets::connect_from(77, address, WAIT_MAX).unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = [0; 12];
    stream.read_exact(&mut response).unwrap();
    assert_eq!(response, *b"HTTP/1.1 200", "the newcomer is served");
    let mut refused = 0;
    for upload in &mut uploads {
        upload.set_nonblocking(true).unwrap();
        refused += u8::from(upload.read_exact(&mut response).is_ok() && response == *b"HTTP/1.1 503");
    }
    assert_eq!(refused, 1, "one of those who filled it is not");
}

#[test]
fn connections_that_wait_for_nothing_make_room_for_a_new_client() {
    let application = Application::start();
    let limits = "[limits]\nconnections_max = 64\n[[listen]]";
    let configuration = configuration(&application).replace("lanes = 2", "lanes = 1").replace("[[listen]]", limits);
    let edge = Edge::with_config(&configuration, &[]);
    let address = edge.address();
    let request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let live = |least: usize| {
        let least = u64::try_from(least).unwrap().min(56);
        wait_for("the connection in its lane", || (edge.counter("accept", "live") >= least).then_some(()));
    };
    // Some have sent nothing, some a part of a head, and some have asked before.
    let mut idle: Vec<_> = (0..33).map(|_| sockets::connect_from(66, address, WAIT_MAX).unwrap()).collect();
    live(idle.len());
    for n in 0..67 {
        let mut stream = sockets::connect_from(66, address, WAIT_MAX).unwrap();
        let asked = match n % 2 {
            0 => stream.write_all(request).and_then(|()| stream.read_exact(&mut [0; 12])),
            _ => stream.write_all(b"GET / HTTP/1.1\r\nHo"),
        };
        assert!(asked.is_ok(), "even its own next one finds room");
        idle.push(stream);
        live(idle.len());
    }
    assert!(edge.counter("parse", "relieved") > 30);
    for last in 70..80 {
        assert_eq!(status_from(last, address), 200);
    }
}
