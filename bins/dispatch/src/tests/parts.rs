//! The parts of dispatch alone: upstream without requests, an exchange without upstream, and what
//! happens when their books disagree.

use std::os::fd::{AsFd, OwnedFd};

use fosse_counters::{Counters, dispatch as count};
use fosse_eventloop::{EventLoop, slab::Slab};
use fosse_http1::HeadLimits;
use fosse_settings::Backend;
use fosse_source::Source;
use fosse_stage::fronts::ToFronts;
use fosse_wire::{
    connect::{Outcome as Connected, Reply},
    request::BodyLength,
};
use rustix::net::SocketType;

use super::{Fixture, OK, asked, backend, config, get, heard, id, pair, post, say};
use crate::{
    context::{Context, Shared, token},
    exchange::{Outcome, Terms, failure::Failure, response_body, send, stream::Stream},
    policies::Policy,
    upstream::{
        Upstream,
        connection::Connection,
        pins::Pins,
        supply::{Event, Supply},
        tried::Wanted,
    },
};

/// Owner of what a context borrows.
struct Parts {
    event_loop: EventLoop,
    counters: Counters,
    shared: Shared,
}

impl Parts {
    fn new() -> Self {
        let (output, _) = pair(SocketType::STREAM);
        let shared = Shared::new(ToFronts::new(vec![output]), None, 1 << 20);
        Self { event_loop: EventLoop::new().unwrap(), counters: Counters::private(), shared }
    }

    fn context(&mut self) -> Context<'_> {
        Context { event_loop: &self.event_loop, counters: &self.counters, shared: &mut self.shared }
    }
}

/// Upstream of one server, and the end of connect.
fn upstream(backend: Backend) -> (Upstream, OwnedFd) {
    let (ours, connect) = pair(SocketType::SEQPACKET);
    (Upstream::new(&config(backend), ours), connect)
}

/// Replies to the one connect request that has come; the server's end, where it connected.
fn reply(connect: &OwnedFd, outcome: Connected) -> OwnedFd {
    let tag = asked(connect).expect("a connect request");
    let (ours, theirs) = pair(SocketType::STREAM);
    let fds = if outcome == Connected::Connected { vec![theirs.as_fd()] } else { Vec::new() };
    fosse_fdpass::send(connect, &Reply { tag, outcome, errno: 0 }.encode(), &fds).unwrap();
    ours
}

#[test]
fn connections_go_to_those_that_wait_in_the_order_they_came() {
    let (mut parts, (mut upstream, connect)) = (Parts::new(), upstream(Backend { connections_max: 1, ..backend() }));
    let context = parts.context();
    assert_eq!(upstream.request(id(0), Source::LOCAL, 0, Wanted::default(), &context), Supply::Connecting(0));
    assert_eq!(upstream.request(id(1), Source::LOCAL, 0, Wanted::default(), &context), Supply::Queued);
    let _server = reply(&connect, Connected::Connected);
    let Some(Event::Ready(first, key)) = upstream.next_event(&context).unwrap() else { panic!("no connection") };
    assert_eq!(first, id(0));
    assert_eq!(upstream.release(key, &context), Some(Event::Ready(id(1), key)));
    assert_eq!(upstream.release(key, &context), None);
    assert_eq!(upstream.request(id(2), Source::LOCAL, 0, Wanted::default(), &context), Supply::Ready(key));
    assert_eq!((upstream.servers[0].busy, upstream.servers[0].open, upstream.servers[0].pending), (1, 1, 0));
}

#[test]
fn a_tick_ends_though_a_request_waits_that_has_been_to_the_server_with_an_idle_connection() {
    let two = Backend { server_count: 2, connections_max: 1, ..backend() };
    let (mut parts, (mut upstream, connect)) = (Parts::new(), upstream(two));
    let context = parts.context();
    let mut been = Wanted::default();
    been.tried.add(0);
    for (slot, tried, server) in [(0, Wanted::default(), 0), (1, been, 1)] {
        assert_eq!(upstream.request(id(slot), Source::LOCAL, 0, tried, &context), Supply::Connecting(server));
        let _server = reply(&connect, Connected::Connected);
        let Some(Event::Ready(_, key)) = upstream.next_event(&context).unwrap() else { panic!("no connection") };
        if server == 0 {
            assert_eq!(upstream.release(key, &context), None);
        }
    }
    assert_eq!(upstream.request(id(2), Source::LOCAL, 0, been, &context), Supply::Queued);
    assert_eq!(upstream.tick(&context), []);
    assert_eq!(upstream.servers[0].idle.len(), 1);
}

#[test]
fn a_stream_that_left_the_queue_gets_no_connection() {
    let (mut parts, (mut upstream, connect)) = (Parts::new(), upstream(backend()));
    let context = parts.context();
    upstream.request(id(0), Source::LOCAL, 0, Wanted::default(), &context);
    upstream.cancel(id(0), 0, &context);
    let _server = reply(&connect, Connected::Connected);
    assert_eq!(upstream.next_event(&context).unwrap(), None);
    assert_eq!(upstream.servers[0].idle.len(), 1, "it is in the pool");
}

#[test]
fn a_server_that_cannot_be_reached_is_news_for_the_stream_that_has_waited_longest() {
    let (mut parts, (mut upstream, connect)) = (Parts::new(), upstream(backend()));
    let context = parts.context();
    upstream.request(id(0), Source::LOCAL, 0, Wanted::default(), &context);
    upstream.request(id(1), Source::LOCAL, 0, Wanted::default(), &context);
    // Not even an errno that is none ends the program.
    reply(&connect, Connected::Failed);
    assert_eq!(upstream.next_event(&context).unwrap(), Some(Event::Failed(id(0), 0)));
    assert_eq!(upstream.servers[0].fails, 1);
}

#[test]
fn an_exchange_is_one_stream_one_connection_and_the_context() {
    let (mut parts, backend, policy) = (Parts::new(), backend(), Policy::default());
    let mut context = parts.context();
    let terms = Terms {
        retried: &[],
        policy: &policy,
        backend: &backend,
        head: HeadLimits::DEFAULT,
        write_seconds: backend.idle_seconds,
        may_lease: true,
    };
    for (response, outcome) in [
        (OK, Outcome::Complete { clean: true }),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", Outcome::Complete { clean: false }),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", Outcome::Continue),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            Outcome::Failed(Failure::UnaskedUpgrade),
        ),
    ] {
        let (fd, server) = pair(SocketType::STREAM);
        let mut connections = Slab::default();
        let key = connections.insert(Connection::new(fd, (0, 0), &Backend::default())).unwrap();
        let connection = connections.get_mut(key).unwrap();
        context.event_loop.add(&connection.fd, key.token(token::CONNECTION), connection.interest).unwrap();
        let mut stream = Stream::new(id(0), &get(), 0).unwrap();
        let mut pins = Pins::default();
        stream.out.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
        send::begin(&mut stream, key, connection, &mut pins, &backend, &mut context);
        send::send_request(&mut stream, key, connection, &mut context);
        assert_eq!(heard(&server), b"GET / HTTP/1.1\r\n\r\n");
        say(&server, response);
        let read = response_body::read(&mut stream, key, connection, &mut pins, terms, &mut context);
        assert_eq!(read, outcome, "{}", response.escape_ascii());
    }
}

#[test]
fn books_that_disagree_are_counted_and_cost_nobody_else_anything() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &post());
    fixture.turn();
    // Nobody waits for what upstream believes that this stream waits for.
    fixture.server.streams.remove(id(0));
    let server = fixture.connected();
    assert_eq!(fixture.counters.get(count::STATE_ERRORS), 1);
    assert_eq!(rustix::io::read(&server, &mut [0; 1][..]), Ok(0), "the connection is closed");
    fixture.send(id(1), &fosse_wire::request::RequestHead { body: BodyLength::Exact(0), ..post() });
    fixture.end(id(1));
    fixture.turn();
    let server = fixture.connected();
    assert!(heard(&server).starts_with(b"POST "));
    say(&server, OK);
    fixture.turn();
    assert_eq!(fixture.statuses(id(1)), [200]);
}
