//! The conversation with fosse-keys: signatures, for which this process waits, and ticket keys.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use fosse_eventloop::{EventLoop, Interest, TICK_MS};
use fosse_fdpass::{Received, receive, send};
use fosse_wire::signing::{FromKeys, MESSAGE_BYTES_MAX, Refusal, Scheme, SpkiHash, TicketKey, ToKeys};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::limits::{BREAKER_MS, RATE_PAUSE_MS, SIGNATURE_MS_MAX};

/// Milliseconds before the end of ticket keys at which they are asked for again.
const RENEW_MS: u64 = 2_000;

/// The keys of tickets, and until when they are good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TicketKeys {
    pub(crate) current: TicketKey,
    pub(crate) previous: TicketKey,
    until_ms: u64,
}

/// The reason why there is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSignature {
    /// There is no fosse-keys, or it has not replied in time, lately.
    Unavailable,
    /// It refuses.
    Refused(Refusal),
}

/// One end of the conversation, shared by all that sign.
#[derive(Clone, Debug)]
pub(crate) struct Keys(Arc<Mutex<Conversation>>);

#[derive(Debug)]
struct Conversation {
    fd: Option<OwnedFd>,
    serial: u32,
    /// Nothing is asked before this time.
    breaker_until_ms: u64,
    buffer: Vec<u8>,
    tickets: Option<TicketKeys>,
    /// The question for ticket keys that has no reply yet.
    asked: Option<u32>,
    missed: u64,
    /// All keys have been named.
    greeted: bool,
    /// The last signature that was wanted was not to be had.
    unavailable: bool,
}

impl Keys {
    /// Takes over the descriptor.
    pub(crate) fn new(fd: Option<OwnedFd>) -> Self {
        Self(Arc::new(Mutex::new(Conversation {
            fd,
            serial: 0,
            breaker_until_ms: 0,
            buffer: Vec::new(),
            tickets: None,
            asked: None,
            missed: 0,
            greeted: false,
            unavailable: false,
        })))
    }

    fn with<T>(&self, run: impl FnOnce(&mut Conversation) -> T) -> T {
        // There is one thread, and a panic ends it.
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another end, in place of the one there was.
    pub(crate) fn replace(&self, fd: OwnedFd) {
        self.with(|keys| {
            keys.fd = Some(fd);
            keys.breaker_until_ms = 0;
            keys.asked = None;
        });
    }

    /// Watches for what is said, with this token.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn watch(&self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        self.with(|keys| keys.fd.as_ref().map_or(Ok(()), |fd| event_loop.add(fd, token, Interest::IN)))
    }

    /// Watches no more.
    pub(crate) fn unwatch(&self, event_loop: &EventLoop) {
        // Fails where it is not watched.
        let _ = self.with(|keys| keys.fd.as_ref().map(|fd| event_loop.remove(fd)));
    }

    /// Returns whether the other end has named all its keys; `None` where it is gone.
    pub(crate) fn has_greeted(&self) -> Option<bool> {
        self.with(|keys| {
            keys.hear();
            keys.fd.is_some().then_some(keys.greeted)
        })
    }

    /// Takes the keys of tickets that another conversation has had: they are the same for all.
    pub(crate) fn take_tickets_of(&self, other: &Self) {
        let tickets = other.with(|keys| keys.tickets);
        self.with(|keys| keys.tickets = tickets);
    }

    /// Ends the conversation.
    pub(crate) fn close(&self) {
        self.with(|keys| keys.fd = None);
    }

    /// Has a message signed.
    ///
    /// # Errors
    /// [`NoSignature`], after [`SIGNATURE_MS_MAX`] at the latest.
    pub(crate) fn sign(&self, scheme: Scheme, spki: SpkiHash, message: &[u8]) -> Result<Vec<u8>, NoSignature> {
        self.with(|keys| keys.sign(scheme, spki, message))
    }

    /// Returns the keys of tickets, where they are here and good.
    pub(crate) fn tickets(&self) -> Option<TicketKeys> {
        let now_ms = fosse_eventloop::clock_ms();
        self.with(|keys| {
            let good = |tickets: &TicketKeys| now_ms < tickets.until_ms;
            if keys.tickets.as_ref().is_none_or(|tickets| !good(tickets)) {
                keys.hear();
            }
            keys.tickets.filter(good)
        })
    }

    /// Asks for the keys of tickets where they are over soon, and hears what has been said.
    pub(crate) fn tick(&self, now_ms: u64) {
        self.with(|keys| {
            keys.hear();
            let renew_ms = keys.tickets.map_or(0, |tickets| tickets.until_ms - RENEW_MS);
            if now_ms >= renew_ms && keys.asked.is_none() && now_ms >= keys.breaker_until_ms {
                keys.ask_for_tickets();
            }
        });
    }

    /// Returns how many milliseconds it is until signatures can be asked for: 0 for now, a tick
    /// where there is no fosse-keys.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> u64 {
        self.with(|keys| {
            // What has been said before must not be in the way of a question, and its end is said
            // so.
            keys.hear();
            if keys.fd.is_none() { TICK_MS } else { keys.breaker_until_ms.max(now_ms) - now_ms }
        })
    }

    /// Returns whether there was no signature since the last call, for want of a fosse-keys that
    /// replies in time.
    pub(crate) fn was_unavailable(&self) -> bool {
        self.with(|keys| std::mem::take(&mut keys.unavailable))
    }

    /// Returns the number of signatures that have not come in time, since the last call.
    pub(crate) fn take_missed(&self) -> u64 {
        self.with(|keys| std::mem::take(&mut keys.missed))
    }
}

impl Conversation {
    fn ask(&mut self, question: &ToKeys<'_>) -> bool {
        let mut bytes = Vec::new();
        let (Some(fd), Ok(())) = (&self.fd, question.encode(&mut bytes)) else { return false };
        send(fd, &bytes, &[]).is_ok()
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    fn ask_for_tickets(&mut self) {
        let serial = self.next_serial();
        if self.ask(&ToKeys::Tickets { serial }) {
            self.asked = Some(serial);
        }
    }

    fn sign(&mut self, scheme: Scheme, spki: SpkiHash, message: &[u8]) -> Result<Vec<u8>, NoSignature> {
        let begun_ms = fosse_eventloop::clock_ms();
        if begun_ms < self.breaker_until_ms {
            self.unavailable = true;
            return Err(NoSignature::Unavailable);
        }
        let serial = self.next_serial();
        if self.ask(&ToKeys::Sign { serial, scheme, spki, message }) {
            let mut now_ms = begun_ms;
            while now_ms < begun_ms + SIGNATURE_MS_MAX && self.wait(begun_ms + SIGNATURE_MS_MAX - now_ms) {
                while let Some(said) = self.receive() {
                    if let Some(signed) = self.take(&said, Some(serial)) {
                        return signed.map_err(|refusal| self.refused(refusal));
                    }
                }
                now_ms = fosse_eventloop::clock_ms();
            }
        }
        self.missed += 1;
        self.unavailable = true;
        self.breaker_until_ms = fosse_eventloop::clock_ms() + BREAKER_MS;
        Err(NoSignature::Unavailable)
    }

    /// Notes why a message is not signed. Where others have had all signatures of this moment, who
    /// has just come waits for his turn, which is soon: of one source no two come in a row.
    fn refused(&mut self, refusal: Refusal) -> NoSignature {
        if refusal != Refusal::Rate {
            return NoSignature::Refused(refusal);
        }
        self.unavailable = true;
        self.breaker_until_ms = fosse_eventloop::clock_ms() + RATE_PAUSE_MS;
        NoSignature::Unavailable
    }

    /// Waits for a word. Returns whether the other end is there still.
    fn wait(&self, ms: u64) -> bool {
        let Some(fd) = &self.fd else { return false };
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::try_from(ms).unwrap_or(0) * 1_000_000 };
        let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
        // An interrupted wait is one that is over: the caller looks at the time.
        let _ = poll(&mut fds, Some(&timeout));
        true
    }

    /// Hears all that has been said and takes what is still of use: ticket keys. Signatures that
    /// come now are too late.
    fn hear(&mut self) {
        while let Some(said) = self.receive() {
            let _ = self.take(&said, None);
        }
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let fd = self.fd.as_ref()?;
        self.buffer.resize(MESSAGE_BYTES_MAX, 0);
        match receive(fd, &mut self.buffer, &mut Vec::new()) {
            Ok(Received::Message(length)) => Some(self.buffer[..length].to_vec()),
            Ok(Received::Nothing) => None,
            // start gives another end.
            Ok(Received::End) | Err(_) => {
                self.fd = None;
                None
            }
        }
    }

    /// Takes a message. Returns what it says of the signature that is waited for.
    fn take(&mut self, said: &[u8], waited_for: Option<u32>) -> Option<Result<Vec<u8>, Refusal>> {
        match FromKeys::decode(said) {
            Ok(FromKeys::Signature { serial, signed }) if Some(serial) == waited_for => {
                Some(signed.map(<[u8]>::to_vec))
            }
            Ok(FromKeys::TicketKeys { serial, seconds, current, previous }) if Some(serial) == self.asked => {
                self.asked = None;
                let until_ms = fosse_eventloop::clock_ms() + u64::from(seconds) * 1000;
                self.tickets = Some(TicketKeys { current, previous, until_ms });
                None
            }
            Ok(FromKeys::Hello { more, .. }) => {
                self.greeted |= !more;
                None
            }
            Ok(_) => None,
            Err(_) => {
                self.fd = None;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn a_handshake_waits_where_others_have_had_all_signatures_of_the_moment() {
        let (near_end, far_end) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::NONBLOCK, None).unwrap();
        let keys = Keys::new(Some(near_end));
        let sign = |serial: u32, said: Result<&[u8], Refusal>| {
            let mut bytes = Vec::new();
            FromKeys::Signature { serial, signed: said }.encode(&mut bytes).unwrap();
            send(&far_end, &bytes, &[]).unwrap();
            keys.sign(Scheme::EcdsaP256Sha256, SpkiHash([7; 32]), &[0; 130])
        };
        assert!(matches!(sign(1, Err(Refusal::Rate)), Err(NoSignature::Unavailable)));
        assert!(keys.was_unavailable() && keys.take_missed() == 0);
        let wait_ms = keys.wait_ms(fosse_eventloop::clock_ms());
        assert!(wait_ms <= RATE_PAUSE_MS, "{wait_ms}");
        while keys.wait_ms(fosse_eventloop::clock_ms()) > 0 {
            std::thread::yield_now();
        }
        assert_eq!(sign(2, Ok(b"signed")).unwrap(), b"signed");
        assert!(matches!(sign(3, Err(Refusal::UnknownKey)), Err(NoSignature::Refused(Refusal::UnknownKey))));
        assert!(!keys.was_unavailable());
    }
}
