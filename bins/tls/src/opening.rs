//! What a client begins with: a PROXY header where its listener has one, and the first message of
//! TLS.

use fosse_hello::{Hello, HelloError};
use fosse_proxyproto::ProxyError;
use fosse_wire::request::Endpoint;

use crate::limits::OPENING_BYTES_MAX;

/// The outcome.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// More bytes are wanted.
    Cut,
    /// The message. The bytes before it were this many.
    Hello(Box<Hello>),
    /// The bytes are no TLS, or cannot be served.
    NotHello(HelloError),
}

/// The PROXY header that a client's bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Proxied {
    /// More bytes are wanted.
    Cut,
    /// The header is this long, and names a client or none.
    Header(usize, Option<Endpoint>),
    /// There is none where one has to be.
    Bad(ProxyError),
}

/// Reads a PROXY header.
pub(crate) fn proxied(bytes: &[u8]) -> Proxied {
    match fosse_proxyproto::decode(bytes) {
        Ok(Some((header, length))) => {
            Proxied::Header(length, header.addresses.map(|(source, _)| Endpoint::from_socket(source)))
        }
        Ok(None) => Proxied::Cut,
        Err(error) => Proxied::Bad(error),
    }
}

/// Reads the first message.
pub(crate) fn hello(bytes: &[u8]) -> Opening {
    match fosse_hello::message(bytes) {
        Ok(Some(body)) => match Hello::read(&body) {
            Ok(hello) => Opening::Hello(Box::new(hello)),
            Err(error) => Opening::NotHello(error),
        },
        Ok(None) if bytes.len() >= OPENING_BYTES_MAX => Opening::NotHello(HelloError::Long),
        Ok(None) => Opening::Cut,
        Err(error) => Opening::NotHello(error),
    }
}
