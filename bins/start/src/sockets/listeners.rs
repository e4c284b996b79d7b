//! The listening sockets of an edge: which of them stay over a reload, and with what rights.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use fosse_plan::{Listener, Place, Plan};

use crate::{
    launch::uid_range::UidRange,
    sockets::{
        activation::NamedSocket,
        port_finder::PortFinder,
        socket::{Open, is_same_socket, not_opened, open, remove_files, set_rights},
    },
};

/// The listening sockets of the edge.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// Those of the current generation, in the order of its plan.
    pub open: Vec<Open>,
    /// Those of a supervisor.
    pub handed: Vec<NamedSocket>,
    /// Those of status: the unix socket and the TCP socket.
    pub status: [Option<Open>; 2],
    /// Those that hold the edge's user IDs; none where start is not root.
    pub uids: Option<UidRange>,
    /// Says who has a port, until the edge serves.
    pub port_finder: Option<PortFinder>,
}

impl Listeners {
    /// Opens the listeners of a plan, beside those that are open.
    ///
    /// # Errors
    /// The step, the place and the error.
    pub(crate) fn open_all(&self, plan: &Plan, public: bool) -> Result<Vec<Open>, String> {
        let mut opened = Vec::new();
        for listener in &plan.listeners {
            match open(listener, &self.handed, &self.open, public) {
                Ok(open) => opened.push(open),
                Err(why) => {
                    remove_files(&opened, &self.open);
                    return Err(why.explained(self.port_finder.as_ref(), &listener.place));
                }
            }
        }
        Ok(opened)
    }

    /// Gives status the sockets of a plan. Returns whether any is another than before, and what
    /// could not be done: there the one before stays, the plan has that, and everything else works.
    pub(crate) fn renew_status(&mut self, plan: &mut Plan, public: bool) -> (bool, Vec<String>) {
        let [unix, tcp] = &mut self.status;
        let finder = self.port_finder.as_ref();
        let renewed = [
            renew(unix, &mut plan.status_socket, public, finder),
            renew(tcp, &mut plan.status_address, public, finder),
        ];
        let is_other = renewed.contains(&Ok(true));
        (is_other, renewed.into_iter().filter_map(Result::err).collect())
    }

    /// Gives the socket files that stay the owners and the modes of the plan in force. Those of a
    /// supervisor are its own. Returns what could not be done.
    pub(crate) fn renew_rights(&self, plan: &Plan, before: &[Open]) -> Vec<String> {
        let is_ours = |name: &[u8]| name.is_empty() || !self.handed.iter().any(|(handed, _)| handed == name);
        let is_other =
            |place: &Place| before.iter().any(|open| is_same_socket(&open.place, place) && open.place != *place);
        let mut failed = Vec::new();
        for Listener { name, place, .. } in plan.listeners.iter().filter(|listener| is_other(&listener.place)) {
            if let (true, Place::Unix { path, owner, group, mode }) = (is_ours(name), place)
                && let Err(errno) = set_rights(Path::new(OsStr::from_bytes(path)), *owner, *group, *mode)
            {
                failed.push(not_opened("set owner and mode of", place, errno));
            }
        }
        failed
    }

    /// Takes the user IDs of the first plan, in place of those that it was compiled by. Returns the
    /// first of them: another where `may_be_others` and those of the plan are another edge's.
    ///
    /// # Errors
    /// The reason that they cannot be had.
    pub(crate) fn claim_uids(&mut self, first: u32, may_be_others: bool) -> Result<u32, String> {
        if self.uids.as_ref().is_none_or(|range| range.first != first) {
            // Given up first: the two may overlap.
            self.uids = None;
            let range = if may_be_others { UidRange::next_free(first) } else { UidRange::take(first) };
            let why = |taken| format!("user IDs from {first} on {taken}; give this edge others with uid_base");
            self.uids = Some(range.map_err(why)?);
        }
        Ok(self.uids.as_ref().map_or(first, |range| range.first))
    }

    /// Removes all socket files.
    pub(crate) fn remove_all_files(&self) {
        remove_files(&self.open, &[]);
        self.status.iter().for_each(|open| remove_files(open.as_slice(), &[]));
    }
}

/// Puts the socket of a place where another one may be, which is closed then. Returns whether it is
/// another one, and not the same with other rights.
///
/// # Errors
/// The step, the place and the error. The one before stays, and `wanted` is its place.
fn renew(
    socket: &mut Option<Open>,
    wanted: &mut Option<Place>,
    public: bool,
    finder: Option<&PortFinder>,
) -> Result<bool, String> {
    if socket.as_ref().map(|open| &open.place) == wanted.as_ref() {
        return Ok(false);
    }
    let before = socket.as_ref().map(|open| open.place.clone());
    let next = match wanted {
        None => None,
        Some(place) => match open_with_rights(place, socket.as_slice(), public, finder) {
            Ok(next) => Some(next),
            Err(why) => {
                *wanted = before;
                return Err(why);
            }
        },
    };
    let gone = std::mem::replace(socket, next);
    remove_files(gone.as_slice(), socket.as_slice());
    let stays = |gone: Open| socket.as_ref().is_some_and(|next| is_same_socket(&gone.place, &next.place));
    Ok(!gone.is_some_and(stays))
}

/// Opens a socket of our own, and gives one that stays the rights of its place.
fn open_with_rights(place: &Place, before: &[Open], public: bool, finder: Option<&PortFinder>) -> Result<Open, String> {
    let next = open(&Listener::at(place.clone()), &[], before, public);
    let next = next.map_err(|why| why.explained(finder, place))?;
    if let Place::Unix { path, owner, group, mode } = place {
        let set = set_rights(Path::new(OsStr::from_bytes(path)), *owner, *group, *mode);
        set.map_err(|errno| not_opened("set owner and mode of", place, errno))?;
    }
    Ok(next)
}
