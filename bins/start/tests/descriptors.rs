//! A limit of descriptors below the configuration's limits of connections costs connections, and no
//! lane.

use fosse_harness::{Backend, Client, Edge};
use rustix::process::{Resource, Rlimit, setrlimit};

/// (600 - 256) / 2
const GRANTED: usize = 172;

#[test]
fn a_lane_is_given_no_more_connections_than_it_has_descriptors_for() {
    let backend = Backend::start();
    let text = format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nwaf = \"off\"\n\
         backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    );
    // The edge inherits it; this test holds the other ends of its connections, which are fewer.
    setrlimit(Resource::Nofile, Rlimit { current: Some(600), maximum: Some(600) }).unwrap();
    let edge = Edge::with_config(&text, &[]);
    assert!(edge.log().contains("event=connections-limited"), "{}", edge.log());
    assert!(edge.log().contains(&format!("granted={GRANTED} descriptors=600")), "{}", edge.log());
    let lane = edge.process("parse").pid;
    let mut clients: Vec<Client> = (0..GRANTED + 50).map(|_| Client::connect(edge.address())).collect();
    // Those beyond it wait in the kernel, or are let in for others that are idle.
    let last = clients.last_mut().unwrap();
    last.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(last.response().status, 200, "{}", edge.log());
    let live = edge.counter("accept", "live");
    assert!(live <= GRANTED as u64, "{live}");
    assert_eq!(edge.process("parse").pid, lane, "{}", edge.log());
}
