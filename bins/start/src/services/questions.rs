//! The page in which fosse-status asks all lanes about their connections. It is made once, and
//! outlives every process and generation; after an upgrade in place it is a new one.

use std::os::fd::OwnedFd;

use fosse_counters::QUESTION_PAGE_BYTES;
use fosse_die::alert;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::{PROGRAM, lanes::Lanes, launch::spawn::read_only};

/// Makes the page, where there is none, before the first process that has it.
pub(crate) fn make_page(lanes: &mut Lanes) {
    if lanes.questions.is_some() {
        return;
    }
    match fosse_sys::memfd::page("questions", QUESTION_PAGE_BYTES) {
        Ok(page) => lanes.questions = Some(page),
        // Nobody can see or end connections.
        Err(errno) => alert(PROGRAM, format_args!("event=no-questions error=\"{errno}\"")),
    }
}

/// Returns the page for a lane, which may read it alone.
pub(crate) fn page_for_lane(lanes: &Lanes) -> Option<OwnedFd> {
    lanes.questions.as_ref().and_then(|page| read_only(page).ok())
}

/// Returns the page for fosse-status, which writes it.
///
/// # Errors
/// Those of fcntl(2).
pub(crate) fn page_for_status(lanes: &Lanes) -> Result<Option<OwnedFd>, Errno> {
    lanes.questions.as_ref().map(|page| fcntl_dupfd_cloexec(page, 3)).transpose()
}
