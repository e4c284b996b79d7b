//! The second layer: Landlock, with everything handled that this kernel knows and next to nothing
//! allowed.

use std::collections::BTreeSet;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::policy::Reach;
use crate::refusal::Report;
use crate::{Bind, Grant};

/// The newest version of Landlock whose every right has been considered here (Linux 7.1,
/// ResolveUnix).
const KNOWN: ABI = ABI::V9;

/// The rights that each version added, up to the version that counts as the full set. Later ones
/// add audit flags (7), threads (8) and unix sockets by path (9), which only the one program that
/// may connect could reach.
const BROUGHT: &[(ABI, &str)] = &[
    (ABI::V3, "truncating files (Linux 6.2)"),
    (ABI::V4, "TCP bind and connect (Linux 6.7)"),
    (ABI::V5, "ioctl on devices (Linux 6.10)"),
    (ABI::V6, "signals and abstract unix sockets (Linux 6.12)"),
];

/// Restricts this thread (the only one) as far as the kernel can, and reports what it cannot.
pub(crate) fn restrict(reach: &[Reach], readable: &[Grant<'_>], report: &mut Report) {
    let status = match apply(reach, readable) {
        Ok(status) => status,
        Err(error) => return report.lacks(format!("landlock: {error}")),
    };
    match status.landlock {
        LandlockStatus::NotImplemented => report.lacks("landlock: this kernel has none (Linux 5.13)"),
        LandlockStatus::NotEnabled => {
            report.lacks("landlock: switched off at boot (add landlock to the lsm= kernel option)");
        }
        LandlockStatus::Available { effective_abi, .. } => report_version(effective_abi, report),
    }
}

/// Leaves this thread (the only one) TCP connects to these ports alone, and what it may `bind`. On
/// a kernel that knows no ports nothing changes, which [`restrict`] has reported.
pub(crate) fn connect_to_ports(ports: &BTreeSet<u16>, bind: Bind) -> Result<(), RulesetError> {
    let created =
        Ruleset::default().handle_access(AccessNet::ConnectTcp)?.handle_access(AccessNet::BindTcp)?.create()?;
    let to = ports.iter().map(|port| NetPort::new(*port, AccessNet::ConnectTcp));
    let from = (bind == Bind::Addresses).then(|| NetPort::new(0, AccessNet::BindTcp));
    let rules = to.chain(from).map(Ok::<_, RulesetError>);
    // It is set since before the first layer, and prctl(2) is not to be called any more.
    created.add_rules(rules)?.no_new_privs(false).restrict_self().map(drop)
}

fn report_version(abi: ABI, report: &mut Report) {
    let missing: Vec<&str> = BROUGHT.iter().filter(|(since, _)| abi < *since).map(|(_, what)| *what).collect();
    if !missing.is_empty() {
        report.lacks(format!("landlock: version {abi} does not restrict {}", missing.join(", ")));
    }
}

fn apply(reach: &[Reach], readable: &[Grant<'_>]) -> Result<RestrictionStatus, RulesetError> {
    // Best effort is the crate's default: rights that this kernel does not know are left out, and
    // the status says which version was applied.
    let (mut files, mut net) = (AccessFs::from_all(KNOWN), AccessNet::from_all(KNOWN));
    for opening in reach {
        match opening {
            Reach::ConnectTcp(_) => net &= !BitFlags::from(AccessNet::ConnectTcp),
            Reach::BindTcp(_) => net &= !BitFlags::from(AccessNet::BindTcp),
            Reach::ConnectUnix(_) => files &= !BitFlags::from(AccessFs::ResolveUnix),
        }
    }
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut ruleset = Ruleset::default().handle_access(files)?.scope(Scope::from_all(KNOWN))?;
    // To handle nothing of a kind is an error.
    if !net.is_empty() {
        ruleset = ruleset.handle_access(net)?;
    }
    let created = ruleset.create()?;
    let granted = readable.iter().map(|place| Ok::<_, RulesetError>(PathBeneath::new(place, read)));
    created.add_rules(granted)?.restrict_self()
}
