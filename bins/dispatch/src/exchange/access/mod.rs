//! Checks of who asks. A request whose policy has some waits for access after it was admitted: no
//! connection to its backend is taken, and its body gets no more credit than it began with, until
//! each of them has let it pass.
//!
//! A check decides at once, in [`checks`](super::checks), or puts a [`Question`] that is decided
//! later, by [`Lane::decided`](crate::lane::Lane). The questions of a request are put one after the
//! other.

mod ask;
mod decision;
mod login;
mod sign_in;
mod subrequest;

use std::collections::VecDeque;

use fosse_settings::Page;

pub(crate) use self::{
    ask::{Ask, read, send, went_bad_in_pool},
    decision::Reading,
    login::{Credentials, Digest, Login, challenge, given, too_many},
};

/// A field of a head: its name and its value.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// The checks of a request whose policy has some, as far as they have decided.
#[derive(Debug, Default)]
pub(crate) struct Access {
    /// All of them have let it pass. They never have of a request that was refused: nothing of it
    /// may ever go on.
    pub(super) has_passed: bool,
    /// Questions that are to be asked, the one that is out first.
    pub(super) questions: VecDeque<Question>,
    /// Offset in the bytes for the backend at which fields of checks are put in.
    pub(super) fields_at: usize,
    /// Fields that checks have for the client, besides those of the response.
    pub(super) response_fields: Vec<Field>,
}

/// A check that decides later.
#[derive(Debug)]
pub(crate) enum Question {
    /// The password of a user is checked, under this digest once it is.
    Password(Box<(Login, Option<Digest>)>),
    /// A server is asked.
    Server(Box<Ask>),
}

/// A decision about a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The request may go on.
    Pass(Given),
    /// Its client gets this response.
    Deny(Denial),
}

/// The fields that a check adds to what passes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// Those of the request. The policy names them (`Access::written_headers` of the settings), so
    /// that no client sets them.
    pub(crate) request_fields: Vec<Field>,
    /// Those of its response.
    pub(crate) response_fields: Vec<Field>,
}

/// The response of a check that lets a request not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) status: u16,
    pub(crate) fields: Vec<Field>,
    /// The body in place of the usual page.
    pub(crate) page: Option<Page>,
}
