//! The questions of authorities by a handshake (RFC 8737): connections come from tls of lanes with
//! what was read of them. Each gets the certificate of a pending order's name, or an alert.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use fosse_counters::acme as count;
use fosse_eventloop::{
    Interest,
    slab::{Key, Slab},
};
use fosse_fdpass::{Fit, Received, receive_what_fits};
use fosse_hello::Hello;
use fosse_service::{ExitReason, Process};
use fosse_wire::challenged::{Challenged, MESSAGE_BYTES_MAX};
use rustix::net::{SendFlags, send};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, ResolvesServerCertUsingSni};
use rustls::{ServerConfig, ServerConnection};

use crate::desk::Desk;
use crate::limits::{HANDSHAKE_BYTES_MAX, HANDSHAKE_MS_MAX, HANDSHAKES_COUNT_MAX, READS_TURN_MAX};
use crate::link::Stream;

/// The protocol of such handshakes (RFC 8737, section 6.2).
const PROTOCOL: &[u8] = b"acme-tls/1";
/// Connections taken from the channel in one turn.
const TAKEN_TURN_COUNT_MAX: usize = 16;

/// The alert for a client that offers something else (RFC 7301, section 3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;
/// The alert for a name that nobody asks for now (RFC 6066, section 3).
const UNRECOGNIZED_NAME: u8 = 112;

/// A handshake that is under way.
struct Handshake {
    fd: OwnedFd,
    tls: ServerConnection,
    /// Bytes that have come.
    bytes: usize,
    until_ms: u64,
    armed: Interest,
}

/// The progress of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Waits,
    Done,
    Failed,
}

/// All of them.
pub(crate) struct Handshakes {
    channel: OwnedFd,
    all: Slab<Handshake>,
    desk: Desk,
    config: ServerConfig,
    kind: u8,
}

impl std::fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshakes").field("count", &self.all.len()).finish_non_exhaustive()
    }
}

/// Returns the name that an authority asks for with its first message.
///
/// # Errors
/// The alert for what is no such question.
pub fn name_of(opening: &[u8]) -> Result<Box<str>, u8> {
    let body = fosse_hello::message(opening).map_err(fosse_hello::HelloError::alert)?;
    // It came whole; a part of it is no question.
    let body = body.ok_or(fosse_hello::HelloError::Malformed.alert())?;
    let hello = Hello::read(&body).map_err(fosse_hello::HelloError::alert)?;
    if !matches!(&hello.protocols[..], [only] if **only == *PROTOCOL) {
        return Err(NO_APPLICATION_PROTOCOL);
    }
    match hello.server_name.as_str() {
        "" => Err(UNRECOGNIZED_NAME),
        name => Ok(name.into()),
    }
}

impl Handshakes {
    /// Takes connections from `channel`. `kind` marks their events.
    ///
    /// # Errors
    /// What the library says.
    pub(crate) fn new(channel: OwnedFd, desk: Desk, kind: u8) -> Result<Self, ExitReason> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| ExitReason::Failed(error.to_string()))?;
        // Each handshake has the certificate of its name in its own.
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Nobody comes back.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { channel, all: Slab::default(), desk, config, kind })
    }

    /// Returns the channel, to be watched.
    pub(crate) const fn channel(&self) -> &OwnedFd {
        &self.channel
    }

    /// Takes the connections that have come.
    ///
    /// # Errors
    /// The channel is gone, or brings something else.
    pub(crate) fn take(&mut self, process: &Process) -> Result<(), ExitReason> {
        for _ in 0..TAKEN_TURN_COUNT_MAX {
            let (mut bytes, mut fds) = ([0; MESSAGE_BYTES_MAX], Vec::new());
            match receive_what_fits(&self.channel, &mut bytes, &mut fds)? {
                (Received::Nothing, _) => return Ok(()),
                (Received::End, _) => return Err(ExitReason::Failed("the channel of handshakes has ended".to_owned())),
                (Received::Message(length), Fit::Whole) => {
                    let challenged = Challenged::decode(&bytes[..length], fds.len());
                    let opening = challenged.map_err(|_| ExitReason::broken_protocol("tls"))?.opening();
                    fds.into_iter().for_each(|fd| self.admit(process, fd, opening));
                }
                // There was no descriptor for it.
                (Received::Message(_), _) => {}
            }
        }
        Ok(())
    }

    /// Begins the handshake of one that asks for a name of a pending order.
    fn admit(&mut self, process: &Process, fd: OwnedFd, opening: &[u8]) {
        let proof = name_of(opening).and_then(|name| self.proof(&name).ok_or(UNRECOGNIZED_NAME));
        let proof = match proof {
            Ok(proof) => proof,
            Err(code) => {
                process.counters.add(count::FAILED_HANDSHAKES, 1);
                // A fatal alert, as it is sent before there are keys (RFC 8446, section 6).
                let _ = send(&fd, &[21, 3, 3, 0, 2, 2, code], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
                return;
            }
        };
        let mut config = self.config.clone();
        config.cert_resolver = proof;
        let Ok(tls) = ServerConnection::new(Arc::new(config)) else { return };
        self.make_room();
        let until_ms = process.event_loop.now_ms() + HANDSHAKE_MS_MAX;
        let mut one = Handshake { fd, tls, bytes: opening.len(), until_ms, armed: Interest::empty() };
        let step = one.begin(opening);
        if let Some(key) = self.all.insert(one) {
            self.settle(process, key, step);
        }
    }

    fn proof(&self, name: &str) -> Option<Arc<dyn ResolvesServerCert>> {
        let proof = self.desk.open().proofs.get(name).cloned().flatten()?;
        Some(proof)
    }

    /// Ends the oldest where there are too many.
    fn make_room(&mut self) {
        if self.all.len() >= HANDSHAKES_COUNT_MAX
            && let Some((key, _)) = self.all.iter().min_by_key(|(_, one)| one.until_ms)
        {
            self.all.remove(key);
        }
    }

    /// Goes on with one.
    pub(crate) fn on_event(&mut self, process: &Process, key: Key) {
        if let Some(step) = self.all.get_mut(key).map(Handshake::go_on) {
            self.settle(process, key, step);
        }
    }

    fn settle(&mut self, process: &Process, key: Key, step: Step) {
        let Some(one) = self.all.get_mut(key) else { return };
        if step == Step::Waits {
            let wanted = one.interest();
            return process.event_loop.rearm(&one.fd, key.token(self.kind), &mut one.armed, wanted);
        }
        process.counters.add(if step == Step::Done { count::HANDSHAKES } else { count::FAILED_HANDSHAKES }, 1);
        self.all.remove(key);
    }

    /// Closes those that have taken too long. Called at every tick.
    pub(crate) fn end_overdue(&mut self, process: &Process) {
        let now_ms = process.event_loop.now_ms();
        let over: Vec<Key> = self.all.iter().filter(|(_, one)| one.until_ms <= now_ms).map(|(key, _)| key).collect();
        over.into_iter().for_each(|key| self.settle(process, key, Step::Failed));
    }
}

impl Handshake {
    /// Takes what was read of the connection before it came here.
    fn begin(&mut self, mut opening: &[u8]) -> Step {
        while !opening.is_empty() {
            match self.tls.read_tls(&mut opening) {
                Ok(1..) => {}
                _ => return Step::Failed,
            }
        }
        self.work()
    }

    /// Reads what has come, up to the reads of one turn.
    fn go_on(&mut self) -> Step {
        for _ in 0..READS_TURN_MAX {
            match self.tls.read_tls(&mut Stream(&self.fd)) {
                Ok(count @ 1..) if self.bytes + count <= HANDSHAKE_BYTES_MAX => self.bytes += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.work(),
                _ => return Step::Failed,
            }
            let step = self.work();
            if step != Step::Waits {
                return step;
            }
        }
        // What is left is reported again.
        Step::Waits
    }

    /// Makes of it what can be made, and writes what there is to say.
    fn work(&mut self) -> Step {
        let taken = self.tls.process_new_packets();
        let is_done = !self.tls.is_handshaking();
        if is_done {
            self.tls.send_close_notify();
        }
        // Where it fails this is the alert.
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Stream(&self.fd)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Step::Failed,
            }
        }
        match taken {
            Err(_) => Step::Failed,
            Ok(_) if !is_done => Step::Waits,
            // A fresh socket has room for it.
            Ok(_) => Step::Done,
        }
    }

    fn interest(&self) -> Interest {
        if self.tls.wants_write() { Interest::IN | Interest::OUT } else { Interest::IN }
    }
}
