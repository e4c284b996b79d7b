//! What the configuration says of a server or backend holds for the edge, with any number of lanes:
//! while they serve, when one is killed, and over a reload.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use fosse_harness::{Dir, Edge, WAIT_MAX, sockets, wait_for};
use rustix::process::Signal;

/// An application that counts the requests that it has under way, and responds once its gate is
/// open.
struct App {
    address: String,
    seen: Arc<Seen>,
    _dir: Dir,
}

#[derive(Default)]
struct Seen {
    open: AtomicBool,
    now: AtomicUsize,
    most: AtomicUsize,
    ended: AtomicUsize,
}

impl App {
    fn start(is_open: bool) -> Self {
        let (dir, seen) = (Dir::new(), Arc::new(Seen::default()));
        seen.open.store(is_open, SeqCst);
        let (path, shared) = (dir.join("app.sock"), Arc::clone(&seen));
        sockets::listen(&path, move |stream| {
            let _ = serve(stream, &shared);
        });
        Self { address: format!("unix:{}", path.display()), seen, _dir: dir }
    }

    fn now(&self) -> usize {
        self.seen.now.load(SeqCst)
    }

    fn wait_for_now(&self, count: usize) {
        wait_for("requests under way", || (self.now() == count).then_some(()));
    }
}

fn serve(mut stream: UnixStream, seen: &Seen) -> std::io::Result<()> {
    // It has to notice that a connection is gone whose request it holds.
    stream.set_read_timeout(Some(Duration::from_millis(5)))?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    loop {
        match stream.read(&mut byte) {
            Ok(0) => return Ok(()),
            Ok(_) => head.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        seen.most.fetch_max(seen.now.fetch_add(1, SeqCst) + 1, SeqCst);
        let mut is_gone = false;
        // Once at least, so that requests last.
        loop {
            is_gone |= matches!(stream.read(&mut byte), Ok(0));
            if is_gone || seen.open.load(SeqCst) {
                break;
            }
        }
        seen.now.fetch_sub(1, SeqCst);
        if is_gone {
            return Ok(());
        }
        seen.ended.fetch_add(1, SeqCst);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
    }
}

fn configuration(app: &App, lanes: u32, connections_max: u32, more: &str) -> String {
    format!(
        "lanes = {lanes}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"off\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\nconnections_max = {connections_max}\nfirst_byte_seconds = 600\n\
         {more}\n",
        app.address
    )
}

/// Clients of as many sources, so that every lane has some, each with its request sent.
fn ask(edge: &Edge, sources: std::ops::Range<u8>) -> Vec<TcpStream> {
    let clients = sources.map(|last| {
        let mut client = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        client
    });
    clients.collect()
}

fn status(mut client: TcpStream) -> u16 {
    let mut text = Vec::new();
    let _ = client.read_to_end(&mut text);
    String::from_utf8_lossy(&text).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn a_server_has_as_many_requests_as_it_may_with_any_number_of_lanes() {
    for (lanes, connections_max) in [(1, 3), (2, 3), (4, 3), (4, 1)] {
        let app = App::start(true);
        let waits = "queue_requests_max = 1000\nqueue_seconds = 600";
        let edge = Edge::with_config(&configuration(&app, lanes, connections_max, waits), &[]);
        let clients: Vec<_> = (0..8).flat_map(|_| ask(&edge, 2..18)).collect();
        let statuses: Vec<u16> = clients.into_iter().map(status).collect();
        assert!(statuses.iter().all(|status| *status == 200), "{lanes} lanes: {statuses:?}\n{}", edge.log());
        let most = u32::try_from(app.seen.most.load(SeqCst)).unwrap();
        assert_eq!(most, connections_max, "{lanes} lanes");
        assert_eq!(edge.alarms(), Vec::<String>::new());
    }
}

#[test]
fn a_lane_that_is_killed_gives_its_share_back() {
    let app = App::start(false);
    let waits = "queue_requests_max = 1000\nqueue_seconds = 600";
    let mut edge = Edge::with_config(&configuration(&app, 2, 3, waits), &[]);
    for _ in 0..3 {
        let clients = ask(&edge, 2..18);
        app.wait_for_now(3);
        let killed = edge.children_of("dispatch");
        assert_eq!(killed.len(), 2);
        killed.iter().for_each(|dispatch| assert!(dispatch.signal(Signal::KILL)));
        clients.into_iter().for_each(|client| assert_ne!(status(client), 200));
        app.wait_for_now(0);
        let pids: Vec<u32> = killed.iter().map(|dispatch| dispatch.pid).collect();
        wait_for("new lanes", || {
            let new = edge.children_of("dispatch");
            (new.len() == 2 && new.iter().all(|dispatch| !pids.contains(&dispatch.pid))).then_some(())
        });
    }
    let clients = ask(&edge, 2..18);
    app.wait_for_now(3);
    app.seen.open.store(true, SeqCst);
    assert_eq!(clients.into_iter().map(status).collect::<Vec<_>>(), [200; 16]);
    assert_eq!(app.seen.most.load(SeqCst), 3);
    assert_eq!(edge.terminate(), Some(0));
}

#[test]
fn what_lanes_of_before_a_reload_still_have_counts_with_what_the_new_ones_have() {
    let app = App::start(false);
    let waits = "queue_requests_max = 1000\nqueue_seconds = 600";
    let edge = Edge::with_config(&configuration(&app, 2, 3, waits), &[]);
    let before = ask(&edge, 2..5);
    app.wait_for_now(3);
    edge.reload(&configuration(&app, 4, 3, waits));
    let after = ask(&edge, 5..18);
    wait_for("requests in the queues of the new lanes", || (edge.counter("dispatch", "queued") == 13).then_some(()));
    assert_eq!(app.now(), 3, "there is no room for them");
    app.seen.open.store(true, SeqCst);
    let statuses: Vec<u16> = before.into_iter().chain(after).map(status).collect();
    assert_eq!(statuses, [200; 16]);
    assert_eq!(app.seen.most.load(SeqCst), 3);
}

#[test]
fn queues_of_all_lanes_have_as_many_places_together_as_are_written() {
    for lanes in [1, 2, 4] {
        let app = App::start(false);
        let edge =
            Edge::with_config(&configuration(&app, lanes, 4, "queue_requests_max = 8\nqueue_seconds = 600"), &[]);
        // One lane alone can fill what the server takes, and each has its part of the queue.
        wait_for("lanes that know of each other", || (edge.counter("dispatch", "queue_places") == 8).then_some(()));
        let mut clients: Vec<_> = (0..8).flat_map(|_| ask(&edge, 2..34)).collect();
        app.wait_for_now(4);
        // All but those that are under way or wait have got their 503.
        let refused = clients.len() - 12;
        let is_refused = |client: &TcpStream| sockets::readable(client, Duration::ZERO);
        wait_for("refusals", || (clients.iter().filter(|client| is_refused(client)).count() == refused).then_some(()));
        let waiting: Vec<TcpStream> = clients.extract_if(.., |client| !is_refused(client)).collect();
        clients.into_iter().for_each(|client| assert_eq!(status(client), 503));
        app.seen.open.store(true, SeqCst);
        assert_eq!(waiting.into_iter().map(status).collect::<Vec<_>>(), [200; 12], "{lanes} lanes");
    }
}
