//! The page in which fosse-acme shows when certificates are renewed. It is made once, and outlives
//! every process and generation; after an upgrade in place it is a new one.

use std::os::fd::OwnedFd;

use fosse_counters::RENEWALS_PAGE_BYTES;
use fosse_die::alert;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use crate::{PROGRAM, lanes::Lanes, launch::spawn::read_only};

/// Makes the page, where there is none, before the first process that has it.
pub(crate) fn make_page(lanes: &mut Lanes) {
    if lanes.renewals.is_some() {
        return;
    }
    match fosse_sys::memfd::page("renewals", RENEWALS_PAGE_BYTES) {
        Ok(page) => lanes.renewals = Some(page),
        // Nobody can see when certificates are renewed; they are all the same.
        Err(errno) => alert(PROGRAM, format_args!("event=no-renewals error=\"{errno}\"")),
    }
}

/// Returns the page for fosse-status, which may read it alone.
pub(crate) fn page_for_status(lanes: &Lanes) -> Option<OwnedFd> {
    lanes.renewals.as_ref().and_then(|page| read_only(page).ok())
}

/// Returns the page for fosse-acme, which writes it.
///
/// # Errors
/// Those of fcntl(2).
pub(crate) fn page_for_acme(lanes: &Lanes) -> Result<Option<OwnedFd>, Errno> {
    lanes.renewals.as_ref().map(|page| fcntl_dupfd_cloexec(page, 3)).transpose()
}
