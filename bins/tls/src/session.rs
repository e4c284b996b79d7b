//! One TLS connection without its sockets: records in, plaintext out, and the other way round.

use std::fmt;
use std::sync::Arc;

use crate::refusal::{INTERNAL_ERROR, alert};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, ReadTraffic, UnbufferedStatus};
use rustls::{Error, HandshakeKind, ProtocolVersion, ServerConfig};

/// Bytes of a record's plaintext (RFC 8446, section 5.1).
const FRAGMENT_BYTES_MAX: usize = 16 * 1024;
/// Bytes that a record adds: header, nonce of before TLS 1.3, kind, tag; rounded up.
const RECORD_OVERHEAD_BYTES: usize = 64;

/// Bytes for a client, written in place: a vector would be cleared before it is written over.
pub(crate) struct Output {
    bytes: Vec<u8>,
    used: usize,
}

impl Output {
    /// Makes one with room for `bytes`; it grows where that is not enough.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes], used: 0 }
    }

    /// Returns what has been written.
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Forgets what has been written.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// Appends bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() - self.used < bytes {
            self.bytes.resize(self.used + bytes, 0);
        }
        &mut self.bytes[self.used..]
    }
}

/// The outcome of records that came in.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Bytes of the input that are done with.
    pub(crate) used: usize,
    /// The client has said that nothing more comes.
    pub(crate) is_closed: bool,
    /// It has broken the protocol, or cannot be served; the alert is in the output.
    pub(crate) failed: Option<Error>,
}

/// A TLS connection.
pub(crate) struct Session(UnbufferedServerConnection);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// Begins one.
    ///
    /// # Errors
    /// Those of rustls for a configuration that cannot be used.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        UnbufferedServerConnection::new(config).map(Self)
    }

    /// Takes the whole records of `input`, which change in place. Plaintext is appended to `plain`,
    /// what is due to the client to `output`.
    pub(crate) fn take(&mut self, input: &mut [u8], plain: &mut Vec<u8>, output: &mut Output) -> Taken {
        let mut taken = Taken::default();
        loop {
            let UnbufferedStatus { discard, state } = self.0.process_tls_records(&mut input[taken.used..]);
            let mut used = discard;
            let goes_on = match state {
                Ok(ConnectionState::ReadTraffic(traffic)) => {
                    let read = read_records(traffic, plain);
                    used += read.as_ref().unwrap_or(&0);
                    taken.failed = read.err();
                    taken.failed.is_none()
                }
                Ok(ConnectionState::PeerClosed) => {
                    taken.is_closed = true;
                    true
                }
                Ok(state) => follow(state, output),
                Err(error) => {
                    taken.failed = Some(error);
                    false
                }
            };
            taken.used += used;
            if !goes_on {
                break;
            }
        }
        if taken.failed.is_some() {
            self.say_last(output);
            if self.0.is_handshaking() && output.written().is_empty() {
                // Where rustls has no alert for a failure of this end, and nothing is encrypted
                // yet.
                output.append(&alert(INTERNAL_ERROR));
            }
        }
        taken
    }

    /// Puts the alert into the output that an error has left.
    fn say_last(&mut self, output: &mut Output) {
        // No longer than something waits: rustls would look at the messages behind the one that it
        // has refused, and panics where their bytes are not there, or a second alert is due.
        while self.0.wants_write() {
            let Ok(state) = self.0.process_tls_records(&mut []).state else { return };
            if !follow(state, output) {
                return;
            }
        }
    }

    /// Encrypts plaintext for the client. `input` is what has come of its next record.
    ///
    /// # Errors
    /// Those of rustls; the connection is of no use afterwards.
    pub(crate) fn put(&mut self, input: &mut [u8], plain: &[u8], output: &mut Output) -> Result<(), Error> {
        self.write(input, output, |traffic, output| {
            let records = plain.len() / FRAGMENT_BYTES_MAX + 1;
            let room = output.room(plain.len() + records * RECORD_OVERHEAD_BYTES);
            traffic.encrypt(plain, room)
        })
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn close(&mut self, input: &mut [u8], output: &mut Output) -> Result<(), Error> {
        self.write(input, output, |traffic, output| traffic.queue_close_notify(output.room(RECORD_OVERHEAD_BYTES)))
    }

    fn write(
        &mut self,
        input: &mut [u8],
        output: &mut Output,
        write: impl FnOnce(
            &mut rustls::unbuffered::WriteTraffic<'_, rustls::server::ServerConnectionData>,
            &mut Output,
        ) -> Result<usize, EncryptError>,
    ) -> Result<(), Error> {
        loop {
            match self.0.process_tls_records(input).state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let written = write(&mut traffic, output);
                    output.used += written.map_err(|error| Error::General(error.to_string()))?;
                    return Ok(());
                }
                // Said before, as an event; what came with it has been taken.
                ConnectionState::PeerClosed => {}
                state => {
                    if !follow(state, output) {
                        return Err(Error::HandshakeNotComplete);
                    }
                }
            }
        }
    }

    /// Returns whether the handshake is not done.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Returns whether the handshake has taken up a session of before.
    pub(crate) fn is_resumed(&self) -> bool {
        self.0.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Returns the numbers of version and cipher suite.
    pub(crate) fn version(&self) -> (u16, u16) {
        let version = self.0.protocol_version().map_or(0, |version: ProtocolVersion| u16::from(version));
        let cipher = self.0.negotiated_cipher_suite().map_or(0, |suite| u16::from(suite.suite()));
        (version, cipher)
    }

    /// Returns the protocol that was agreed on.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.0.alpn_protocol()
    }

    /// Returns the client's certificate, which has been verified.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        self.0.peer_certificates().and_then(<[_]>::first).map(AsRef::as_ref)
    }
}

/// Appends the plaintext of records. Returns the bytes that are done with beyond those of the
/// status.
fn read_records<Data>(mut traffic: ReadTraffic<'_, '_, Data>, plain: &mut Vec<u8>) -> Result<usize, Error> {
    let mut used = 0;
    while let Some(record) = traffic.next_record() {
        let record = record?;
        used += record.discard;
        plain.extend_from_slice(record.payload);
    }
    Ok(used)
}

/// Does what the handshake or an alert wants. Returns whether there may be more.
fn follow<Data>(state: ConnectionState<'_, '_, Data>, output: &mut Output) -> bool {
    match state {
        ConnectionState::EncodeTlsData(mut data) => {
            let mut written = data.encode(output.room(0));
            if let Err(EncodeError::InsufficientSize(size)) = &written {
                let required = size.required_size;
                written = data.encode(output.room(required));
            }
            output.used += written.unwrap_or(0);
            true
        }
        ConnectionState::TransmitTlsData(data) => {
            // The output is sent, or kept, whatever comes.
            data.done();
            true
        }
        _ => false,
    }
}
