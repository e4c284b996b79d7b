//! `--check`: a reload up to the point where something would serve. fosse-config, fosse-load and
//! the zygote run as they would, by the same code and as users with as few rights; nothing listens,
//! no log is written, and a running edge does not notice.

use fosse_die::warning;

use crate::{PROGRAM, limits};

/// Processes of a check that live at a time, and a few more.
const SLOTS_COUNT: usize = 8;

/// Returns the slots of user IDs, with those that are taken. An edge that runs beside the check
/// takes the lowest, so a check takes the highest: two living processes share no user ID.
pub(crate) fn slots(check: bool) -> Vec<bool> {
    let taken = if check { limits::SLOTS_MAX - SLOTS_COUNT } else { 0 };
    (0..limits::SLOTS_MAX).map(|slot| slot < taken).collect()
}

/// Tells an ordinary user the limits of this start.
pub(crate) fn tell_ordinary_user(check: bool) {
    if check {
        warning(
            PROGRAM,
            "checked by an ordinary user: files are read with this user's rights, and whether log files can be written and \
             listeners opened is known only to a check by root",
        );
    } else {
        warning(
            PROGRAM,
            "event=ordinary-user note=\"all programs share this UID, with its groups and its capability bounding set; listening \
             on loopback and unix sockets only\"",
        );
    }
}

/// Ends a check in which everything is as it should be.
pub(crate) fn passed() -> ! {
    std::process::exit(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_takes_none_of_the_slots_that_an_edge_takes_first() {
        let first_free = |slots: &[bool]| slots.iter().position(|taken| !taken);
        assert_eq!(first_free(&slots(false)), Some(0));
        let check = slots(true);
        assert_eq!(first_free(&check), Some(limits::SLOTS_MAX - SLOTS_COUNT));
        assert_eq!(check.len(), limits::SLOTS_MAX);
    }
}
