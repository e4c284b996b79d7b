//! Logins bound to a connection: whose it is, how long it stays, and who hears of its end.

mod lane;

use std::time::Duration;

use fosse_wire::Kind;
use fosse_wire::channel;
use fosse_wire::response::ResponseHead;
use fosse_wire::start::ToChild;
use lane::{GET, Lane, expect, readable, rest, say, settings};

fn pinned() -> ResponseHead<'static> {
    ResponseHead { status: 200, pinned: true, ..Default::default() }
}

#[test]
fn dispatch_hears_of_the_end_of_a_connection_that_has_a_login() {
    let mut lane = Lane::new(&settings());
    for (connection, goes_early) in [(1, false), (2, true)] {
        let client = lane.client();
        say(&client, GET);
        let request = lane.request();
        assert!(request.head().single_client);
        if goes_early {
            // It is gone before the response says that there is one.
            rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
            drop(client);
            assert_eq!(lane.frame().kind, Kind::Reset);
            lane.head(request.stream, &pinned(), &[]);
            lane.end(request.stream, 0);
        } else {
            lane.head(request.stream, &pinned(), &[]);
            lane.end(request.stream, 0);
            expect(&client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            drop(client);
        }
        let (ended, fds) = lane.next_to_dispatch();
        assert_eq!((ended, fds.len()), (vec![connection], 0));
    }
    assert!(!readable(&lane.direct, Duration::from_millis(100)), "it is said once");
}

#[test]
fn a_connection_with_a_login_is_served_to_its_end_where_it_is() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(&client, GET);
    let request = lane.request();
    lane.head(request.stream, &pinned(), &[]);
    lane.end(request.stream, 0);
    expect(&client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    lane.order(ToChild::Drain);
    assert!(!readable(&lane.accept, Duration::from_millis(700)), "it is not handed back");
    // A handshake goes on over the connection it began on, and what comes after it is the last.
    say(&client, GET);
    let request = lane.request();
    lane.head(request.stream, &ResponseHead { status: 401, ..pinned() }, &[]);
    lane.end(request.stream, 0);
    expect(&client, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    say(&client, GET);
    let request = lane.request();
    lane.head(request.stream, &pinned(), &[]);
    lane.end(request.stream, 0);
    assert_eq!(rest(&client), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

#[test]
fn only_a_trusted_peers_connection_has_many_clients_unless_its_listener_says_otherwise() {
    let listeners = [false, true].map(|connection_per_client| fosse_settings::ParseListener {
        connection_per_client,
        ..fosse_settings::ParseListener::default()
    });
    let mut lane = Lane::new(&fosse_settings::Parse { listeners: listeners.to_vec(), ..settings() });
    for (trusted, listener, single) in [(false, 0, true), (true, 0, false), (false, 1, true), (true, 1, true)] {
        let client = lane.client_as(channel::Connection { trusted, listener, ..Default::default() });
        say(&client, GET);
        assert_eq!(lane.request().head().single_client, single, "trusted: {trusted}, listener: {listener}");
    }
}
