//! The page of the states that people give to servers while the edge runs. It is made once, and
//! outlives every process, generation and start itself: fosse-status writes it, and the dispatch of
//! every lane reads it.

use std::os::fd::OwnedFd;

use fosse_counters::STATES_PAGE_BYTES;
use fosse_die::alert;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::{PROGRAM, lanes::Lanes, launch::spawn::read_only};

/// Makes the page, where there is none, before the first process that has it.
pub(crate) fn make_page(lanes: &mut Lanes) {
    if lanes.states.is_some() {
        return;
    }
    match fosse_sys::memfd::page("server-states", STATES_PAGE_BYTES) {
        Ok(page) => lanes.states = Some(page),
        // Servers are as the configuration has them.
        Err(errno) => alert(PROGRAM, format_args!("event=no-server-states error=\"{errno}\"")),
    }
}

/// Returns the page for a lane, which may read it alone.
pub(crate) fn page_for_lane(lanes: &Lanes) -> Option<OwnedFd> {
    lanes.states.as_ref().and_then(|page| read_only(page).ok())
}

/// Returns the page for fosse-status, which writes it.
///
/// # Errors
/// Those of fcntl(2).
pub(crate) fn page_for_status(lanes: &Lanes) -> Result<Option<OwnedFd>, Errno> {
    lanes.states.as_ref().map(|page| fcntl_dupfd_cloexec(page, 3)).transpose()
}
