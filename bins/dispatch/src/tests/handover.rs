//! A connection that goes from a response to the next request within one turn, before the event
//! that announced the end of that response.

use fosse_wire::Kind;
use rustix::net::SocketType;

use super::{Fixture, OK, backend, get, heard, id, pair, post, say};
use crate::limits::LEASE_BYTES_MIN;

/// The rest of a response that dispatch writes itself comes with its lease and the next request.
/// Returns the server.
fn hand_over(fixture: &mut Fixture, closes: bool) -> std::os::fd::OwnedFd {
    fixture.send(id(0), &get());
    fixture.turn();
    let server = fixture.connected();
    assert!(!heard(&server).is_empty());
    say(&server, format!("HTTP/1.1 200 OK\r\nContent-Length: {LEASE_BYTES_MIN}\r\n\r\n").as_bytes());
    fixture.turn();
    let (client, theirs) = pair(SocketType::STREAM);
    fixture.server.clients.insert(7, theirs, 0);
    // What was ready in one turn is looked at first in the next, ready or not.
    fixture.turn_within(Some(0));
    fixture.to.outbox.raw(id(0), Kind::Lease, b"");
    fixture.send(id(1), &post());
    // The frames are ready first now, so they are taken before what the server says.
    fixture.to.flush(&fixture.peers, 1).unwrap();
    say(&server, &vec![b'x'; usize::try_from(LEASE_BYTES_MIN).unwrap()]);
    if closes {
        rustix::net::shutdown(&server, rustix::net::Shutdown::Write).unwrap();
    }
    fixture.turn();
    assert_eq!(heard(&client).len(), usize::try_from(LEASE_BYTES_MIN).unwrap());
    assert!(fixture.got.iter().any(|got| got.0 == id(0) && got.1 == Kind::ResponseEnd));
    server
}

#[test]
fn an_event_of_the_response_before_says_nothing_of_the_next_request() {
    let mut fixture = Fixture::new(backend());
    let server = hand_over(&mut fixture, false);
    assert_eq!(fixture.asked(), None, "it has the connection");
    assert!(heard(&server).starts_with(b"POST "));
    say(&server, OK);
    fixture.turn();
    assert_eq!(fixture.statuses(id(1)), [200]);
}

#[test]
fn a_server_that_closed_with_its_response_gets_no_further_request_whatever_the_method() {
    let mut fixture = Fixture::new(backend());
    let server = hand_over(&mut fixture, true);
    assert!(heard(&server).is_empty());
    let server = fixture.connected();
    assert!(heard(&server).starts_with(b"POST "));
    say(&server, OK);
    fixture.turn();
    assert_eq!(fixture.statuses(id(1)), [200]);
}
