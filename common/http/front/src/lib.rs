//! fosse-front: what every front of a lane does, whatever its clients speak. Whose a request is,
//! which site and policy have it, what it may cost, the frames that it becomes, and what of its
//! response is counted, logged and granted.
//!
//! A front turns bytes into a [`Request`](request::Request) and the bytes of its body, and what a
//! [`Stream`](stream::Stream) hears of the ring into bytes. A connection is a
//! [`Caller`](caller::Caller); it has one stream at a time in HTTP/1.1, and many in HTTP/2. The
//! order:
//!
//! 1. [`Stream::admit`](stream::Stream::admit): who asks, and whether he may.
//! 2. [`Stream::terms`](stream::Stream::terms): site, policy, target.
//! 3. [`Stream::begin`](stream::Stream::begin), `pass_on`, `end_request`: the frames of the
//!    request.
//! 4. [`Stream::hear`](stream::Stream::hear): each frame that comes back, checked and counted.
//! 5. One of `complete`, `give_up` (with a [`Local`](local::Local) response) and `abort`.
//!
//! Nothing of it reads or writes a client's socket. The channels to fosse-dispatch and fosse-tls
//! are here as well, since they are the same for all fronts.

#![forbid(unsafe_code)]

pub mod access;
pub mod buffers;
pub mod caller;
mod charge;
mod checks;
pub mod context;
mod credit;
pub mod drain;
pub mod encoded;
mod endings;
pub mod exchange;
pub mod fields;
pub mod inspect;
pub mod lease_channel;
mod limits;
pub mod local;
pub mod origin;
pub mod output;
pub mod pace;
pub mod pages;
pub mod peers;
pub mod refusal_events;
pub mod refused;
pub mod request;
mod requests;
pub mod response;
pub mod ring;
pub mod settings;
pub mod shown;
mod slow;
pub mod sources;
pub mod startup;
pub mod stream;
pub mod terms;
pub mod tls_channel;
mod traffic;
pub mod upgraded;
