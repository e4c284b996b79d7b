//! Python applications on unix sockets, restarted while requests come.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use fosse_applications::{Server, installed};
use fosse_harness::{Dir, Edge, get, wait_for};

const WSGI: &str = "
import os
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d' % os.getpid()]
";

const ASGI: &str = "
import os
async def application(scope, receive, send):
    if scope['type'] != 'http':
        return
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-type', b'text/plain')]})
    await send({'type': 'http.response.body', 'body': b'%d' % os.getpid()})
";

/// Requests from four clients at once, until it is told to end.
struct Load {
    ends: AtomicBool,
    statuses: [AtomicUsize; 600],
}

impl Load {
    /// Runs `work` under load; returns the statuses that were seen, each with its count.
    fn during(edge: &Edge, work: impl FnOnce(&Self)) -> Vec<(usize, usize)> {
        let load = Self { ends: AtomicBool::new(false), statuses: [const { AtomicUsize::new(0) }; 600] };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !load.ends.load(Ordering::Relaxed) {
                        let status = usize::from(get(edge.address(), "/").status);
                        load.statuses[status].fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            load.wait_for_more(200);
            work(&load);
            load.wait_for_more(200);
            load.ends.store(true, Ordering::Relaxed);
        });
        let counts = load.statuses.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn wait_for_more(&self, status: usize) {
        let before = self.statuses[status].load(Ordering::Relaxed);
        wait_for("more responses", || (self.statuses[status].load(Ordering::Relaxed) >= before + 50).then_some(()));
    }
}

fn worker(edge: &Edge) -> String {
    let response = get(edge.address(), "/");
    assert_eq!(response.status, 200);
    response.text().into_owned()
}

#[test]
fn workers_of_gunicorn_are_replaced_without_a_failed_request() {
    let Some(gunicorn) = installed("gunicorn") else { return };
    let dir = Dir::new();
    std::fs::write(dir.join("app.py"), WSGI).unwrap();
    let socket = dir.join("app.sock");
    let bind = format!("unix:{}", socket.display());
    let mut command = Command::new(gunicorn);
    command.args(["--bind", &bind, "--umask", "0", "--workers", "2", "app"]);
    let server = Server::start(&mut command, &dir).on_socket(&socket);
    let edge = Edge::up(&bind, &[]);
    let before = worker(&edge);
    let seen = Load::during(&edge, |load| {
        let _ = fosse_applications::output(Command::new("kill").args(["-HUP", &server.pid().to_string()]));
        // The worker of before is gone, and others serve.
        wait_for("new workers", || std::fs::metadata(format!("/proc/{before}")).is_err().then_some(()));
        load.wait_for_more(200);
    });
    assert!(seen.iter().all(|(status, _)| *status == 200), "{seen:?}: {}", edge.log());
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

#[test]
fn uvicorn_that_was_away_is_found_again() {
    let Some(uvicorn) = installed("uvicorn") else { return };
    let dir = Dir::new();
    std::fs::write(dir.join("app.py"), ASGI).unwrap();
    let socket = dir.join("app.sock");
    let start = || {
        let mut command = Command::new(&uvicorn);
        command.args(["--uds", &socket.to_string_lossy(), "app:application"]);
        Server::start(&mut command, &dir).on_socket(&socket)
    };
    let first = start();
    let edge = Edge::up(&format!("unix:{}", socket.display()), &[]);
    let before = worker(&edge);
    let mut second = None;
    let seen = Load::during(&edge, |load| {
        drop(first);
        load.wait_for_more(502);
        second = Some(start());
        load.wait_for_more(200);
    });
    assert!(seen.iter().all(|(status, _)| matches!(status, 200 | 502 | 503)), "{seen:?}: {}", edge.log());
    assert_ne!(worker(&edge), before);
    assert_eq!(edge.alarms(), Vec::<String>::new());
}
