//! A whole edge with a listener for TLS before an application, and its clients.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use fosse_harness::{Backend, Edge};
use fosse_wire::signing::KeyKind;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use super::{LONG, Made};

pub(crate) type Client = StreamOwned<ClientConnection, TcpStream>;

/// An edge before an application, its certificate, and what a client trusts.
pub(crate) struct Site {
    pub(crate) edge: Edge,
    pub(crate) backend: Backend,
    pub(crate) made: Made,
    pub(crate) configuration: String,
}

/// One whose only site has no rules.
pub(crate) fn site() -> Site {
    Site::new(
        &["a.example"],
        "",
        "[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\nwaf = \"off\"\nbody_bytes_max = 20000000",
    )
}

impl Site {
    /// One with these sites, whose certificate has these names; `app` is a [`Backend`].
    pub(crate) fn new(names: &[&str], top: &str, sites: &str) -> Self {
        Self::of(Made::new().certificate(KeyKind::EcdsaP256, names), top, sites)
    }

    /// The same with the first of the certificates that have been made.
    pub(crate) fn of(made: Made, top: &str, sites: &str) -> Self {
        let backend = Backend::start();
        let configuration = format!(
            "lanes = 1\n{top}\n[[listen]]\naddress = \"{{address}}\"\ntls = true\n\
             [[certificate]]\nfile = \"{}\"\nkey = \"{}\"\n\
             [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n{sites}\n",
            made.path("0.pem"),
            made.path("0.key"),
            backend.address(),
        );
        // Rules may lie beside the certificates.
        let edge = Edge::with_config(&configuration, &["--dir", &made.path("")]);
        Self { edge, backend, made, configuration }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_of(self.made.roots(), rustls::DEFAULT_VERSIONS)
    }

    /// A client that trusts these, in the midst of its handshake.
    pub(crate) fn client_of(&self, roots: RootCertStore, versions: &[&'static SupportedProtocolVersion]) -> Client {
        let config = ClientConfig::builder_with_protocol_versions(versions);
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("a.example").unwrap();
        let socket = TcpStream::connect(self.edge.address()).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
    }

    /// The response to a request on a connection of its own, to its end.
    pub(crate) fn try_get(&self, path: &str) -> std::io::Result<String> {
        let mut client = self.client();
        write!(client, "GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")?;
        let mut said = String::new();
        client.read_to_string(&mut said)?;
        Ok(said)
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.try_get(path).unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.edge.log()))
    }

    pub(crate) fn curl(&self, words: &[&str], path: &str) -> (String, Option<i32>) {
        let address = self.edge.address();
        let url = format!("https://a.example:{}{path}", address.port());
        let resolve = format!("a.example:{}:{}", address.port(), address.ip());
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "60", "--resolve", &resolve, "--cacert", &self.made.path("0.pem")]);
        let run = curl.args(words).arg(url).output().unwrap();
        (String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned(), run.status.code())
    }

    /// What curl says to a request of HTTP/2 that succeeds.
    pub(crate) fn curl2(&self, words: &[&str], path: &str) -> String {
        let (said, status) = self.curl(&[&["--http2"], words].concat(), path);
        assert_eq!(status, Some(0), "{path}: {said:.2000}\n{}", self.edge.log());
        said
    }

    /// What nghttp says to a request that succeeds.
    pub(crate) fn nghttp(&self, words: &[&str], path: &str) -> String {
        let mut nghttp = Command::new("nghttp");
        nghttp.args(["-t", "60", "-H:authority: a.example", "--no-dep"]).args(words);
        said(nghttp.arg(format!("https://{}{path}", self.edge.address())))
    }

    /// What h2load says of requests of which none fails.
    pub(crate) fn h2load(&self, words: &[&str], path: &str) -> String {
        let address = self.edge.address();
        let mut h2load = Command::new("h2load");
        h2load.arg(format!("--connect-to={address}")).args(words);
        let said = said(h2load.arg(format!("https://a.example:{}{path}", address.port())));
        assert!(said.contains(" 0 failed, 0 errored, 0 timeout"), "{said}\n{}", self.edge.log());
        said
    }
}

fn said(command: &mut Command) -> String {
    let run = command.output().unwrap();
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    assert!(run.status.success(), "{command:?}: {said}");
    said
}
