//! Authorities that attack: whatever they say, they say it over TLS that is as it should be, but
//! where that is the attack.

mod tickets;

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One way to attack, with a part of the reason for which an order fails.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) act: fn(&Peer) -> io::Result<()>,
    pub(crate) error: &'static str,
}

/// Some go on until fosse-acme closes the connection, which ends them with an error.
pub(crate) const ATTACKS: &[Attack] = &[
    Attack { name: "hang", act: |peer| hear(&peer.socket), error: "no response in time" },
    Attack { name: "tickets", act: tickets::flood, error: "no response in time" },
    Attack { name: "large-directory", act: |peer| peer.open(large), error: "a response of more than" },
    Attack { name: "interim", act: |peer| peer.open(interim), error: "a response of more than" },
    Attack { name: "redirect", act: |peer| peer.open(redirect), error: "" },
    Attack { name: "elsewhere", act: |peer| peer.open(elsewhere), error: "URL of another host" },
    Attack { name: "endless-chain", act: |peer| peer.open(endless_chain), error: "a response of more than" },
    Attack { name: "long-chain", act: |peer| peer.open(long_chain), error: "a chain of more than" },
    Attack { name: "garbage", act: |peer| repeat(&peer.socket, &[0xa5; 16_384]), error: "corrupt message" },
    Attack { name: "long-head", act: |peer| peer.open(long_head), error: "" },
    Attack { name: "no-chain", act: |peer| peer.open(no_chain), error: "fosse-certs refused" },
    Attack {
        name: "other-proof",
        act: |peer| peer.open(other_proof),
        error: "it does not offer http-01 for other-proof.example.org, but dns-01",
    },
];

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Says the same thing until nobody hears it any more.
fn repeat(mut to: impl io::Write, bytes: &[u8]) -> io::Result<()> {
    loop {
        to.write_all(bytes)?;
    }
}

/// Says nothing until the other end has gone.
fn hear(mut from: &TcpStream) -> io::Result<()> {
    io::copy(&mut from, &mut io::sink()).map(drop)
}

fn large(stream: &mut Stream, _: &str) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n")?;
    repeat(stream, &[b' '; 16_384])
}

fn long_head(stream: &mut Stream, _: &str) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
    repeat(stream, b"Replay-Nonce: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n")
}

fn interim(stream: &mut Stream, _: &str) -> io::Result<()> {
    repeat(stream, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
}

fn redirect(stream: &mut Stream, _: &str) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
}

fn elsewhere(stream: &mut Stream, _: &str) -> io::Result<()> {
    let url = "\"https://elsewhere.example/\"";
    json(stream, "200 OK", &format!("{{\"newNonce\":{url},\"newAccount\":{url},\"newOrder\":{url}}}"))
}

fn endless_chain(stream: &mut Stream, path: &str) -> io::Result<()> {
    order(stream, path, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nReplay-Nonce: n\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        repeat(stream, b"14\r\n-----BEGIN CERTIFICA\r\n")
    })
}

fn long_chain(stream: &mut Stream, path: &str) -> io::Result<()> {
    order(stream, path, |stream| json(stream, "200 OK", &"x".repeat(100_000)))
}

fn no_chain(stream: &mut Stream, path: &str) -> io::Result<()> {
    order(stream, path, |stream| json(stream, "200 OK", "-----BEGIN CERTIFICATE-----\nAAAA\n"))
}

/// Does what an authority does for whom it knows already, up to the chain.
fn order(stream: &mut Stream, path: &str, chain: fn(&mut Stream) -> io::Result<()>) -> io::Result<()> {
    let port = stream.sock.local_addr()?.port();
    let url = |path: &str| format!("\"https://127.0.0.1:{port}/{path}\"");
    let (finalize, certificate) = (url("finalize"), url("chain"));
    match path {
        "/directory" => {
            let (nonce, account, order) = (url("nonce"), url("account"), url("order"));
            let text = format!("{{\"newNonce\":{nonce},\"newAccount\":{account},\"newOrder\":{order}}}");
            json(stream, "200 OK", &text)
        }
        "/nonce" => stream.write_all(b"HTTP/1.1 200 OK\r\nReplay-Nonce: n\r\nContent-Length: 0\r\n\r\n"),
        "/account" => json(stream, "201 Created", "{\"status\":\"valid\"}"),
        "/chain" => chain(stream),
        _ => {
            let (status, code) = if path == "/order" { ("ready", "201 Created") } else { ("valid", "200 OK") };
            let of_chain = if path == "/order" { String::new() } else { format!(",\"certificate\":{certificate}") };
            let text = format!("{{\"status\":\"{status}\",\"authorizations\":[],\"finalize\":{finalize}{of_chain}}}");
            json(stream, code, &text)
        }
    }
}

fn other_proof(stream: &mut Stream, path: &str) -> io::Result<()> {
    undecided(stream, path, "other-proof.example.org", "dns-01")
}

/// Asks for a proof in a handshake, and never says whether it has got one.
pub(crate) fn asks_for_handshakes(peer: &Peer) -> io::Result<()> {
    peer.open(|stream, path| undecided(stream, path, "pending.example.org", "tls-alpn-01"))
}

/// Wants a proof of a name, of this kind, and none is enough.
fn undecided(stream: &mut Stream, path: &str, name: &str, kind: &str) -> io::Result<()> {
    let port = stream.sock.local_addr()?.port();
    let url = |path: &str| format!("\"https://127.0.0.1:{port}/{path}\"");
    let challenge = format!(
        "{{\"type\":\"{kind}\",\"url\":{},\"token\":\"{kind}-token\",\"status\":\"pending\"}}",
        url("challenge")
    );
    match path {
        "/directory" | "/nonce" | "/account" => order(stream, path, |_| Ok(())),
        "/challenge" => json(stream, "200 OK", &challenge),
        "/authorization" => {
            let identifier = format!("{{\"type\":\"dns\",\"value\":\"{name}\"}}");
            let text = format!("{{\"identifier\":{identifier},\"status\":\"pending\",\"challenges\":[{challenge}]}}");
            json(stream, "200 OK", &text)
        }
        _ => {
            let code = if path == "/order" { "201 Created" } else { "200 OK" };
            let (authorization, finalize) = (url("authorization"), url("finalize"));
            let text =
                format!("{{\"status\":\"pending\",\"authorizations\":[{authorization}],\"finalize\":{finalize}}}");
            json(stream, code, &text)
        }
    }
}

fn json(stream: &mut Stream, status: &str, text: &str) -> io::Result<()> {
    let port = stream.sock.local_addr()?.port();
    let head = format!(
        "HTTP/1.1 {status}\r\nReplay-Nonce: n\r\nLocation: https://127.0.0.1:{port}/1\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    stream.write_all(&[head.as_bytes(), text.as_bytes()].concat())
}

/// A connection of fosse-acme.
pub(crate) struct Peer {
    socket: TcpStream,
    config: Arc<ServerConfig>,
}

impl Peer {
    /// Shakes hands, and responds to each request.
    fn open(&self, respond: fn(&mut Stream, &str) -> io::Result<()>) -> io::Result<()> {
        let connection = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, self.socket.try_clone()?));
        loop {
            let (mut line, mut length) = (String::new(), 0);
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line)?;
                if let Some(digits) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = digits.trim().parse().unwrap();
                }
            }
            stream.read_exact(&mut vec![0; length])?;
            respond(stream.get_mut(), &path)?;
            stream.get_mut().flush()?;
        }
    }
}

/// The certificate of all of them, which is its own authority.
pub(crate) struct Shown(Arc<ServerConfig>);

impl Shown {
    /// Makes it; `authority.pem` in the directory is what is to be trusted.
    pub(crate) fn make(dir: &Path) -> Self {
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -days 30 \
                     -subj /CN=authority -addext subjectAltName=IP:127.0.0.1 \
                     -addext basicConstraints=critical,CA:FALSE -out authority.pem";
        let run = Command::new("openssl").args(words.split_whitespace()).current_dir(dir).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let certificate = CertificateDer::from_pem_file(dir.join("authority.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(dir.join("authority.key")).unwrap();
        let mut config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        config.enable_secret_extraction = true;
        Self(Arc::new(config))
    }
}

/// Listens for connections that are attacked. Returns the port.
pub(crate) fn attacking(shown: &Shown, act: fn(&Peer) -> io::Result<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, config) = (listener.local_addr().unwrap().port(), Arc::clone(&shown.0));
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let peer = Peer { socket, config: Arc::clone(&config) };
            // The error with which it ends is the end of the connection.
            std::thread::spawn(move || drop(act(&peer)));
        }
    });
    port
}
