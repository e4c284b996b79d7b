//! Session tickets: encrypted by keys that all lanes and generations have, stored nowhere.
//!
//! A ticket is `16 name of the key | 12 nonce | ciphertext | 16 tag`, with the terms that it was
//! made under as associated data: it opens nothing where others hold.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::fill;
use fosse_wire::signing::TicketKey;
use rustls::server::ProducesTickets;

use crate::keys::Keys;
use crate::limits::TICKET_SECONDS;

const NAME_BYTES: usize = 16;

/// The tickets of one set of terms.
#[derive(Debug)]
pub(crate) struct Tickets {
    keys: Keys,
    /// Number of the configuration and of the terms.
    terms: [u8; 12],
}

impl Tickets {
    /// Makes those of `terms` in a configuration.
    pub(crate) fn new(keys: Keys, configuration: u64, terms: u32) -> Self {
        let mut bound = [0; 12];
        bound[..8].copy_from_slice(&configuration.to_le_bytes());
        bound[8..].copy_from_slice(&terms.to_le_bytes());
        Self { keys, terms: bound }
    }

    fn seal(&self, key: &TicketKey, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        let aad = Aad::from(self.terms);
        opener(key)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).ok()?;
        Some([&key.name[..], &nonce, &sealed].concat())
    }

    fn open(&self, key: &TicketKey, rest: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut opened = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = opener(key)?.open_in_place(nonce, Aad::from(self.terms), &mut opened).ok()?.len();
        opened.truncate(length);
        Some(opened)
    }
}

fn opener(key: &TicketKey) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &key.key).ok().map(LessSafeKey::new)
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.keys.tickets().is_some()
    }

    fn lifetime(&self) -> u32 {
        TICKET_SECONDS
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(&self.keys.tickets()?.current, plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = cipher.split_first_chunk::<NAME_BYTES>()?;
        let keys = self.keys.tickets()?;
        let key = [&keys.current, &keys.previous].into_iter().find(|key| key.name == *name)?;
        self.open(key, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: TicketKey = TicketKey { name: [1; NAME_BYTES], key: [2; 32] };

    #[test]
    fn a_ticket_opens_under_its_own_terms_and_no_altered_one_does() {
        let of = |configuration, terms| Tickets::new(Keys::new(None), configuration, terms);
        let ticket = of(7, 1).seal(&KEY, b"session").unwrap();
        let rest = &ticket[NAME_BYTES..];
        assert_eq!(of(7, 1).open(&KEY, rest).as_deref(), Some(&b"session"[..]));
        assert_eq!((of(7, 2).open(&KEY, rest), of(8, 1).open(&KEY, rest)), (None, None));
        assert_eq!(of(7, 1).open(&TicketKey { key: [3; 32], ..KEY }, rest), None);
        for bit in 0..rest.len() * 8 {
            let mut flipped = rest.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(of(7, 1).open(&KEY, &flipped), None, "bit {bit}");
        }
        for cut in 0..rest.len() {
            assert_eq!(of(7, 1).open(&KEY, &rest[..cut]), None, "cut at {cut}");
        }
        assert_ne!(of(7, 1).seal(&KEY, b"session").unwrap(), ticket, "each has a nonce of its own");
    }

    #[test]
    fn without_keys_there_are_no_tickets() {
        let tickets = Tickets::new(Keys::new(None), 0, 0);
        assert!(!tickets.enabled() && tickets.encrypt(b"x").is_none() && tickets.decrypt(&[0; 64]).is_none());
    }
}
