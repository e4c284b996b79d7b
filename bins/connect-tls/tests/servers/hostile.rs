//! Servers that mean harm: each costs its own requests alone, and no memory.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fosse_harness::{Client, Edge, get, wait_for};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::server::{Made, Server};
use crate::skipped;

/// KiB that fosse-connect-tls may have had at its worst: it has 5 MiB without any attack, and what
/// each of these says without an end would soon be more.
const MEMORY_KIB_MAX: u64 = 16 << 10;

/// Certificates that no handshake message holds.
const LONG_CHAIN: usize = 200;

/// Tickets with which a server begins, in one piece: some MiB. It may be refused for more than is
/// kept of a handshake.
const TICKETS: usize = 5_000;

/// One way to attack, with what a client may get.
struct Attack {
    name: &'static str,
    act: fn(&mut Peer) -> io::Result<()>,
    expected: &'static [u16],
}

/// Some go on until the edge closes the connection, which ends them with an error.
const ATTACKS: &[Attack] = &[
    Attack { name: "silence", act: |peer| peer.hear(), expected: &[502, 504] },
    Attack { name: "half-a-record", act: half_a_record, expected: &[502, 504] },
    Attack { name: "garbage", act: |peer| peer.repeat(&[0xa5; 16_384]), expected: &[502] },
    Attack { name: "plain-http", act: |peer| peer.repeat(b"HTTP/1.1 200 OK\r\n\r\n"), expected: &[502] },
    Attack { name: "endless-hello", act: endless_hello, expected: &[502] },
    Attack { name: "empty-records", act: |peer| peer.repeat(&record(22, &[])), expected: &[502] },
    Attack { name: "warnings", act: |peer| peer.repeat(&record(21, &[1, 0])), expected: &[502] },
    Attack { name: "cipher-changes", act: |peer| peer.repeat(&record(20, &[1])), expected: &[502] },
    Attack { name: "long-chain", act: |peer| peer.shake_hands(LONG_CHAIN, 2).map(drop), expected: &[502] },
    Attack { name: "tickets", act: tickets, expected: &[200, 502] },
    Attack { name: "key-updates", act: key_updates, expected: &[502, 504] },
    Attack { name: "silent-application", act: silent_application, expected: &[504] },
];

/// A record of TLS as it is without encryption.
fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], &length[..], payload].concat()
}

fn half_a_record(peer: &mut Peer) -> io::Result<()> {
    peer.socket.write_all(&record(22, &[2; 4_000])[..2_000])?;
    peer.hear()
}

/// A message of 16 MiB, a record at a time.
fn endless_hello(peer: &mut Peer) -> io::Result<()> {
    peer.socket.write_all(&record(22, &[2, 0xff, 0xff, 0xff]))?;
    peer.repeat(&record(22, &[3; 16_000]))
}

fn tickets(peer: &mut Peer) -> io::Result<()> {
    let mut stream = peer.shake_hands(1, TICKETS)?;
    let _ = stream.read(&mut [0; 1024])?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")?;
    stream.flush()
}

/// Changes its keys as fast as they are taken, in place of a response.
fn key_updates(peer: &mut Peer) -> io::Result<()> {
    let mut stream = peer.shake_hands(1, 2)?;
    let _ = stream.read(&mut [0; 1024])?;
    loop {
        stream.conn.refresh_traffic_keys().map_err(io::Error::other)?;
        // Its record goes before the next one that has something in it.
        stream.write_all(&[])?;
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut stream.sock)?;
        }
    }
}

fn silent_application(peer: &mut Peer) -> io::Result<()> {
    let mut stream = peer.shake_hands(1, 2)?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

/// A connection of the edge.
struct Peer {
    socket: TcpStream,
    shown: Arc<Shown>,
}

/// The certificate of all of them, and its key.
type Shown = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Peer {
    /// Says the same thing until nobody hears it any more.
    fn repeat(&mut self, bytes: &[u8]) -> io::Result<()> {
        loop {
            self.socket.write_all(bytes)?;
        }
    }

    /// Says nothing until the other end has gone.
    fn hear(&mut self) -> io::Result<()> {
        io::copy(&mut self.socket, &mut io::sink()).map(drop)
    }

    /// Shakes hands, with a chain of that length and that number of tickets.
    fn shake_hands(&self, length: usize, tickets: usize) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
        let (certificate, key) = &*self.shown;
        let (chain, key) = (vec![certificate.clone(); length], key.clone_key());
        let builder = ServerConfig::builder().with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key).map_err(io::Error::other)?;
        config.send_tls13_tickets = tickets;
        let mut connection = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        connection.set_buffer_limit(None);
        let mut socket = self.socket.try_clone()?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }
}

/// Listens for connections that are attacked. Returns the port, and their number so far.
fn attacking(shown: &Arc<Shown>, act: fn(&mut Peer) -> io::Result<()>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, begun) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
    let (shown, counted) = (Arc::clone(shown), Arc::clone(&begun));
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let mut peer = Peer { socket, shown: Arc::clone(&shown) };
            counted.fetch_add(1, Ordering::Relaxed);
            // The error with which it ends is the end of the connection.
            std::thread::spawn(move || drop(act(&mut peer)));
        }
    });
    (port, begun)
}

fn configuration(made: &Made, servers: &[(&str, u16)]) -> String {
    let mut text = "uid_base = {uid_base}\nlanes = 1\n[[listen]]\naddress = \"{address}\"\n".to_owned();
    for (name, port) in servers {
        let hosts = if *name == "good" { "default = true" } else { &format!("hosts = [\"{name}.example\"]") };
        text += &format!(
            "[[site]]\n{hosts}\nbackend = \"{name}\"\nwaf = \"off\"\n\
             [[backend]]\nname = \"{name}\"\nservers = [\"https://localhost:{port}\"]\n\
             connect_seconds = 1\nfirst_byte_seconds = 2\n[backend.tls]\nca_file = \"{}\"\n",
            made.path("ca.pem")
        );
    }
    text
}

#[test]
fn a_server_that_attacks_costs_its_own_requests_and_no_others() {
    if skipped() {
        return;
    }
    let made = Made::new();
    let good = Server::start(&made, "localhost", &[]);
    let shown = Arc::new(made.certificate("localhost", &[]));
    let attackers: Vec<_> = ATTACKS.iter().map(|attack| (attack, attacking(&shown, attack.act))).collect();
    let mut servers = vec![("good", good.port())];
    servers.extend(attackers.iter().map(|(attack, (port, _))| (attack.name, *port)));
    let edge = Edge::with_config(&configuration(&made, &servers), &[]);
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
    let program = edge.process("connect-tls");
    for (attack, (_, begun)) in &attackers {
        let name = attack.name;
        // Twice: what the first leaves behind is there for the second.
        for round in 0..2 {
            let status = std::thread::scope(|scope| {
                let asks = scope.spawn(|| ask(&edge, name));
                wait_for(name, || (begun.load(Ordering::Relaxed) > 0).then_some(()));
                assert_eq!(get(edge.address(), "/").status, 200, "{name}: beside it\n{}", edge.log());
                asks.join().unwrap()
            });
            assert!(attack.expected.contains(&status), "{name}, {round}: {status}\n{}", edge.log());
        }
        let most = program.field("VmHWM");
        println!("{name}: {most} at most");
        let most: u64 = most.trim_end_matches(" kB").trim().parse().unwrap();
        assert!(most < MEMORY_KIB_MAX, "{name}: {most} KiB");
        assert_eq!(edge.process("connect-tls").pid, program.pid, "{name}\n{}", edge.log());
    }
    assert_eq!(edge.alarms(), Vec::<String>::new());
    edge.stop();
}

/// Asks a server that attacks. Returns the status.
fn ask(edge: &Edge, name: &str) -> u16 {
    let mut client = Client::connect(edge.address());
    client.send(format!("GET / HTTP/1.1\r\nHost: {name}.example\r\nConnection: close\r\n\r\n").as_bytes());
    client.response().status
}
