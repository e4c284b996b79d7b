//! Responses that fosse-cache keeps: found in its memory, which this program reads, or asked for.
//!
//! A request is told apart from others by its key alone, which is all that the cache may ask an
//! application with ([`key`]). What is found is sent from here ([`respond`]); what is not is asked
//! for over a session, and a request for which the cache has nothing goes on to its backend as if
//! there were none.

pub(crate) mod cached;
mod changes;
pub(crate) mod client;
pub(crate) mod key;
pub(crate) mod lookup;
pub(crate) mod respond;
mod session;
