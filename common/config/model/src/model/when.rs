//! Conditions of a route besides the path.

use crate::names::{ListenerName, Method, Network, ValueTest};
use crate::section::Presence::Absent;
use crate::section::{At, section};

section! {
    /// Conditions of a route besides the path; all that are written must hold.
    When "[site.route.when]" {
        /// One of these methods.
        method: Option<Vec<At<Method>>>, Absent("any method"), 1..=64;
        /// All of these headers: "X-Beta", "X-Env=test*", "!Cookie".
        header: Option<Vec<At<ValueTest>>>, Absent("any headers"), 1..=16;
        /// All of these parameters of the query.
        query: Option<Vec<At<ValueTest>>>, Absent("any query"), 1..=16;
        /// All of these cookies.
        cookie: Option<Vec<At<ValueTest>>>, Absent("any cookies"), 1..=16;
        /// It came in by one of these listeners.
        listener: Option<Vec<At<ListenerName>>>, Absent("by any listener"), 1..=64;
        /// Its client is in one of these networks.
        network: Option<Vec<At<Network>>>, Absent("any client"), 1..=256;
    }
}

impl When {
    /// Returns whether it is said of every request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { span: _, method, header, query, cookie, listener, network } = self;
        method.value.is_none()
            && header.value.is_none()
            && query.value.is_none()
            && cookie.value.is_none()
            && listener.value.is_none()
            && network.value.is_none()
    }
}
