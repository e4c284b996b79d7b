//! TLS clients that take every certificate: what they look at is how a server behaves, not who it
//! is.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// A connection in TLS.
pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// The key exchange that a client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// X25519 alone, which all servers of today have.
    X25519,
    /// X25519MLKEM768, for which OpenSSL 3.0 has no code.
    Hybrid,
}

impl Group {
    /// In TLS 1.2 the list says as well which curves a certificate may have (RFC 8422, section 4),
    /// so P-256 is always on it, behind.
    fn list(self) -> Vec<&'static dyn SupportedKxGroup> {
        let first = match self {
            Self::X25519 => aws_lc_rs::kx_group::X25519,
            Self::Hybrid => aws_lc_rs::kx_group::X25519MLKEM768,
        };
        vec![first, aws_lc_rs::kx_group::SECP256R1]
    }
}

/// The wishes of a client.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    /// The key exchange that it offers.
    pub group: Group,
    /// TLS 1.2 is the newest that it knows.
    pub is_old: bool,
    /// It comes back with the ticket that it was given.
    pub resumes: bool,
    /// The protocols that it offers (ALPN).
    pub protocols: &'static [&'static [u8]],
}

impl Wishes {
    /// TLS 1.3 with X25519, nothing resumed, no protocol named.
    pub const PLAIN: Self = Self { group: Group::X25519, is_old: false, resumes: false, protocols: &[] };

    /// Returns a configuration for them; connections of one share its tickets.
    ///
    /// # Panics
    /// Where rustls has no such version.
    #[must_use]
    pub fn configuration(&self) -> Arc<ClientConfig> {
        let provider = CryptoProvider { kx_groups: self.group.list(), ..aws_lc_rs::default_provider() };
        let versions = if self.is_old { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
        let verifier = Arc::new(Anybody(aws_lc_rs::default_provider()));
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(versions).unwrap();
        let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        if !self.resumes {
            config.resumption = Resumption::disabled();
        }
        Arc::new(config)
    }
}

/// Takes every certificate whose key has signed the handshake.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Finishes a handshake over a new connection to a server, which is called `name` there.
///
/// # Errors
/// What the socket says, or TLS.
pub fn connect(config: &Arc<ClientConfig>, mut socket: TcpStream, name: &str) -> io::Result<Stream> {
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// Sends a request that ends its connection, and reads until the end: the bytes that came.
///
/// # Errors
/// As [`connect`]; an end without close_notify is one.
pub fn ask(stream: &mut Stream, name: &str, path: &str) -> io::Result<Vec<u8>> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    Ok(response)
}
