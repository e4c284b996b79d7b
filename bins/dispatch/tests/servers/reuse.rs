//! Connections that are used again, under load.

use std::thread;

use fosse_harness::{Backend, Client, Edge};

const CLIENTS: usize = 48;
const REQUESTS: usize = 60;

/// A body of this size is written to the client by dispatch itself. The rest of it is announced in
/// the turn in which it is read and the connection goes to the next request.
const REQUEST: &[u8] = b"GET /bytes/65536 HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn no_connection_is_closed_because_of_the_end_of_the_response_before() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1", "--waf", "off"]);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::connect(edge.address());
                for _ in 0..REQUESTS {
                    client.send(REQUEST);
                    assert_eq!(client.response().body.len(), 65536);
                }
            });
        }
    });
    // A client that is between two requests leaves its connection to others, so there are never
    // more than clients.
    let made = edge.counter("dispatch", "connects");
    assert!(made <= CLIENTS as u64, "{made} connections for {CLIENTS} clients");
}
