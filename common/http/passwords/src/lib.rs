//! fosse-passwords: names of users with hashes of their passwords, as htpasswd(1) of Apache and
//! `fosse password` write them. No I/O, no clock, no randomness.
//!
//! A line is `NAME:HASH`. Two hashes are taken, since nobody has to take another one today: bcrypt
//! (`$2a$`, `$2b$`, `$2y$`, [Provos and Mazières 1999]) and Argon2id ([RFC 9106], in the PHC
//! string format). Those that a graphics card tries by the billion (crypt, MD5, SHA-1) and plain
//! text are refused. So is what costs more than [`BCRYPT_COST_MAX`] or `ARGON2_WORK_KIB_MAX`:
//! one check is one computation that nothing interrupts.
//!
//! [Provos and Mazières 1999]: https://www.usenix.org/legacy/events/usenix99/provos.html
//! [RFC 9106]: https://www.rfc-editor.org/rfc/rfc9106

#![forbid(unsafe_code)]

mod argon;
mod blowfish;
mod hash;
mod limits;
mod unusable;
mod users;

pub use hash::Hash;
pub use limits::{
    BCRYPT_COST_MAX, BCRYPT_COST_MIN, BCRYPT_PASSWORD_BYTES_MAX, LINE_BYTES_MAX, PASSWORD_BYTES_MAX, SALT_BYTES,
    USERS_COUNT_MAX,
};
pub use unusable::{Cost, Unusable};
pub use users::{Fault, User, users};
