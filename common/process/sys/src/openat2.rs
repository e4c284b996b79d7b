//! openat2(2) in the words of an administrator. It has no substitute: a walk of one's own races
//! with renames.

use std::fmt;

use rustix::io::Errno;

/// An error of openat2(2). A system call filter around the program cannot look at its arguments,
/// which lie in memory, so some forbid the call: it fails with ENOSYS (systemd's
/// `RestrictSUIDSGID`, containers of before 2020) or EPERM. The bare words of those errors would
/// send people to the file, with which nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Openat2Error(pub Errno);

impl fmt::Display for Openat2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Errno::NOSYS => f.write_str(
                "openat2(2) is forbidden here, by a service manager or a container; let it through \
                 (a systemd unit needs RestrictSUIDSGID=no)",
            ),
            Errno::PERM => {
                write!(f, "{}; if a service manager or a container filters openat2(2), let it through", self.0)
            }
            errno => write!(f, "{errno}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_a_filter_took_away_says_who_gives_it_back() {
        let said = Openat2Error(Errno::NOSYS).to_string();
        assert!(said.contains("openat2(2)") && said.contains("RestrictSUIDSGID=no"), "{said}");
        assert!(Openat2Error(Errno::PERM).to_string().contains("filters openat2(2)"));
        assert_eq!(Openat2Error(Errno::ROFS).to_string(), Errno::ROFS.to_string());
    }
}
