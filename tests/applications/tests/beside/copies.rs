//! Copies of requests, as they reach another application: beside nginx's mirror.

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
};

use fosse_harness::{
    Dir,
    http::{Framing, Reader},
    sockets, wait_for,
};

use crate::peers::{Asked, Peers, Row, ask};

const REQUESTS: &[Asked] = &[
    ("GET", "/a?b=c", "", ""),
    ("HEAD", "/h", "", ""),
    ("POST", "/p", "Content-Type: text/x", "some words"),
    ("PUT", "/c", "Transfer-Encoding: chunked", "4\r\nsome\r\n6\r\n words\r\n0\r\n\r\n"),
    ("DELETE", "/d", "Cookie: a=1\nAuthorization: Bearer x", ""),
    ("GET", "/status/500", "", ""),
];

/// What an application has got: the line, some headers, the body.
type Seen = Arc<Mutex<Vec<String>>>;

fn recorder(dir: &Dir, name: &str) -> Seen {
    let seen = Seen::default();
    let all = Arc::clone(&seen);
    sockets::listen(&dir.join(name), move |stream| {
        let mut reader = Reader::new(stream);
        while let Ok(head) = reader.head() {
            let (framing, mut body) = (Framing::of(&head).unwrap().unwrap_or(Framing::Exact(0)), Vec::new());
            if reader.body(framing, &mut |piece| body.extend_from_slice(piece)).is_err() {
                return;
            }
            let fields = ["host", "cookie", "authorization", "content-type"];
            let fields: Vec<String> =
                fields.iter().flat_map(|name| head.all(name).map(move |value| format!("{name}: {value}"))).collect();
            let line = head.first.trim_end_matches(" HTTP/1.1");
            all.lock().unwrap().push(format!("{line} {} {}", fields.join(" "), String::from_utf8_lossy(&body)));
            if reader.source.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    });
    seen
}

#[test]
fn a_copy_is_what_that_of_nginx_is() {
    let dir = Dir::new();
    let (ours, theirs) = (recorder(&dir, "ours"), recorder(&dir, "theirs"));
    let place = dir.path().display();
    let leak = |text: String| -> &'static str { text.leak() };
    let rows = [Row {
        name: "copies",
        keys: KEYS,
        fosse: "{pass}\nmirror = { backend = \"copies\" }",
        backends: leak(format!("[[backend]]\nname = \"copies\"\nservers = [\"unix:{place}/ours\"]\n")),
        nginx: leak(format!(
            "location / {{ mirror /copy; {{pass}} }}\n\
             location = /copy {{ internal; proxy_pass http://unix:{place}/theirs:$request_uri; }}"
        )),
        ..Row::NONE
    }];
    let servers = Peers::start(&rows);
    let sorted = |seen: &Seen| {
        let all =
            wait_for("all copies", || Some(seen.lock().unwrap().clone()).filter(|all| all.len() >= REQUESTS.len()));
        let mut all = all;
        all.sort_unstable();
        all
    };
    for asked in REQUESTS {
        let status = ask(servers.edge.address(), "copies", *asked).status;
        assert_eq!(status, if asked.1.starts_with("/status") { 500 } else { 200 }, "the copy's response is nobody's");
    }
    let copied = sorted(&ours);
    assert_eq!(copied.len(), REQUESTS.len(), "{copied:#?}");
    for (_, address) in servers.of(&rows[0]) {
        REQUESTS.iter().for_each(|asked| drop(ask(address, "copies", *asked)));
        assert_eq!(copied, sorted(&theirs));
    }
    assert_eq!(servers.edge.alarms(), Vec::<String>::new());
}

/// Keys of fosse.toml that it is about.
pub(crate) const KEYS: &[&str] = &["mirror", "mirror.backend"];
