//! The identity of a process: an ordinary user without groups or capabilities, for good.

use nix::unistd::{Gid, Uid, getresgid, getresuid, setgroups, setresgid, setresuid};
use rustix::process::getgroups;
use rustix::thread::{CapabilitiesSecureBits, capabilities_secure_bits, set_capabilities_secure_bits};

use crate::capabilities;
use crate::refusal::{Attempt, Refusal, Report};

/// The UID and GID a program run by root in a shell drops to: nobody and nogroup everywhere.
pub const NOBODY: u32 = 65_534;

/// Root gains nothing by being root, UID changes keep no capabilities, and none of that can be
/// undone.
const SECURE_BITS: CapabilitiesSecureBits = CapabilitiesSecureBits::NO_ROOT
    .union(CapabilitiesSecureBits::NO_ROOT_LOCKED)
    .union(CapabilitiesSecureBits::NO_SETUID_FIXUP)
    .union(CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED)
    .union(CapabilitiesSecureBits::KEEP_CAPS_LOCKED)
    .union(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE)
    .union(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED);

/// Becomes `uid` and `gid` with no groups and no capability in any set, irrevocably, and verifies
/// it. For a child between fork and exec, and for programs run by root. Needs SETUID, SETGID and
/// SETPCAP.
pub fn become_user(uid: u32, gid: u32) -> Result<(), Refusal> {
    // In this order: dropping the bounding set needs SETPCAP, groups and GID need SETGID, and the
    // UID goes last but for the capabilities, which NO_SETUID_FIXUP keeps until then.
    if uid == 0 || gid == 0 {
        return Err(Refusal::new("identity", "UID and GID 0 are not for dropping to"));
    }
    set_capabilities_secure_bits(SECURE_BITS).attempt("securebits")?;
    capabilities::drop_bounding_except(&[])?;
    capabilities::clear_ambient()?;
    setgroups(&[]).attempt("setgroups")?;
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    setresgid(group, group, group).attempt("setresgid")?;
    setresuid(user, user, user).attempt("setresuid")?;
    capabilities::set(&[])?;
    verify()?;
    let now = getresuid().attempt("identity")?;
    if now.real != user || getresgid().attempt("identity")?.real != group || !is_bare()? {
        return Err(Refusal::new("identity", "the kernel did not keep it"));
    }
    Ok(())
}

/// Makes this process an ordinary user without capabilities, whatever it was started as.
pub(crate) fn leave(report: &mut Report) -> Result<(), Refusal> {
    if getresuid().attempt("identity")?.effective.is_root() {
        return become_user(NOBODY, NOBODY);
    }
    // An ordinary user who was given capabilities (by file or ambient) keeps none of them.
    capabilities::clear_ambient()?;
    capabilities::set(&[])?;
    verify()?;
    if !is_bare()? {
        report.lacks("identity: started by an ordinary user, whose groups and capability bounding set stay");
    }
    Ok(())
}

/// Checks that there is no way back: three equal IDs that are not root's, no capability, and the
/// kernel refuses to make it root again.
fn verify() -> Result<(), Refusal> {
    let wrong = |what: &str| Err(Refusal::new("identity", what));
    let (user, group) = (getresuid().attempt("identity")?, getresgid().attempt("identity")?);
    if user.real != user.effective || user.real != user.saved || user.real.is_root() {
        return wrong("the three UIDs differ or are root's");
    }
    if group.real != group.effective || group.real != group.saved || group.real == Gid::from_raw(0) {
        return wrong("the three GIDs differ or are root's");
    }
    if capabilities::exceeds(&[])? {
        return wrong("capabilities are left");
    }
    let root = Uid::from_raw(0);
    if setresuid(root, root, root).is_ok() {
        return wrong("the kernel would make it root again");
    }
    Ok(())
}

/// Returns whether there are no groups, no capability that could come back, and no way to loosen
/// that.
fn is_bare() -> Result<bool, Refusal> {
    let bits = capabilities_secure_bits().attempt("securebits")?;
    Ok(!capabilities::can_return(&[])? && bits.contains(SECURE_BITS) && getgroups().attempt("getgroups")?.is_empty())
}
