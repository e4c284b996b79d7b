//! Requests that wait for access: nothing of them goes on before a server that is asked lets them
//! pass, whatever that server, their client or the ring does meanwhile.

use std::{
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use fosse_counters::dispatch as count;
use fosse_settings::{
    Access, Backend, Dispatch, FastCgi, ForwardAuth, Part, ServerName, Template, Underscores, Variable,
};
use fosse_wire::{
    Kind, StreamId,
    connect::{ConnectRequest, Outcome, Reply},
    fields,
    frame::ResetReason,
    request::{BodyLength, RequestHead},
    response::{Cause, ResponseHead},
    verdict,
};
use rustix::net::{RecvFlags, SocketType, recv};

mod waits;
mod written;

use super::{Fixture, Got, OK, backend, config, get, heard, id, pair, post, say};
use crate::exchange::limit::Limit;

const PASS: &[u8] = b"HTTP/1.1 202 Accepted\r\nX-User: ann\r\nx-groups: a\r\nX-Groups: b\r\nX-Other: c\r\n\
    Set-Cookie: session=2\r\nContent-Length: 2\r\n\r\nok";
const DENY: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: /login?a=b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
    X-User: eve\r\nContent-Length: 0\r\n\r\n";

const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nSet-Cookie: csrf=1\r\n\
    Content-Length: 0\r\n\r\n";

/// Numbers of the servers: that of the application, and that which is asked.
const APP: u32 = 0;
const AUTH: u32 = 1;

fn settings(app: Backend) -> Dispatch {
    let auth = Backend { name: "auth".into(), server_first: AUTH, ..backend() };
    let mut settings = config(app);
    settings.backends.push(auth);
    let server = ServerName {
        name: "auth".into(),
        backend: 1,
        weight: 1,
        backup: false,
        health_number: None,
        address_number: None,
        tls: false,
    };
    settings.servers.push(server);
    settings.policies[0].access = Some(Access {
        basic_auth: None,
        forward_auth: Some(ForwardAuth {
            backend: 1,
            path: "/auth".into(),
            copy_headers: vec!["X-User".into(), "X-Groups".into()],
            sign_in: None,
            decision_seconds: Duration::from_secs(5),
        }),
    });
    settings
}

fn guarded() -> Fixture {
    Fixture::of(settings(backend()))
}

impl Fixture {
    /// The server to which a connection is wanted, and the tag of that.
    fn wanted(&self) -> Option<(u32, u32)> {
        let mut bytes = [0; ConnectRequest::BYTES];
        let (count, _) = recv(&self.connect, &mut bytes[..], RecvFlags::DONTWAIT).ok()?;
        let ConnectRequest { tag, server } = ConnectRequest::decode(&bytes[..count]).unwrap();
        Some((server, tag))
    }

    /// Gives dispatch a connection to that server, which it wants; its other end.
    fn connected_to(&mut self, server: u32) -> OwnedFd {
        let (wanted, tag) = self.wanted().expect("a connect request");
        assert_eq!(wanted, server);
        let (ours, theirs) = pair(SocketType::STREAM);
        let reply = Reply { tag, outcome: Outcome::Connected, errno: 0 };
        fosse_fdpass::send(&self.connect, &reply.encode(), &[theirs.as_fd()]).unwrap();
        drop(theirs);
        self.turn();
        ours
    }

    /// The same, and what it was asked.
    fn asked_by(&mut self, server: u32) -> (OwnedFd, String) {
        let fd = self.connected_to(server);
        let question = String::from_utf8(heard(&fd)).unwrap();
        (fd, question)
    }

    /// Fields of the final head of a response, in lower case.
    fn response_fields(&self, stream: StreamId) -> Vec<(String, String)> {
        let Got(_, _, body) = self.got.iter().find(|got| got.0 == stream && got.1 == Kind::Response).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let head = ResponseHead::decode(body).unwrap();
        head.fields.into_iter().map(|(name, value)| (text(name).to_lowercase(), text(value))).collect()
    }

    fn says(&mut self, server: &OwnedFd, bytes: &[u8]) {
        say(server, bytes);
        self.turn();
    }
}

#[test]
fn a_request_goes_on_once_the_server_that_is_asked_lets_it_pass() {
    let mut fixture = guarded();
    fixture.send_with(id(0), &get(), Some((b"Cookie", b"session=1")));
    fixture.turn();
    let (auth, question) = fixture.asked_by(AUTH);
    assert_eq!(fixture.wanted(), None, "no server of the application is taken");
    for line in [
        "GET /auth HTTP/1.1\r\nHost: a.example\r\nCookie: session=1\r\n",
        "\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /\r\n",
        "\r\nX-Original-Method: GET\r\nX-Original-URL: http://a.example/\r\n",
        "\r\nX-Forwarded-Host: a.example\r\n",
    ] {
        assert!(question.contains(line), "{line}: {question}");
    }
    assert!(!question.contains("Content-Length") && question.ends_with("\r\n\r\n"), "{question}");
    fixture.says(&auth, PASS);
    let (app, request) = fixture.asked_by(APP);
    assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\nX-User: ann\r\nX-Groups: a\r\nX-Groups: b\r\n\r\n"), "{request}");
    assert!(!request.contains("X-Other"), "{request}");
    fixture.says(&app, OK);
    assert_eq!(fixture.statuses(id(0)), [200]);
    let cookies = fixture.response_fields(id(0));
    assert!(cookies.contains(&("set-cookie".into(), "session=2".into())), "{cookies:?}");
    assert_eq!(fixture.server.upstream.servers[1].idle.len(), 1, "its connection is kept");
    fixture.send(id(1), &get());
    fixture.turn();
    assert!(heard(&auth).starts_with(b"GET /auth "), "and used again");
}

#[test]
fn any_other_status_is_the_response_with_the_fields_by_which_clients_log_in() {
    let page = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Type: text/plain\r\n\
        X-User: eve\r\nContent-Length: 2\r\n\r\nno";
    let login = ("location", "/login?a=b");
    for (said, status, expected) in [
        (DENY, 302, vec![login, ("set-cookie", "a=1"), ("set-cookie", "b=2")]),
        (page, 401, vec![("www-authenticate", "Basic realm=\"x\""), ("content-type", "text/plain")]),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500, vec![]),
    ] {
        let mut fixture = guarded();
        fixture.send(id(0), &get());
        fixture.turn();
        let (auth, _) = fixture.asked_by(AUTH);
        fixture.says(&auth, said);
        assert_eq!((fixture.statuses(id(0)), fixture.causes(id(0))), (vec![status], vec![Cause::Access]));
        let fields = fixture.response_fields(id(0));
        for (name, value) in expected {
            assert!(fields.contains(&(name.into(), value.into())), "{name}: {fields:?}");
        }
        assert!(!fields.iter().any(|(name, _)| name == "x-user"), "{fields:?}");
        assert!(fields.contains(&("cache-control".into(), "no-store".into())), "{fields:?}");
        assert_eq!(fixture.wanted(), None, "the application hears nothing");
        assert_eq!(fixture.server.streams.len(), 0);
    }
}

#[test]
fn a_server_that_decides_nothing_lets_nobody_pass() {
    let long: &[u8] = &[&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 17_000], b"\r\n\r\n"].concat();
    let interims: &[u8] = &b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9);
    for said in [
        &b""[..],
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-User : ann\r\n\r\n",
        interims,
        long,
    ] {
        let mut fixture = guarded();
        fixture.send(id(0), &get());
        fixture.turn();
        let (auth, _) = fixture.asked_by(AUTH);
        say(&auth, said);
        drop(auth);
        fixture.turn();
        fixture.turn();
        let (status, cause) = (fixture.statuses(id(0)), fixture.causes(id(0)));
        assert_eq!((status, cause), (vec![503], vec![Cause::Access]), "{}", said.escape_ascii());
        assert_eq!(fixture.wanted(), None, "{}", said.escape_ascii());
        assert_eq!(fixture.server.upstream.connections.len(), 0);
        assert_eq!(fixture.counters.get(count::STATE_ERRORS), 0);
    }
}

#[test]
fn the_time_for_a_decision_is_one_for_connection_and_response() {
    for connects in [false, true] {
        let mut fixture = guarded();
        fixture.send(id(0), &get());
        fixture.turn();
        assert_eq!(fixture.limit(id(0)), Some((Limit::Access, 5_000)));
        let auth = connects.then(|| fixture.asked_by(AUTH));
        assert_eq!(fixture.limit(id(0)).map(|(limit, _)| limit), Some(Limit::Access));
        fixture.end_overdue(id(0));
        fixture.turn();
        assert_eq!((fixture.statuses(id(0)), fixture.causes(id(0))), (vec![503], vec![Cause::Access]));
        assert_eq!(fixture.server.upstream.servers[1].fails, u32::from(connects));
        if !connects {
            // The connection that comes too late is kept for the next.
            drop(fixture.connected_to(AUTH));
        }
        drop(auth);
        fixture.turn();
        assert_eq!(fixture.wanted(), None);
        assert_eq!(fixture.counters.get(count::STATE_ERRORS), 0);
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_not_waited_for() {
    let mut fixture = guarded();
    fixture.send(id(0), &get());
    fixture.turn();
    let (_, tag) = fixture.wanted().unwrap();
    let reply = Reply { tag, outcome: Outcome::Failed, errno: 111 };
    fosse_fdpass::send(&fixture.connect, &reply.encode(), &[]).unwrap();
    fixture.turn();
    assert_eq!((fixture.statuses(id(0)), fixture.wanted()), (vec![503], None));
}

#[test]
fn a_long_page_is_left_out_and_the_status_stays() {
    let mut fixture = guarded();
    fixture.send(id(0), &get());
    fixture.turn();
    let (auth, _) = fixture.asked_by(AUTH);
    fixture.says(&auth, b"HTTP/1.1 403 No\r\nContent-Type: text/html\r\n\r\n");
    while fixture.statuses(id(0)).is_empty() {
        let _ = rustix::net::send(&auth, &[b'x'; 16_384], rustix::net::SendFlags::DONTWAIT);
        fixture.turn();
    }
    assert_eq!(fixture.statuses(id(0)), [403]);
    let body: usize = fixture.got.iter().filter(|got| got.1 == Kind::ResponseData).map(|got| got.2.len()).sum();
    assert!(body < 1_000, "{body}");
    assert_eq!(fixture.server.upstream.connections.len(), 0);
}

#[test]
fn a_stale_connection_to_the_server_is_no_failure_of_it() {
    let mut fixture = guarded();
    for round in 0..2 {
        fixture.send(id(round), &get());
        fixture.turn();
        let (auth, _) = fixture.asked_by(AUTH);
        fixture.says(&auth, DENY);
        assert_eq!(fixture.statuses(id(round)), [302]);
        // It closes as the next question comes.
        drop(auth);
    }
    assert_eq!(fixture.server.upstream.servers[1].fails, 0);
}

#[test]
fn a_redirect_of_the_configuration_waits_for_access_as_well() {
    let mut settings = settings(backend());
    settings.policies[0].action = fosse_settings::Action::Redirect(302);
    let mut fixture = Fixture::of(settings);
    let mut none = Vec::new();
    fields::put(&mut none, std::iter::empty::<(&[u8], &[u8])>()).unwrap();
    fixture.send(id(0), &RequestHead { location: b"https://b.example/secret", ..get() });
    fixture.turn();
    let (auth, _) = fixture.asked_by(AUTH);
    assert_eq!(fixture.statuses(id(0)), []);
    fixture.says(&auth, PASS);
    assert_eq!(fixture.statuses(id(0)), [302]);
    let fields = fixture.response_fields(id(0));
    assert!(fields.contains(&("location".into(), "https://b.example/secret".into())), "{fields:?}");
    assert!(fields.contains(&("set-cookie".into(), "session=2".into())), "{fields:?}");
}

#[test]
fn questions_of_one_client_leave_room_for_those_of_others() {
    let mut fixture = guarded();
    let of = |client: u8| {
        let mut head = get();
        head.client.addr = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, client];
        head
    };
    // Four connections and a queue of four: all are one client's.
    for slot in 0..9 {
        fixture.send(id(slot), &of(1));
    }
    fixture.turn();
    assert_eq!(fixture.statuses(id(8)), [503], "it has no room of its own left");
    fixture.send(id(9), &of(2));
    fixture.turn();
    assert_eq!(fixture.statuses(id(7)), [503], "the last of who has most makes room");
    let auth = fixture.connected_to(AUTH);
    for expected in [0, 1, 2, 3, 4, 9].map(id) {
        fixture.says(&auth, DENY);
        assert_eq!(fixture.statuses(expected), [302], "sources by turns");
        heard(&auth);
    }
}

#[test]
fn a_client_that_has_not_signed_in_is_sent_where_it_can() {
    let template = [Part::Text("/sign_in?rd=".into()), Part::Variable(Variable::Target)];
    for (method, received, said, status, location) in [
        (&b"GET"[..], &b"/a%20b?c=d&e"[..], UNAUTHORIZED, 302, Some("/sign_in?rd=/a%2520b%3Fc%3Dd%26e")),
        (b"HEAD", b"//evil.example/", UNAUTHORIZED, 302, Some("/sign_in?rd=/evil.example/")),
        (b"POST", b"/", UNAUTHORIZED, 401, None),
        (b"GET", b"/", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 403, None),
    ] {
        let mut settings = settings(backend());
        let auth = settings.policies[0].access.as_mut().unwrap().forward_auth.as_mut().unwrap();
        auth.sign_in = Some(Template(template.to_vec()));
        let mut fixture = Fixture::of(settings);
        fixture.send(id(0), &RequestHead { method, received, ..get() });
        fixture.turn();
        let (auth, _) = fixture.asked_by(AUTH);
        fixture.says(&auth, said);
        assert_eq!(fixture.statuses(id(0)), [status]);
        let fields = fixture.response_fields(id(0));
        let found = fields.iter().find(|(name, _)| name == "location").map(|(_, value)| value.as_str());
        assert_eq!(found, location, "{fields:?}");
        assert_eq!(fields.iter().any(|(name, _)| name == "www-authenticate"), status == 401, "{fields:?}");
        assert!(status == 403 || fields.contains(&("set-cookie".into(), "csrf=1".into())), "{fields:?}");
    }
}
