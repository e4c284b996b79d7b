//! Servers that are not spoken with: the word for connect, and the line for people.

use fosse_die::{Escaped, warning};
use fosse_wire::connect::Outcome;
use rustix::io::Errno;
use rustls::Error;

use crate::{PROGRAM, connection::Why, limits::REFUSED_LINE_MS_MIN, terms::Terms, trust};

/// Returns the outcome that the reply to connect has.
pub(crate) fn outcome(why: &Why) -> (Outcome, Errno) {
    match why {
        Why::Tls(Error::InvalidCertificate(error)) if trust::is_of_time(error) => (Outcome::Expired, Errno::KEYEXPIRED),
        Why::Tls(Error::InvalidCertificate(error)) if trust::is_of_name(error) => {
            (Outcome::WrongName, Errno::KEYREJECTED)
        }
        Why::Tls(Error::InvalidCertificate(_)) => (Outcome::Untrusted, Errno::KEYREJECTED),
        Why::Tls(_) | Why::TooLong | Why::Protocol => (Outcome::Handshake, Errno::PROTO),
        Why::Closed => (Outcome::Handshake, Errno::CONNRESET),
    }
}

/// Says why a server is not spoken with, not more often than people read it.
pub(crate) fn say(terms: &mut Terms, why: &Why, now_ms: u64) {
    if terms.said_ms.is_some_and(|said_ms| now_ms < said_ms + REFUSED_LINE_MS_MIN) {
        return;
    }
    terms.said_ms = Some(now_ms);
    let (backend, name) = (&terms.settings.backend, &terms.settings.server_name);
    let why = match why {
        Why::Tls(error) => error.to_string(),
        Why::Closed => "it has ended the connection during the handshake".to_owned(),
        Why::TooLong => "its handshake is too long".to_owned(),
        Why::Protocol => "it does not speak the protocol that it was offered (ALPN)".to_owned(),
    };
    let why = Escaped(why.as_bytes());
    warning(PROGRAM, format_args!("event=server-refused backend={backend} name={name} why={why}"));
}
