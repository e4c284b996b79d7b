//! Responses that fosse-cache keeps: found in its memory, which this program reads, or asked for.
//!
//! A request is told apart from others by its key alone ([`key`]). What is found is sent from here
//! ([`respond`]). For what is not the cache is asked over a session; it may have this lane go on
//! with a request that it may ask the application with ([`whole`]) and pass the response on
//! ([`lead`]), or ask the application itself. A request for which it has nothing goes on to its
//! backend as if there were no cache.

pub(crate) mod cached;
mod changes;
pub(crate) mod client;
pub(crate) mod confirm;
mod find;
mod instead;
mod key;
pub(crate) mod lead;
pub(crate) mod lookup;
pub(crate) mod piped;
pub(crate) mod respond;
mod session;
mod variant;
mod whole;
