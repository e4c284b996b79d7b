//! The launches that have no reply yet, and the exits that came before one.

use std::collections::HashMap;

use fosse_eventloop::slab::Key;
use rustix::process::Pid;

use crate::children::process::{End, number_of};

/// A launch without a reply.
#[derive(Clone, Copy, Debug)]
struct Launch {
    child: Key,
    /// The zygote that was asked; else it was the fork server.
    zygote: Option<Key>,
}

/// The launches under way.
#[derive(Debug, Default)]
pub(crate) struct Launches {
    /// By token.
    launches: HashMap<u32, Launch>,
    next: u32,
    /// Exits of children whose launch has no reply yet, by process ID.
    early_exits: HashMap<u32, End>,
}

impl Launches {
    /// Goes on with the tokens of a predecessor.
    pub(crate) const fn go_on_from(&mut self, next: u32) {
        self.next = next;
    }

    /// Returns the token of the next launch.
    pub(crate) const fn next(&self) -> u32 {
        self.next
    }

    /// Returns whether a launch has no reply yet.
    pub(crate) fn await_reply(&self) -> bool {
        !self.launches.is_empty()
    }

    /// Notes that the launch with the next token was sent, for `child`, to `zygote` or to the fork
    /// server.
    pub(crate) fn sent(&mut self, child: Key, zygote: Option<Key>) {
        self.launches.insert(self.next, Launch { child, zygote });
        // A token tells apart the few launches under way; it may come again after four thousand
        // million others.
        self.next = self.next.wrapping_add(1);
    }

    /// Returns the child that the launch with this token was for.
    pub(crate) fn done(&mut self, token: u32) -> Option<Key> {
        self.launches.remove(&token).map(|launch| launch.child)
    }

    /// Forgets the launches that a zygote has not replied to, and returns the children they were
    /// for.
    pub(crate) fn lost(&mut self, zygote: Key) -> Vec<Key> {
        let of_zygote = self.launches.extract_if(|_, launch| launch.zygote == Some(zygote));
        of_zygote.map(|(_, launch)| launch.child).collect()
    }

    /// Keeps the exit of a child whose launch has no reply yet. Without such a launch it is nobody
    /// start knows (a child of the shell that start was executed by, an orphan where start is the
    /// first process of a container), and its number will be another's.
    pub(crate) fn exited_early(&mut self, pid: Pid, end: End) {
        if self.await_reply() {
            self.early_exits.insert(number_of(pid), end);
        }
    }

    /// Returns the exit that came before the reply with this process ID.
    pub(crate) fn early_exit(&mut self, pid: Pid) -> Option<End> {
        let exit = self.early_exits.remove(&number_of(pid));
        if !self.await_reply() {
            self.early_exits.clear();
        }
        exit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_of_a_stranger_is_no_exit_of_who_gets_its_number_later() {
        let (pid, other) = (Pid::from_raw(7).unwrap(), Pid::from_raw(8).unwrap());
        let (key, end) = (Key::of_token(1).1, End::Exit(0));
        let mut launches = Launches::default();
        launches.exited_early(pid, end);
        launches.sent(key, None);
        launches.exited_early(other, end);
        assert_eq!(launches.done(0), Some(key));
        assert_eq!(launches.early_exit(pid), None);
        // Nor is one that came while a launch had no reply, once none has.
        launches.sent(key, None);
        assert_eq!(launches.done(1), Some(key));
        assert_eq!(launches.early_exit(other), None);
    }

    #[test]
    fn with_a_zygote_go_the_launches_that_it_was_asked_for_alone() {
        let (zygote, one, two) = (Key::of_token(1).1, Key::of_token(2).1, Key::of_token(3).1);
        let mut launches = Launches::default();
        launches.sent(one, Some(zygote));
        launches.sent(two, None);
        assert_eq!(launches.lost(zygote), [one]);
        assert_eq!((launches.done(0), launches.done(1)), (None, Some(two)));
    }
}
