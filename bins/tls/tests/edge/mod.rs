//! fosse-tls and fosse-keys as they are in a lane; the test is accept and the front.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod site;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fosse_fdpass::{Received, receive, send};
use fosse_harness::sockets::{pair, readable};
use fosse_harness::{Dir, Stage, programs};
use fosse_images::{Authority, Certificate, Chains, Key, Keys};
use fosse_settings::tls::{TlsListener, TlsSettings, TlsSite};
use fosse_sys::memfd;
use fosse_wire::channel::{self, Connection, Kind};
use fosse_wire::handshaken::{self, Ended, How};
use fosse_wire::request::Endpoint;
use fosse_wire::signing::{KeyKind, SpkiHash};
use fosse_wire::start::{ToChild, ToStart};
use rustix::net::SocketType;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Far beyond what any working machine needs.
pub(crate) const LONG: Duration = Duration::from_secs(100);

/// Kind, certificate and PKCS#8 in DER, name of the key, names of hosts.
type One = (KeyKind, Vec<u8>, Vec<u8>, SpkiHash, Vec<String>);

/// Certificates that openssl has made, and their keys.
pub(crate) struct Made {
    pub(crate) dir: Dir,
    certificates: Vec<One>,
    authorities: Vec<Vec<u8>>,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self { dir: Dir::new(), certificates: Vec::new(), authorities: Vec::new() }
    }

    pub(crate) fn openssl(&self, words: &str) -> Vec<u8> {
        self.openssl_with(&words.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn openssl_with(&self, words: &[&str]) -> Vec<u8> {
        let run = Command::new("openssl").args(words).current_dir(self.dir.path()).output().unwrap();
        assert!(run.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&run.stderr));
        run.stdout
    }

    /// A certificate of a new key for these names, signed by itself.
    pub(crate) fn certificate(mut self, kind: KeyKind, names: &[&str]) -> Self {
        let n = self.certificates.len();
        let algorithm = match kind {
            KeyKind::EcdsaP256 => "EC -pkeyopt ec_paramgen_curve:P-256",
            KeyKind::EcdsaP384 => "EC -pkeyopt ec_paramgen_curve:P-384",
            KeyKind::Ed25519 => "ED25519",
            KeyKind::Rsa => "RSA -pkeyopt rsa_keygen_bits:2048",
        };
        self.openssl(&format!("genpkey -algorithm {algorithm} -out {n}.key"));
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let alternative: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
        self.openssl(&format!(
            "req -x509 -key {n}.key -days 30 -subj /CN={n} -addext basicConstraints=critical,CA:FALSE -addext subjectAltName={} -out {n}.pem",
            alternative.join(",")
        ));
        let der = self.openssl(&format!("x509 -in {n}.pem -outform DER"));
        let pkcs8 = self.openssl(&format!("pkcs8 -topk8 -nocrypt -in {n}.key -outform DER"));
        let spki = self.openssl(&format!("pkey -in {n}.key -pubout -outform DER"));
        let mut hash = [0; 32];
        hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &spki).as_ref());
        self.certificates.push((kind, der, pkcs8, SpkiHash(hash), names));
        self
    }

    /// An authority for certificates of clients, and `client.pem` with `client.key` by it.
    pub(crate) fn authority(mut self) -> Self {
        self.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -days 30 -subj /CN=ca -out ca.pem");
        // rustls takes version 3 alone, which openssl writes where there is an extension.
        self.openssl(
            "req -x509 -CA ca.pem -CAkey ca.key -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout client.key \
             -subj /CN=someone -addext basicConstraints=critical,CA:FALSE -days 30 -out client.pem",
        );
        self.authorities.push(self.openssl("x509 -in ca.pem -outform DER"));
        self
    }

    /// The certificate of that number in DER.
    pub(crate) fn der(&self, n: usize) -> Vec<u8> {
        self.certificates[n].1.clone()
    }

    /// Makes another key and certificate for the names of that number, beside its files. Returns
    /// its DER.
    pub(crate) fn renewed(&self, n: usize, time: usize) -> Vec<u8> {
        let alternative: Vec<String> = self.certificates[n].4.iter().map(|name| format!("DNS:{name}")).collect();
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {n}-{time}.key -days 30 -subj /CN={n}-{time} \
             -addext basicConstraints=critical,CA:FALSE -addext subjectAltName={} -out {n}-{time}.pem",
            alternative.join(",")
        ));
        self.openssl(&format!("x509 -in {n}-{time}.pem -outform DER"))
    }

    /// Puts what was made so into the place of the files of that number.
    pub(crate) fn put_renewed(&self, n: usize, time: usize) {
        for suffix in ["key", "pem"] {
            std::fs::copy(self.dir.join(&format!("{n}-{time}.{suffix}")), self.dir.join(&format!("{n}.{suffix}")))
                .unwrap();
        }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn chains(&self) -> Vec<u8> {
        let mut chains = Chains::default();
        for (kind, der, _, spki, names) in &self.certificates {
            let certificate =
                Certificate { spki: *spki, kind: *kind, not_after: u64::MAX, acme: None, chain: vec![der] };
            chains.add(certificate, names.iter().map(String::as_bytes));
        }
        for der in &self.authorities {
            chains.add_authority(Authority { certificates: vec![der], ..Authority::default() });
        }
        chains.encode().unwrap()
    }

    fn keys(&self) -> Vec<u8> {
        let mut keys: Vec<Key<'_>> =
            self.certificates.iter().map(|(kind, _, pkcs8, spki, _)| Key { spki: *spki, kind: *kind, pkcs8 }).collect();
        keys.sort_by_key(|key| key.spki);
        let mut out = Vec::new();
        Keys { keys }.encode(&mut out).unwrap();
        out
    }

    /// The certificates that a client of rustls trusts.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for (_, der, ..) in &self.certificates {
            roots.add(CertificateDer::from(der.clone())).unwrap();
        }
        roots
    }
}

/// Settings of one listener and of a site for all hosts.
pub(crate) fn settings() -> TlsSettings {
    TlsSettings {
        listeners: vec![TlsListener { tls: true, ..TlsListener::default() }],
        sites: vec![TlsSite { hosts: vec!["a.example".to_owned()], enabled: true, terms: 1, ..TlsSite::default() }],
        handshake_seconds: Duration::from_secs(30),
        write_seconds: Duration::from_secs(30),
        linger: Duration::from_secs(30),
        drain_seconds_max: Duration::from_secs(60),
        ..TlsSettings::default()
    }
}

/// The lane's part that speaks TLS.
pub(crate) struct Edge {
    pub(crate) tls: Stage,
    pub(crate) keys: Option<Stage>,
    pub(crate) made: Made,
    accept: OwnedFd,
    pub(crate) front: OwnedFd,
    seed: Vec<u8>,
    listener: TcpListener,
    next: AtomicU64,
}

/// A client that has been handed over: what is said of it, and its plaintext.
pub(crate) struct Handed {
    pub(crate) id: u64,
    pub(crate) version: u16,
    pub(crate) sni: String,
    pub(crate) ja4: String,
    pub(crate) client: Endpoint,
    pub(crate) proxied: bool,
    pub(crate) protocol: handshaken::Protocol,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) plain: UnixStream,
}

impl Edge {
    pub(crate) fn new(made: Made, settings: &TlsSettings) -> Self {
        let (accept, accept_far) = pair(SocketType::SEQPACKET);
        let (front, front_far) = pair(SocketType::SEQPACKET);
        let (signs, keys_far) = pair(SocketType::SEQPACKET);
        let seed = vec![7; 32];
        let keys = keys(&made, &seed, keys_far);
        let chains = memfd::sealed("chains", &made.chains()).unwrap();
        let blob = fosse_wire::blob::encode(settings).unwrap();
        let fds = vec![(8, accept_far), (9, front_far), (10, signs), (11, chains)];
        let tls = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-tls")), Some(&blob), fds, "");
        assert_eq!(tls.said(), ToStart::Ready, "{}", tls.log());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self { tls, keys: Some(keys), made, accept, front, seed, listener, next: AtomicU64::new(1) }
    }

    /// Another fosse-keys in place of the one that is gone.
    pub(crate) fn new_keys(&mut self) {
        let (signs, keys_far) = pair(SocketType::SEQPACKET);
        self.keys = Some(keys(&self.made, &self.seed, keys_far));
        self.tls.order(ToChild::Keys { lane: 0 }, Some(signs.as_fd()));
        self.tls.wait_for_turns(2);
    }

    /// A connection that accept passes on.
    pub(crate) fn connect(&self) -> TcpStream {
        self.connect_as(&Connection::default())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn connect_as(&self, record: &Connection) -> TcpStream {
        let client = TcpStream::connect(self.address()).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        client.set_write_timeout(Some(LONG)).unwrap();
        self.accept_one(record);
        client
    }

    /// Passes on the next connection of the listener, as whoever else has made it.
    pub(crate) fn accept_one(&self, record: &Connection) -> u64 {
        let (socket, peer) = self.listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.set_nodelay(true).unwrap();
        rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let record = Connection { id, peer: Endpoint::from_socket(peer), ..*record };
        let mut bytes = Vec::new();
        channel::encode(&mut bytes, Kind::Connections, &[record]);
        send(&self.accept, &bytes, &[socket.as_fd()]).unwrap();
        id
    }

    /// The next client whose handshake is done.
    pub(crate) fn handed(&self) -> Handed {
        self.handed_within(LONG).unwrap_or_else(|| panic!("no handshake is done: {}", self.tls.log()))
    }

    pub(crate) fn handed_within(&self, wait: Duration) -> Option<Handed> {
        if !readable(&self.front, wait) {
            return None;
        }
        let (mut bytes, mut fds) = (vec![0; handshaken::MESSAGE_BYTES_MAX], Vec::new());
        let Ok(Received::Message(length)) = receive(&self.front, &mut bytes, &mut fds) else { return None };
        let mut all = handshaken::decode(&bytes[..length], fds.len()).unwrap();
        assert_eq!(all.len(), 1, "tests hand over one at a time");
        let client = all.pop().unwrap();
        let plain = UnixStream::from(fds.pop().unwrap());
        plain.set_nonblocking(false).unwrap();
        plain.set_read_timeout(Some(LONG)).unwrap();
        plain.set_write_timeout(Some(LONG)).unwrap();
        Some(Handed {
            id: client.connection.id,
            version: client.version,
            sni: String::from_utf8(client.sni.to_vec()).unwrap(),
            ja4: String::from_utf8(client.facts.ja4().to_vec()).unwrap(),
            client: client.client,
            proxied: client.proxied,
            protocol: client.protocol,
            fingerprint: client.facts.certificate().map(|certificate| certificate.fingerprint),
            plain,
        })
    }

    /// Says how a client is to end.
    pub(crate) fn end(&self, id: u64, how: How) {
        let mut bytes = Vec::new();
        handshaken::encode_ended(&mut bytes, &[Ended { id, how }]);
        send(&self.front, &bytes, &[]).unwrap();
    }

    /// The number of the next connection that tls says is over.
    pub(crate) fn closed(&self) -> u64 {
        assert!(readable(&self.accept, LONG), "a connection is over");
        let (mut bytes, mut fds) = (vec![0; channel::MESSAGE_BYTES_MAX], Vec::new());
        let Ok(Received::Message(length)) = receive(&self.accept, &mut bytes, &mut fds) else { panic!("tls is gone") };
        let message = channel::decode(&bytes[..length], 0).unwrap();
        assert_eq!((message.kind, message.connections.len()), (Kind::Closed, 1));
        message.connections[0].id
    }

    pub(crate) fn say_to_tls(&self, kind: Kind, tallies: &[channel::Tally]) {
        let mut bytes = Vec::new();
        channel::encode_tallies(&mut bytes, kind, tallies);
        send(&self.accept, &bytes, &[]).unwrap();
    }

    /// Asks for room for that many connections.
    pub(crate) fn relieve(&self, count: usize) {
        let mut bytes = Vec::new();
        channel::encode(&mut bytes, Kind::Relieve, &vec![Connection::default(); count]);
        send(&self.accept, &bytes, &[]).unwrap();
    }

    /// A client of rustls in the midst of its handshake.
    pub(crate) fn client(&self, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
        self.client_with(name, &self.config())
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::new(ClientConfig::builder().with_root_certificates(self.made.roots()).with_no_client_auth())
    }

    pub(crate) fn client_with(
        &self,
        name: &str,
        config: &Arc<ClientConfig>,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let connection =
            ClientConnection::new(Arc::clone(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
        StreamOwned::new(connection, self.connect())
    }

    /// A client whose handshake is done, and its plaintext.
    pub(crate) fn through(&self, name: &str) -> (StreamOwned<ClientConnection, TcpStream>, Handed) {
        let mut client = self.client(name);
        client.flush().unwrap_or_else(|error| panic!("{error}: {}", self.tls.log()));
        let handed = self.handed();
        (client, handed)
    }
}

fn keys(made: &Made, seed: &[u8], conversation: OwnedFd) -> Stage {
    let image = memfd::sealed("keys", &made.keys()).unwrap();
    let seed = memfd::sealed("seed", seed).unwrap();
    let stage = Stage::spawn(&programs().join("fosse-keys"), None, vec![(8, conversation), (9, image), (10, seed)], "");
    assert_eq!(stage.said(), ToStart::Ready, "{}", stage.log());
    stage
}

/// Reads exactly that many bytes.
pub(crate) fn read(from: &mut impl Read, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    from.read_exact(&mut out).unwrap();
    out
}

/// Bytes of which no two pieces are the same.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut seed = 7_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    (0..bytes).map(|_| next()).collect()
}

/// Ends a response as a front does whose response is whole.
pub(crate) fn finish(edge: &Edge, mut handed: Handed, bytes: &[u8]) {
    handed.plain.write_all(bytes).unwrap();
    edge.end(handed.id, How::Clean);
}
