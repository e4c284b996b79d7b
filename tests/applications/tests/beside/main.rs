//! Settings beside those of other servers: each row is a setting in the words of fosse.toml, of
//! nginx.conf and of a Caddyfile, before the same application, with requests to which all of them
//! respond alike, and those to which they do not, with the reason.

mod access;
mod copies;
mod cors;
mod kept;
mod keys;
mod paths;
mod peers;
mod responses;
mod servers;
