//! Requests that go to another server.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::choices::{RetryMethods, RetryOn};
use crate::names::ErrorStatus;
use crate::problem::Problems;
use crate::section::Presence::{Absent, Default};
use crate::section::{At, FromValue, section};
use crate::value::{Seconds, wrong_kind};

section! {
    /// The terms on which a request that one server has failed goes to another one: of a backend,
    /// or in place of those of a site as \[site.retry] or of a route as \[site.route.retry].
    /// Nothing of a response that is retried reaches the client, and no server gets a request
    /// twice. A request goes on so only while all of it is at hand, which of a body is 64 KiB; a
    /// WebSocket never does. A connection that had served before, and that the server has closed
    /// meanwhile, is replaced by another one to the same server.
    Retry "[backend.retry]" {
        /// Failures after which a request goes to another server: "connect", the server cannot be
        /// connected to, which is so for every method, as often as there are servers, since none of
        /// these has heard of it; "reset", its connection ends before the first byte of a response;
        /// "timeout", first_byte_seconds are over.
        on: Vec<At<RetryOn>>, Default("[\"connect\", \"reset\"]"), 0..=3;
        /// Statuses after which it does, such as [429, "502-504"], while another server is up and
        /// has room; without one the client gets that response. They say nothing of the server's
        /// health: whoever can provoke one must not take all servers out. A client with a
        /// sticky_cookie belongs to the server whose response it gets.
        status: Vec<At<ErrorStatus>>, Default("[]"), 0..=16;
        /// Methods of requests that may reach two servers: "safe" (GET, HEAD, OPTIONS, TRACE),
        /// "idempotent" (PUT and DELETE too), or "any". With "any" the effect of a POST may come
        /// twice: a server that does not respond may have done all of it.
        methods: RetryMethods, Default("\"idempotent\"");
        /// Servers that one request may reach, the first one among them.
        attempts_max: u32, Default("2"), 1..=64;
        /// Time from the arrival of a request, with its body and its place in the queue, after
        /// which it goes to no other server.
        seconds_max: Option<Seconds>, Absent("there is no such limit"), 1..=3600;
    }
}

/// The terms of a backend, a site or a route: a table, or one word for all of it.
#[derive(Clone, Debug)]
pub enum Retries {
    /// No server but the first one that hears of a request gets it.
    Off,
    /// These.
    On(Retry),
}

impl FromValue for Retries {
    const TAKES: &'static str = "a table, true or false";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::Boolean(false) => Some(Self::Off),
            DeValue::Boolean(true) => Some(Self::On(Retry::read_table(value.span(), &DeTable::new(), problems))),
            DeValue::Table(_) => Retry::read(key, value, problems).map(Self::On),
            _ => {
                wrong_kind(key, Self::TAKES, value, problems);
                None
            }
        }
    }

    fn placeholder() -> Self {
        Self::Off
    }
}
