//! The page of what sources were sent of late, which the parse of every lane reads and writes. It
//! is made once for the edge, so that a reload gives nobody a fresh start; after an upgrade in
//! place it begins empty.

use std::os::fd::OwnedFd;

use fosse_counters::RATES_PAGE_BYTES;
use fosse_die::alert;
use rustix::io::fcntl_dupfd_cloexec;

use crate::{PROGRAM, lanes::Lanes};

/// Makes the page, where there is none, before the first lane. What nobody writes takes no memory.
pub(crate) fn make_page(lanes: &mut Lanes) {
    if lanes.rates.is_some() {
        return;
    }
    match fosse_sys::memfd::page("source-rates", RATES_PAGE_BYTES) {
        Ok(page) => lanes.rates = Some(page),
        // Each lane counts for itself.
        Err(errno) => alert(PROGRAM, format_args!("event=no-source-rates error=\"{errno}\"")),
    }
}

/// Returns the page for a lane.
pub(crate) fn page_for_lane(lanes: &Lanes) -> Option<OwnedFd> {
    lanes.rates.as_ref().and_then(|page| fcntl_dupfd_cloexec(page, 3).ok())
}
