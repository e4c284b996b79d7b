//! Questions from tls, replies to it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use fosse_counters::keys as count;
use fosse_die::warning;
use fosse_eventloop::{Event, Interest};
use fosse_fdpass::{Received, receive, send};
use fosse_images::KEYS_BYTES_MAX;
use fosse_inherit::Descriptors;
use fosse_lockdown::Sealed;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_sys::blob::{self, Mapped};
use fosse_wire::signing::MESSAGE_BYTES_MAX;
use rustix::io::Errno;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    PROGRAM,
    keyring::Keyring,
    limits::TURN_QUESTIONS_MAX,
    replies::{Now, Signer},
    tickets::{SEED_BYTES, Tickets},
};

const TOKEN_TLS: u64 = 1;

/// The steps before the lock, which forbids to lock memory.
#[derive(Debug)]
pub struct BeforeLock {
    image: Sealed<Mapped>,
}

impl BeforeLock {
    /// Maps the image of keys where it cannot be swapped out nor dumped, and reads nothing of it.
    /// Has the library collect its entropy. Ends the program where the image cannot be mapped.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors) -> Self {
        let image = blob::map(descriptors.required(9), KEYS_BYTES_MAX)
            .unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("keys: {error}")));
        if let Err(errno) = image.keep_secret() {
            let cure = "raise the limit of locked memory (LimitMEMLOCK, ulimit -l)";
            warning(PROGRAM, format_args!("event=keys-not-locked error=\"{errno}\" cure=\"{cure}\""));
        }
        if SystemRandom::new().fill(&mut [0; 32]).is_err() {
            fosse_die::temporary(PROGRAM, "unable to get random bytes");
        }
        Self { image: Sealed::new(image) }
    }
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    tls: OwnedFd,
    signer: Signer,
    /// Messages that tls has no room for yet: the rest of a greeting, at most a reply.
    waiting: VecDeque<Vec<u8>>,
    armed: Interest,
    is_draining: bool,
}

impl Server {
    /// Reads where the keys lie, and greets.
    ///
    /// # Errors
    /// The image or the seed is none, or what the kernel says.
    pub fn new(process: &Process, mut given: Given, before: BeforeLock) -> Result<Self, ExitReason> {
        let keyring =
            Keyring::new(given.open(before.image)).map_err(|why| ExitReason::Failed(format!("keys: {why}")))?;
        let seed = blob::read(given.required(10), SEED_BYTES).map(Zeroizing::new);
        let seed = seed.map_err(|why| ExitReason::Failed(format!("seed of tickets: {why}")))?;
        let seed = seed.first_chunk().ok_or_else(|| ExitReason::Failed("seed of tickets: too short".to_owned()))?;
        process.counters.set(count::KEYS, u64::try_from(keyring.names().len()).unwrap_or(u64::MAX));
        let signer = Signer::new(keyring, Tickets::new(seed));
        let waiting = signer.greeting().map_err(|why| ExitReason::Failed(format!("keys: {why}")))?.into();
        let mut server = Self { tls: given.required(8), signer, waiting, armed: Interest::IN, is_draining: false };
        process.event_loop.add(&server.tls, TOKEN_TLS, server.armed)?;
        server.write(process)?;
        Ok(server)
    }

    /// Sends what waits, as far as there is room.
    fn write(&mut self, process: &Process) -> Result<(), ExitReason> {
        while let Some(mut message) = self.waiting.pop_front() {
            match send(&self.tls, &message, &[]) {
                Ok(()) => message.zeroize(),
                Err(Errno::AGAIN) => {
                    self.waiting.push_front(message);
                    break;
                }
                Err(errno) => return Err(self.gone(errno)),
            }
        }
        // Who does not read its replies is not listened to.
        let wanted = if self.waiting.is_empty() { Interest::IN } else { Interest::OUT };
        process.event_loop.rearm(self.tls.as_fd(), TOKEN_TLS, &mut self.armed, wanted);
        Ok(())
    }

    fn read(&mut self, process: &Process) -> Result<(), ExitReason> {
        let mut bytes = [0; MESSAGE_BYTES_MAX_OF_TLS];
        for _ in 0..TURN_QUESTIONS_MAX {
            if !self.waiting.is_empty() {
                break;
            }
            let mut fds = Vec::new();
            match receive(&self.tls, &mut bytes, &mut fds) {
                Ok(Received::Nothing) => break,
                Ok(Received::Message(length)) if length > 0 && fds.is_empty() => {
                    let mut out = Vec::new();
                    self.signer
                        .reply(&bytes[..length], now(), &process.counters, &mut out)
                        .map_err(|_| ExitReason::broken_protocol("tls"))?;
                    self.waiting.push_back(out);
                    self.write(process)?;
                }
                Ok(Received::End | Received::Message(0)) => return Err(self.ended()),
                Ok(Received::Message(_)) | Err(Errno::MSGSIZE) => return Err(ExitReason::broken_protocol("tls")),
                Err(errno) => return Err(self.gone(errno)),
            }
        }
        Ok(())
    }

    /// The reason to end once tls is gone: it has said why itself.
    const fn ended(&self) -> ExitReason {
        if self.is_draining { ExitReason::Done } else { ExitReason::Reported }
    }

    fn gone(&self, errno: Errno) -> ExitReason {
        match errno {
            Errno::PIPE | Errno::CONNRESET => self.ended(),
            errno => ExitReason::from(errno),
        }
    }
}

/// Bytes of the longest question, and one more by which a longer one is known.
const MESSAGE_BYTES_MAX_OF_TLS: usize = 512;
const _: () = assert!(MESSAGE_BYTES_MAX_OF_TLS < MESSAGE_BYTES_MAX);

fn now() -> Now {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Now { monotonic_us: fosse_eventloop::clock_us(), seconds }
}

impl Service for Server {
    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        if event.writable() {
            self.write(process)?;
        }
        if event.readable() { self.read(process) } else { Ok(()) }
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            // tls has handshakes to finish; it ends the conversation.
            Order::Drain => {
                self.is_draining = true;
                process.counters.set(fosse_counters::DRAINING, 1);
                Ok(())
            }
            Order::End => Err(self.ended()),
            Order::Tell(_) | Order::Give(..) => Err(ExitReason::broken_protocol("start")),
        }
    }

    fn finish(&mut self, _: &mut Process, reason: ExitReason) -> ExitReason {
        self.signer.wipe();
        reason
    }
}
