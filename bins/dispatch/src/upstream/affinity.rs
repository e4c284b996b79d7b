//! The server that a request finds again: by the cookie of its client, or by consistent hashing.
//!
//! Both follow from the address of each server and the seed of its backend alone, so that they are
//! the same in each lane, after a reload or a restart, and at each edge that has the same seed.

use std::hash::Hasher as _;

use fosse_settings::Backend;
use siphasher::sip::SipHasher24;

/// A request's claim to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Affinity {
    /// The number in the client's cookie. It is a server's, or foreign or stale.
    pub(crate) cookie: Option<u64>,
    /// The hash of what `hash_by` names, where the request has it.
    pub(crate) key: Option<u64>,
}

/// Returns the number by which a server of a backend is known outside.
pub(super) fn server_id(backend: &Backend, name: &str) -> u64 {
    let seed = if backend.affinity_seed.is_empty() { &backend.name } else { &backend.affinity_seed };
    let half = |half| hash(0, half, seed.as_bytes());
    hash(half(0), half(1), name.as_bytes())
}

/// Returns the hash of a key. It need not be secret: who wants one server to have all requests may
/// send the same key each time.
pub(crate) fn key(bytes: &[u8]) -> u64 {
    hash(0, 0, bytes)
}

fn hash(key0: u64, key1: u64, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(key0, key1);
    hasher.write(bytes);
    hasher.finish()
}

/// Returns the score of a server for a key, as weighted rendezvous hashing has it: among any
/// servers each has the highest score for its share of the keys, and one that comes or goes changes
/// nothing between the others.
pub(super) fn score(key: u64, server_id: u64, share: u32) -> f64 {
    const WHOLE: f64 = 4_294_967_296.0;
    let mixed = mix(key ^ server_id);
    // The upper half as a fraction that is neither 0 nor 1.
    let fraction = (f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) + 0.5) / WHOLE;
    -f64::from(share) / fraction.ln()
}

/// Spreads each bit over the whole word (the finalizer of MurmurHash3, as SplitMix64 has it).
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the server with the highest score for each of 20,000 keys.
    fn owners(names: &[&str], shares: &[u32]) -> Vec<usize> {
        let backend = Backend { name: "app".into(), ..Backend::default() };
        let ids: Vec<u64> = names.iter().map(|name| server_id(&backend, name)).collect();
        let best = |key: u64| {
            let scores = ids.iter().zip(shares).map(|(id, share)| score(key, *id, *share));
            scores.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap().0
        };
        (0..20_000_u32).map(|n| best(key(&n.to_le_bytes()))).collect()
    }

    #[test]
    fn one_more_server_takes_its_part_of_the_keys_and_moves_no_other() {
        let names = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80", "10.0.0.5:80"];
        let (before, after) = (owners(&names[..4], &[1000; 4]), owners(&names, &[1000; 5]));
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert!(moved.iter().all(|(_, after)| **after == 4), "only the new one gains");
        assert!((3700..4300).contains(&moved.len()), "{} of 20,000", moved.len());
    }

    #[test]
    fn keys_are_shared_by_weight_and_a_change_of_weight_moves_the_difference() {
        let names = ["unix:/run/a", "unix:/run/b", "unix:/run/c"];
        let (before, after) = (owners(&names, &[1000, 1000, 2000]), owners(&names, &[1000, 1000, 1000]));
        let count = |owners: &[usize], of| owners.iter().filter(|owner| **owner == of).count();
        assert!((9600..10_400).contains(&count(&before, 2)), "half: {}", count(&before, 2));
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
        assert!(moved.clone().all(|(before, _)| *before == 2));
        assert!((3000..3700).contains(&moved.count()));
    }

    #[test]
    fn ids_stay_as_they_were_in_every_version_and_depend_on_the_seed() {
        let named = Backend { name: "app".into(), ..Backend::default() };
        let seeded = Backend { affinity_seed: "0123456789abcdef".into(), ..named.clone() };
        let other = Backend { name: "other".into(), ..seeded.clone() };
        let id = |backend| server_id(backend, "127.0.0.1:3000");
        // SipHash-2-4 of the server's name, with the hashes of the seed under the keys (0, 0) and
        // (0, 1) as its key.
        assert_eq!(id(&named), 0xa904_05f2_edf4_94da);
        assert_ne!(id(&named), id(&seeded));
        assert_eq!(id(&seeded), id(&other), "edges may name their backends as they like");
    }
}
