//! What must hold whatever a name server, or who pretends to be one, responds.

use fosse_dns::{ADDRESSES_MAX, Kind, Name, Query, Response, judge};

/// Returns the question of the seeds.
///
/// # Panics
/// Never: the name is one.
#[must_use]
pub fn question(is_for_ipv6: bool) -> Query {
    let name = Name::parse("www.example").expect("a name");
    Query::new(&name, if is_for_ipv6 { Kind::Aaaa } else { Kind::A }, [0x5a; 16], true)
}

/// A message, behind a byte that says what was asked for. Number and question are put in, as a
/// fuzzer cannot guess them.
///
/// # Panics
/// Where a promise is broken.
pub fn responses(data: &[u8]) {
    let Some((wants, message)) = data.split_first() else { return };
    let query = question(wants & 1 != 0);
    let asked = query.encode();
    // As it came: whoever guesses.
    let _ = judge(&query, message);
    let mut message = message.to_vec();
    // The rest of a question is an OPT record of 11 bytes.
    let question = &asked[12..asked.len() - 11];
    if message.len() < 12 + question.len() {
        return;
    }
    message[..2].copy_from_slice(&asked[..2]);
    message[2] = message[2] & 0x07 | 0x80;
    message[4..6].copy_from_slice(&[0, 1]);
    message[12..12 + question.len()].copy_from_slice(question);
    let judged = judge(&query, &message);
    if let Ok(Response::Addresses(found)) = &judged {
        assert!((1..=ADDRESSES_MAX).contains(&found.addresses.len()), "{found:?}");
        assert!(found.ttl_seconds < 1 << 31, "{found:?}");
        let mut once = found.addresses.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), found.addresses.len(), "an address twice");
        // Another question is none that this responds to.
        message[13] ^= 0x20;
        assert!(judge(&query, &message).is_err());
    }
}
