//! Who may begin a handshake: clients that trusted proxies name are judged here as accept judges
//! the peers of sockets, and every source has a bounded number of handshakes.

use std::collections::HashMap;

use fosse_acceptor::Grounds;
use fosse_cidr::Verdict;
use fosse_source::Source;
use fosse_wire::request::Endpoint;

use crate::limits::HANDSHAKES_SOURCE_MAX;

/// The grounds on which a client is judged.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) grounds: Grounds,
    /// Handshakes that are waited for or under way.
    handshakes: HashMap<Source, usize>,
}

impl Sources {
    /// Returns whether a client that a trusted proxy has named may go on.
    pub(crate) fn admits(&self, listener: u16, client: &Endpoint, now_ms: u64) -> bool {
        let Some(source) = Source::of_address(&client.addr) else { return true };
        match self.grounds.verdict(listener, client) {
            Verdict::Denied => false,
            Verdict::Allowed => true,
            _ => !self.grounds.is_penalised(source, now_ms),
        }
    }

    /// Counts a handshake. Returns false, and counts none, where the source has as many as it may.
    pub(crate) fn begin(&mut self, source: Source) -> bool {
        let count = self.handshakes.entry(source).or_default();
        let has_room = *count < HANDSHAKES_SOURCE_MAX;
        *count += usize::from(has_room);
        has_room
    }

    /// Discounts a handshake that is done, or over.
    pub(crate) fn end(&mut self, source: Source) {
        if let Some(count) = self.handshakes.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.handshakes.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::channel::Tally;

    #[test]
    fn a_source_has_a_bounded_number_of_handshakes_and_others_have_theirs() {
        let (one, other) = (Source::of(&[7; 16]), Source::LOCAL);
        let mut sources = Sources::default();
        assert!((0..HANDSHAKES_SOURCE_MAX).all(|_| sources.begin(one)));
        assert!(!sources.begin(one) && sources.begin(other));
        sources.end(one);
        assert!(sources.begin(one) && !sources.begin(one));
        (0..HANDSHAKES_SOURCE_MAX).for_each(|_| sources.end(one));
        sources.end(other);
        assert!(sources.handshakes.is_empty());
    }

    #[test]
    fn a_penalty_holds_for_its_time() {
        let client = Endpoint { addr: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1], port: 9 };
        let (address, bits) = Source::of(&client.addr).networks().next().unwrap().parts();
        let mut sources = Sources::default();
        sources.grounds.penalise(&[Tally { address, bits, number: 1000 }], 0);
        assert!(!sources.admits(0, &client, 999) && sources.admits(0, &client, 1000));
        assert!(sources.admits(0, &Endpoint::default(), 0), "who has no address");
    }
}
