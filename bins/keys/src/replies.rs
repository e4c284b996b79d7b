//! What keys says to tls. No I/O, no clock.

use fosse_counters::{Counters, keys as count};
use fosse_wire::{
    WireError,
    signing::{FromKeys, HELLO_KEYS_COUNT_MAX, KeyKind, Refusal, SpkiHash, ToKeys},
};

use crate::{keyring::Keyring, rate::Rate, tickets::Tickets};

/// Everything that replies come from.
#[derive(Debug)]
pub(crate) struct Signer {
    keyring: Keyring,
    tickets: Tickets,
    rate: Rate,
    signature: Vec<u8>,
}

/// The time of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Microseconds of a clock that never goes back.
    pub(crate) monotonic_us: u64,
    /// Seconds since 1970.
    pub(crate) seconds: u64,
}

impl Signer {
    /// Makes one that has signed nothing.
    #[must_use]
    pub(crate) fn new(keyring: Keyring, tickets: Tickets) -> Self {
        Self { keyring, tickets, rate: Rate::default(), signature: Vec::new() }
    }

    /// Returns the messages of the greeting.
    ///
    /// # Errors
    /// None is expected: each message has as many keys as fit.
    pub(crate) fn greeting(&self) -> Result<Vec<Vec<u8>>, WireError> {
        greeting(&self.keyring.names())
    }

    /// Replies to a question.
    ///
    /// # Errors
    /// [`WireError`]: tls broke the protocol.
    pub(crate) fn reply(
        &mut self,
        question: &[u8],
        now: Now,
        counters: &Counters,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        match ToKeys::decode(question)? {
            ToKeys::Tickets { serial } => {
                let ([current, previous], seconds) = self.tickets.at(now.seconds).ok_or(WireError::Field("tickets"))?;
                FromKeys::TicketKeys { serial, seconds, current, previous }.encode(out)
            }
            ToKeys::Sign { serial, scheme, spki, message } => {
                let signed = if self.rate.take(now.monotonic_us) {
                    self.keyring.sign(spki, scheme, message, &mut self.signature)
                } else {
                    Err(Refusal::Rate)
                };
                counters.add(counter(signed), 1);
                let signed = signed.map(|()| self.signature.as_slice());
                FromKeys::Signature { serial, signed }.encode(out)
            }
        }
    }

    /// Wipes the keys.
    pub(crate) fn wipe(&mut self) {
        self.keyring.wipe();
    }
}

const fn counter(signed: Result<(), Refusal>) -> usize {
    match signed {
        Ok(()) => count::SIGNATURES,
        Err(Refusal::UnknownKey) => count::UNKNOWN_KEYS,
        Err(Refusal::Rate) => count::LIMITED,
        Err(Refusal::Scheme | Refusal::Form) => count::REFUSED,
        Err(Refusal::Failed) => count::FAILED,
    }
}

fn greeting(names: &[(SpkiHash, KeyKind)]) -> Result<Vec<Vec<u8>>, WireError> {
    let mut parts: Vec<&[(SpkiHash, KeyKind)]> = names.chunks(HELLO_KEYS_COUNT_MAX).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let count = parts.len();
    let message = |(at, keys): (usize, &[(SpkiHash, KeyKind)])| {
        let mut out = Vec::new();
        FromKeys::Hello { more: at + 1 < count, keys: keys.to_vec() }.encode(&mut out).map(|()| out)
    };
    parts.into_iter().enumerate().map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::signing::SPKI_HASH_BYTES;

    #[test]
    fn a_greeting_names_every_key_in_as_many_messages_as_it_takes() {
        for count in [0, 1, HELLO_KEYS_COUNT_MAX, 2 * HELLO_KEYS_COUNT_MAX + 1] {
            let name = |number: usize| {
                let mut hash = [0; SPKI_HASH_BYTES];
                hash[..8].copy_from_slice(&number.to_be_bytes());
                (SpkiHash(hash), KeyKind::Rsa)
            };
            let names: Vec<_> = (0..count).map(name).collect();
            let (mut heard, mut ends) = (Vec::new(), 0);
            for message in greeting(&names).unwrap() {
                let FromKeys::Hello { more, keys } = FromKeys::decode(&message).unwrap() else { panic!() };
                assert_eq!(ends, 0, "nothing comes after the last");
                ends += u32::from(!more);
                heard.extend(keys);
            }
            assert_eq!((heard, ends), (names, 1));
        }
    }
}
