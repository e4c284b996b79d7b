//! The group of the programs that connect to backends: that of the configuration, and no other, as
//! the sockets of applications let it in.

use super::compare::{Role, role};
use super::kernel::Seen;
use crate::{check, running};

/// The group that an edge should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Configured {
    /// Its number; 0 where each process has one of its own.
    gid: u32,
    /// The configuration, for people.
    name: String,
}

/// Returns the group that the configuration of a running fosse-start names; `None` where this user
/// cannot read that, or it is wrong by now.
pub(crate) fn configured(start: u32) -> Option<Configured> {
    let configuration = running::configuration(start)?;
    let (_, plan) = configuration.compiled(&check::accounts()).ok()?;
    Some(Configured { gid: plan.group, name: configuration.name })
}

/// Returns the difference between a process's group and that of the configuration.
pub(crate) fn difference(seen: &Seen, start: &Seen, configured: Option<&Configured>) -> Option<String> {
    let Role::Program(expected) = role(seen, start) else { return None };
    let Configured { gid: wanted, name } = configured?;
    let (uid, gid) = (seen.uids.first()?, seen.gids.first()?);
    let is_root = start.uids.get(1) == Some(&0);
    let right = if *wanted == 0 { uid } else { wanted };
    if !is_root || !expected.shares_group || gid == right {
        return None;
    }
    Some(match wanted {
        0 => format!("its GID is {gid}, and {name} names no group"),
        wanted => format!("its GID is {gid}, and the group of {name} is {wanted}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_has_the_group_of_the_configuration_and_no_other() {
        let start = Seen { pid: 1, name: "fosse-start".into(), uids: vec![0; 4], ..Seen::default() };
        let process = |name: &str, gid| Seen {
            pid: 2,
            parent: 1,
            name: name.into(),
            uids: vec![70_001; 4],
            gids: vec![gid; 4],
            ..Seen::default()
        };
        let found = |name: &str, gid, wanted| {
            let configured = Configured { gid: wanted, name: "x.toml".into() };
            difference(&process(name, gid), &start, Some(&configured))
        };
        assert_eq!(found("fosse-connect", 44, 44), None);
        assert_eq!(found("fosse-connect", 70_001, 0), None);
        assert_eq!(found("fosse-parse", 70_001, 44), None);
        assert_eq!(found("fosse-connect", 43, 44).as_deref(), Some("its GID is 43, and the group of x.toml is 44"));
        assert_eq!(
            found("fosse-connect", 70_001, 44).as_deref(),
            Some("its GID is 70001, and the group of x.toml is 44")
        );
        assert_eq!(found("fosse-connect", 44, 0).as_deref(), Some("its GID is 44, and x.toml names no group"));
        assert_eq!(difference(&process("fosse-connect", 44), &start, None), None);
    }
}
