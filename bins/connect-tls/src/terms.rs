//! The terms of TLS with servers: rustls' configuration for each set of them.

use std::sync::Arc;

use fosse_images::Chains;
use fosse_records::Session;
use fosse_settings::tls::{ConnectTls, ServerTerms, TlsVersion};
use rustls::{
    ClientConfig,
    client::{Resumption, UnbufferedClientConnection},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::ServerName,
    version::{TLS12, TLS13},
};

use crate::{limits::SESSIONS_COUNT_MAX, trust};

/// One set of terms.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) settings: ServerTerms,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    /// The time of the last line of the log about it.
    pub(crate) said_ms: Option<u64>,
}

impl Terms {
    /// Makes all terms.
    ///
    /// # Errors
    /// What cannot be used, for people.
    pub(crate) fn all(settings: &ConnectTls, chains: &Chains<'static>) -> Result<Vec<Self>, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        settings.terms.iter().map(|terms| Self::new(terms, chains, &provider)).collect()
    }

    fn new(settings: &ServerTerms, chains: &Chains<'static>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let of = |why: String| format!("TLS to servers of {}: {why}", settings.backend);
        let name = ServerName::try_from(settings.server_name.clone());
        let name = name.map_err(|_| of(format!("{} is no name of a server", settings.server_name)))?;
        let versions = match settings.minimum_version {
            TlsVersion::Tls12 => &[&TLS13, &TLS12][..],
            TlsVersion::Tls13 => &[&TLS13][..],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(provider)).with_protocol_versions(versions);
        let builder = builder.map_err(|error| of(error.to_string()))?.dangerous();
        let verifier = match settings.authority {
            Some(number) => {
                let authority = usize::try_from(number).ok().and_then(|number| chains.authorities().get(number));
                let authority = authority.ok_or_else(|| of(format!("no authority {number}")))?;
                trust::by_authority(authority, provider).map_err(of)?
            }
            None => Arc::new(trust::Anybody(Arc::clone(provider))),
        };
        let mut config = builder.with_custom_certificate_verifier(verifier).with_no_client_auth();
        config.alpn_protocols = vec![protocol(settings).to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS_COUNT_MAX);
        Ok(Self { settings: settings.clone(), name, config: Arc::new(config), said_ms: None })
    }

    /// Begins a connection.
    ///
    /// # Errors
    /// Those of rustls for a configuration that cannot be used.
    pub(crate) fn session(&self) -> Result<Session<UnbufferedClientConnection>, rustls::Error> {
        UnbufferedClientConnection::new(Arc::clone(&self.config), self.name.clone()).map(Session::new)
    }

    /// Returns whether what was agreed on is what is spoken. A server that knows nothing of the
    /// extension speaks HTTP/1.1 (RFC 9112, section 2.3), and no HTTP/2 (RFC 9113, section 3.2).
    pub(crate) fn agrees(&self, session: &Session<UnbufferedClientConnection>) -> bool {
        session.protocol().map_or(!self.settings.http2, |agreed| agreed == protocol(&self.settings))
    }
}

/// Returns the one protocol that servers are offered (RFC 7301).
const fn protocol(settings: &ServerTerms) -> &'static [u8] {
    if settings.http2 { b"h2" } else { b"http/1.1" }
}
