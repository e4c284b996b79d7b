//! Clients that make room for new ones, where accept has hardly any left.

use fosse_counters::tls as count;
use fosse_source::relief::{Waiting, choose};

use crate::server::Server;

impl Server {
    /// Ends connections whose handshake waits for the client, so that new ones find room. Those
    /// that are through are the front's: it knows who of them is idle.
    pub(crate) fn relieve(&mut self, count: usize) {
        let (settings, now_ms) = (&self.context.settings, self.context.now_ms);
        let waiting = self.clients.iter().filter_map(|(key, client)| {
            let since_ms = client.waits_since_ms(settings)?;
            Some(Waiting { index: key.slot(), source: client.source(), since_ms })
        });
        for slot in choose(waiting, count, now_ms) {
            if let Some(key) = self.clients.key_of(slot) {
                self.context.counters.add(count::RELIEVED, 1);
                self.close(key);
            }
        }
    }
}
