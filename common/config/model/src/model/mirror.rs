//! Copies of requests.

use crate::names::Name;
use crate::section::Presence::{Default, Required};
use crate::section::section;

section! {
    /// Another backend gets a copy of requests, as a new version that nobody sees yet: of a site,
    /// or of a route as \[site.route.mirror]. A copy is made of what the application has been
    /// sent, after all checks and once it has gone out, of requests of up to 64 KiB with their
    /// heads; it says nothing of being one, as with nginx, and has the cookies and passwords of
    /// its client. The response to it is thrown away. Nothing waits for a copy: one that finds no
    /// server with room is dropped, and so is one whose response does not begin within
    /// first_byte_seconds of its backend, or is not over idle_seconds later. A request that the
    /// cache responds to, that changes protocols, or that logs in a connection has none.
    Mirror "[site.mirror]" {
        /// The backend that gets them, and nothing else: then no copy takes a connection from a
        /// request. It speaks HTTP/1.1.
        backend: Name, Required;
        /// The part of the requests that is copied.
        percent: u32, Default("100"), 1..=100;
    }
}
