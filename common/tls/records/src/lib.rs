//! fosse-records: one TLS connection without its sockets, of either side: records in, plaintext
//! out, and the other way round. No I/O.

#![forbid(unsafe_code)]

mod output;

use std::fmt;

pub use output::Output;
use rustls::{
    CommonState, Error, HandshakeKind,
    client::UnbufferedClientConnection,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, EncodeError, EncryptError, ReadTraffic, UnbufferedStatus, WriteTraffic},
};

/// Bytes of a record's plaintext (RFC 8446, section 5.1).
const FRAGMENT_BYTES_MAX: usize = 16 * 1024;
/// Bytes that a record adds: header, nonce of before TLS 1.3, kind, tag; rounded up.
const RECORD_OVERHEAD_BYTES: usize = 64;
/// The alert for a failure of this end, as it is sent before there are keys (RFC 8446, section 6).
const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// The outcome of records that came in.
#[derive(Debug, Default)]
pub struct Taken {
    /// Bytes of the input that are done with.
    pub used: usize,
    /// The other end has said that nothing more comes.
    pub is_closed: bool,
    /// It has broken the protocol, or is not to be spoken with; the alert is in the output.
    pub failed: Option<Error>,
}

/// A side of a connection.
pub trait Side {
    /// The part of rustls' state that is of this side alone.
    type Data;

    /// Takes a step with what has come.
    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Returns what both sides have.
    fn state(&self) -> &CommonState;
}

impl Side for UnbufferedServerConnection {
    type Data = rustls::server::ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(input)
    }

    fn state(&self) -> &CommonState {
        self
    }
}

impl Side for UnbufferedClientConnection {
    type Data = rustls::client::ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(input)
    }

    fn state(&self) -> &CommonState {
        self
    }
}

/// A TLS connection.
pub struct Session<S: Side>(S);

impl<S: Side> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl<S: Side> Session<S> {
    /// Takes over a connection that nothing was said on.
    pub const fn new(side: S) -> Self {
        Self(side)
    }

    /// Takes the whole records of `input`, which change in place. Plaintext is appended to `plain`,
    /// what is due to the other end to `output`.
    pub fn take(&mut self, input: &mut [u8], plain: &mut Vec<u8>, output: &mut Output) -> Taken {
        let mut taken = Taken::default();
        loop {
            let UnbufferedStatus { discard, state } = self.0.process(&mut input[taken.used..]);
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
            if self.0.state().is_handshaking() && output.written().is_empty() {
                // Where rustls has no alert for a failure of this end, and nothing is encrypted
                // yet.
                output.append(&INTERNAL_ERROR);
            }
        }
        taken
    }

    /// Puts the alert into the output that an error has left.
    fn say_last(&mut self, output: &mut Output) {
        // No longer than something waits: rustls would look at the messages behind the one that it
        // has refused, and panics where their bytes are not there, or a second alert is due.
        while self.0.state().wants_write() {
            let Ok(state) = self.0.process(&mut []).state else { return };
            if !follow(state, output) {
                return;
            }
        }
    }

    /// Encrypts plaintext for the other end. `input` is what has come of its next record.
    ///
    /// # Errors
    /// Those of rustls; the connection is of no use afterwards.
    pub fn put(&mut self, input: &mut [u8], plain: &[u8], output: &mut Output) -> Result<(), Error> {
        self.write(input, output, |traffic, output| {
            let records = plain.len() / FRAGMENT_BYTES_MAX + 1;
            traffic.encrypt(plain, output.room(plain.len() + records * RECORD_OVERHEAD_BYTES))
        })
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn close(&mut self, input: &mut [u8], output: &mut Output) -> Result<(), Error> {
        self.write(input, output, |traffic, output| traffic.queue_close_notify(output.room(RECORD_OVERHEAD_BYTES)))
    }

    fn write(
        &mut self,
        input: &mut [u8],
        output: &mut Output,
        write: impl FnOnce(&mut WriteTraffic<'_, S::Data>, &mut Output) -> Result<usize, EncryptError>,
    ) -> Result<(), Error> {
        loop {
            match self.0.process(input).state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let written = write(&mut traffic, output);
                    output.add(written.map_err(|error| Error::General(error.to_string()))?);
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
    pub fn is_handshaking(&self) -> bool {
        self.0.state().is_handshaking()
    }

    /// Returns whether the handshake has taken up a session of before.
    pub fn is_resumed(&self) -> bool {
        self.0.state().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Returns the numbers of version and cipher suite.
    pub fn version(&self) -> (u16, u16) {
        let version = self.0.state().protocol_version().map_or(0, u16::from);
        let cipher = self.0.state().negotiated_cipher_suite().map_or(0, |suite| u16::from(suite.suite()));
        (version, cipher)
    }

    /// Returns the protocol that was agreed on.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.0.state().alpn_protocol()
    }

    /// Returns the other end's certificate, which has been verified.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.0.state().peer_certificates().and_then(<[_]>::first).map(AsRef::as_ref)
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
            output.add(written.unwrap_or(0));
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
