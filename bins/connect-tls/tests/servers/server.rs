//! Servers that speak TLS, with rustls, and the certificates that they have, made by openssl.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
};

use fosse_harness::Dir;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// An authority of its own.
pub(crate) struct Made(Dir);

impl Made {
    pub(crate) fn new() -> Self {
        let made = Self(Dir::new());
        made.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "ca.key",
            "-days",
            "30",
            "-subj",
            "/CN=authority",
            "-out",
            "ca.pem",
        ]);
        made
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn openssl(&self, words: &[&str]) {
        let run = Command::new("openssl").args(words).current_dir(self.0.path()).output().unwrap();
        assert!(run.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&run.stderr));
    }

    /// A certificate for a name, by the authority.
    pub(crate) fn certificate(&self, name: &str, words: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let alternative = format!("subjectAltName=DNS:{name}");
        let request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -subj /CN=server";
        let request = request.split(' ').chain(["-addext", &alternative, "-out", "server.csr"]);
        self.openssl(&request.collect::<Vec<_>>());
        std::fs::write(self.path("ca.cnf"), CA).unwrap();
        std::fs::write(self.path("index.txt"), "").unwrap();
        let sign = "ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in server.csr -out server.pem -notext";
        let days = ["-days", "30"].into_iter().filter(|_| words.is_empty());
        self.openssl(&sign.split(' ').chain(words.iter().copied()).chain(days).collect::<Vec<_>>());
        (
            CertificateDer::from_pem_file(self.path("server.pem")).unwrap(),
            PrivateKeyDer::from_pem_file(self.path("server.key")).unwrap(),
        )
    }
}

const CA: &str = "[ca]\ndefault_ca = one\n[one]\ndatabase = index.txt\nunique_subject = no\nrand_serial = yes\ndefault_md = sha256\n\
    policy = any\ncopy_extensions = copy\nnew_certs_dir = .\nx509_extensions = leaf\n\
    [leaf]\nbasicConstraints = critical,CA:FALSE\n[any]\ncommonName = supplied\n";

#[derive(Default)]
struct Heard {
    names: Vec<String>,
    requests: usize,
}

/// A server of HTTP/1.1 over TLS.
pub(crate) struct Server {
    port: u16,
    heard: Arc<Mutex<Heard>>,
}

impl Server {
    /// One whose certificate is for a name; without a name it speaks no TLS.
    pub(crate) fn start(made: &Made, name: &str, words: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let config = (!name.is_empty()).then(|| {
            let (certificate, key) = made.certificate(name, words);
            let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
            Arc::new(config.unwrap())
        });
        let noted = Arc::clone(&heard);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (config, noted) = (config.clone(), Arc::clone(&noted));
                std::thread::spawn(move || serve(socket, config, &noted));
            }
        });
        Self { port, heard }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The names that connections have asked for.
    pub(crate) fn names(&self) -> Vec<String> {
        self.heard.lock().unwrap().names.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.heard.lock().unwrap().requests
    }
}

fn serve(mut socket: TcpStream, config: Option<Arc<ServerConfig>>, heard: &Mutex<Heard>) {
    let Some(config) = config else {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        return;
    };
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), socket));
    let mut is_new = true;
    loop {
        let (mut line, mut length) = (String::new(), 0);
        if !matches!(stream.read_line(&mut line), Ok(1..)) {
            return;
        }
        if std::mem::take(&mut is_new) {
            let name = stream.get_ref().conn.server_name().unwrap_or("").to_owned();
            heard.lock().unwrap().names.push(name);
        }
        let path = line.split(' ').nth(1).unwrap().to_owned();
        loop {
            line.clear();
            stream.read_line(&mut line).unwrap();
            if let Some(digits) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = digits.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        heard.lock().unwrap().requests += 1;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        if !respond(&path, &body, stream.get_mut()) {
            return;
        }
    }
}

/// Responds to a request. Returns whether the connection goes on.
fn respond(path: &str, body: &[u8], stream: &mut StreamOwned<ServerConnection, TcpStream>) -> bool {
    let open = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    match path {
        "/until-close" => {
            stream.write_all(&[&open[..], b"all of it"].concat()).unwrap();
            stream.conn.send_close_notify();
            let _ = stream.flush();
            false
        }
        "/cut" => {
            stream.write_all(&[&open[..], b"half"].concat()).unwrap();
            stream.flush().unwrap();
            let _ = stream.sock.shutdown(std::net::Shutdown::Write);
            // Until the other end has gone too: a reset could take the bytes along.
            let _ = stream.sock.read(&mut [0; 1]);
            false
        }
        "/hold" => {
            stream.write_all(&[&open[..], b"held"].concat()).unwrap();
            stream.flush().unwrap();
            let _ = stream.read(&mut [0; 1]);
            false
        }
        _ => {
            let body = if path == "/echo" { body } else { b"hello" };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), body].concat()).is_ok() && stream.flush().is_ok()
        }
    }
}
