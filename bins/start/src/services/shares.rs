//! The page of what lanes have of the limits that they share, and who has which column of it. It is
//! made once for the edge, so that old lanes count with new ones; after an upgrade in place it
//! begins empty.

use std::os::fd::OwnedFd;

use fosse_counters::{SHARE_COLUMNS, SHARES_PAGE_BYTES, share_column};
use fosse_die::alert;
use rustix::io::fcntl_dupfd_cloexec;

use crate::{
    PROGRAM,
    children::{Children, process::Process},
    lanes::Lanes,
    launch::spawn_options::SpawnOptions,
};

/// The descriptor on which a dispatch has it.
const DESCRIPTOR: u8 = 18;

/// Makes the page, where there is none, before the first lane.
pub(crate) fn make_page(lanes: &mut Lanes) {
    if lanes.shares.is_some() {
        return;
    }
    match fosse_sys::memfd::page("shared-limits", SHARES_PAGE_BYTES) {
        Ok(page) => lanes.shares = Some(page),
        // Each lane has the limits for itself.
        Err(errno) => alert(PROGRAM, format_args!("event=no-shared-limits error=\"{errno}\"")),
    }
}

/// Gives a dispatch the page and a column that nobody has.
pub(crate) fn give(lanes: &Lanes, children: &Children, options: &mut SpawnOptions) {
    let Some(page) = page(lanes) else { return };
    let is_free = |column: &u16| !children.iter().any(|(_, process)| process.column == Some(*column));
    if let Some(column) = (0..SHARE_COLUMNS).find(is_free) {
        options.fds.push((DESCRIPTOR, page));
        options.args.extend(["--column".to_owned(), column.to_string()]);
        options.column = Some(column);
    }
}

fn page(lanes: &Lanes) -> Option<OwnedFd> {
    lanes.shares.as_ref().and_then(|page| fcntl_dupfd_cloexec(page, 3).ok())
}

/// Empties the column of a process that is gone: what it had is free.
pub(crate) fn take_back(lanes: &Lanes, process: &Process) {
    if let (Some(page), Some(column)) = (&lanes.shares, process.column) {
        let (at, length) = share_column(column);
        if let Err(errno) = fosse_sys::memfd::clear(page, at, length) {
            alert(PROGRAM, format_args!("event=share-lost column={column} error=\"{errno}\""));
        }
    }
}
