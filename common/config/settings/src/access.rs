//! The access log: its form, and the fields of a line.

use serde::{Deserialize, Serialize};

/// The form of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessFormat {
    /// A JSON object a line.
    #[default]
    Json,
    /// The Combined Log Format of Apache and nginx.
    Combined,
}

macro_rules! access_fields {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// A field of the access log's JSON lines.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum AccessField { $($(#[doc = $doc])+ $name,)+ }

        impl AccessField {
            /// All fields, in the order they have in a line.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Returns the name of the field.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

access_fields! {
    /// Time at which the request's head had come.
    Time = "time",
    /// Number of the request.
    Request = "request",
    /// Its name as the application has it.
    RequestId = "request_id",
    /// Number of the connection.
    Connection = "connection",
    /// Address of the client.
    Client = "client",
    /// Address of the socket's peer.
    Peer = "peer",
    /// Name of the site.
    Site = "site",
    /// Host that was asked for.
    Host = "host",
    /// Method.
    Method = "method",
    /// Path and query.
    Target = "target",
    /// HTTP version that the client spoke.
    Version = "version",
    /// Version of TLS that it spoke.
    TlsVersion = "tls_version",
    /// Cipher suite, by OpenSSL's name.
    TlsCipher = "tls_cipher",
    /// Server name that it asked for in its handshake.
    TlsServerName = "tls_server_name",
    /// JA4 fingerprint of its first message.
    TlsJa4 = "tls_ja4",
    /// Subject of its certificate.
    TlsClientSubject = "tls_client_subject",
    /// SHA-256 of its certificate.
    TlsClientFingerprint = "tls_client_fingerprint",
    /// Referer field of the request.
    Referer = "referer",
    /// User-Agent field of the request.
    UserAgent = "user_agent",
    /// Status of the response.
    Status = "status",
    /// Bytes of the request's body.
    BytesIn = "bytes_in",
    /// Bytes of the response's body.
    BytesOut = "bytes_out",
    /// Microseconds from the head of the request to the end of the response.
    Us = "us",
    /// Server that responded.
    Server = "server",
    /// Microseconds until its first byte.
    ServerUs = "server_us",
    /// Times the request was sent again.
    Retries = "retries",
    /// The reason why no application responded.
    Cause = "cause",
    /// Rule that denied the request.
    Rule = "rule",
    /// The end of the response.
    End = "end",
    /// The fault of what was no request.
    Why = "why",
}
