//! The keys of session tickets: derived from a seed and the time, so that all lanes and generations
//! have the same ones and nobody stores any. Whoever has the key of one period (fosse-tls has two)
//! learns nothing of another one (HKDF, RFC 5869).

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use fosse_wire::signing::TicketKey;
use zeroize::Zeroizing;

use crate::limits::TICKET_PERIOD_SECONDS;

/// Bytes of the seed, which start makes.
pub(crate) const SEED_BYTES: usize = 32;

/// The seed, ready to derive from.
#[derive(Debug)]
pub(crate) struct Tickets(Prk);

/// Name and key in one piece.
const DERIVED_BYTES: usize = 16 + 32;

struct Derived;

impl KeyType for Derived {
    fn len(&self) -> usize {
        DERIVED_BYTES
    }
}

impl Tickets {
    /// Takes the seed.
    #[must_use]
    pub(crate) fn new(seed: &[u8; SEED_BYTES]) -> Self {
        Self(Salt::new(HKDF_SHA256, b"fosse session tickets").extract(seed))
    }

    /// Returns the keys at a time in seconds since 1970, that of its period first, and for how many
    /// seconds they are good. `None` where the derivation fails.
    #[must_use]
    pub(crate) fn at(&self, seconds: u64) -> Option<([TicketKey; 2], u32)> {
        let period = seconds / TICKET_PERIOD_SECONDS;
        let left = TICKET_PERIOD_SECONDS - seconds % TICKET_PERIOD_SECONDS;
        let keys = [self.of_period(period)?, self.of_period(period.wrapping_sub(1))?];
        Some((keys, u32::try_from(left).ok()?))
    }

    fn of_period(&self, period: u64) -> Option<TicketKey> {
        let period = period.to_le_bytes();
        let mut derived = Zeroizing::new([0; DERIVED_BYTES]);
        self.0.expand(&[&period], Derived).and_then(|okm| okm.fill(&mut *derived)).ok()?;
        let (name, key) = derived.split_first_chunk::<16>()?;
        Some(TicketKey { name: *name, key: *key.first_chunk()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = TICKET_PERIOD_SECONDS;

    #[test]
    fn everybody_with_the_seed_has_the_same_keys_for_a_period() {
        let (one, other) = (Tickets::new(&[1; SEED_BYTES]), Tickets::new(&[1; SEED_BYTES]));
        assert_eq!(one.at(9 * PERIOD).unwrap().0, other.at(10 * PERIOD - 1).unwrap().0);
        assert_ne!(one.at(0).unwrap().0, Tickets::new(&[2; SEED_BYTES]).at(0).unwrap().0);
    }

    #[test]
    fn the_key_of_a_period_is_the_previous_one_of_the_next() {
        let tickets = Tickets::new(&[1; SEED_BYTES]);
        let ([current, previous], left) = tickets.at(10 * PERIOD + 5).unwrap();
        assert_eq!(u64::from(left), PERIOD - 5);
        assert_eq!(tickets.at(10 * PERIOD - 1).unwrap().0[0], previous);
        assert_eq!(tickets.at(11 * PERIOD).unwrap().0[1], current);
        assert!(current.name != previous.name && current.key != previous.key);
    }
}
