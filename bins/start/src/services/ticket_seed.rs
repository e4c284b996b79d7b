//! The seed of session tickets, of which every fosse-keys derives their keys. It is made once for
//! the edge, so that lanes, generations and the successor of an upgrade agree, and kept nowhere
//! else: with the edge all tickets end.

use fosse_die::alert;

use crate::{PROGRAM, generation::Generation, lanes::Lanes};

/// Bytes of the seed: those of a hash of 256 bits.
const SEED_BYTES: usize = 32;

/// Makes the seed, where there is none, before the first lane that has TLS.
pub(crate) fn make(lanes: &mut Lanes, generation: &Generation) {
    if lanes.ticket_seed.is_some() || !generation.has_tls() {
        return;
    }
    let mut seed = [0; SEED_BYTES];
    let made = fosse_sys::random::fill(&mut seed).and_then(|()| fosse_sys::memfd::sealed("tickets", &seed));
    fosse_sys::random::wipe(&mut seed);
    match made {
        Ok(seed) => lanes.ticket_seed = Some(seed),
        // A lane of TLS cannot be started without; it is tried again.
        Err(errno) => alert(PROGRAM, format_args!("event=no-ticket-seed error=\"{errno}\"")),
    }
}
