//! Capability sets: of a program, which keeps none, and of a launcher, which keeps a few.
//!
//! The crate caps sets the effective, permitted and inheritable sets and clears the ambient set.
//! What it does not cover is done through rustix:
//!
//! - The bounding set. caps knows the capabilities that Linux has today (up to
//!   CAP_CHECKPOINT_RESTORE, 40); one that a later kernel adds would stay. Here each is dropped
//!   until the kernel knows no more.
//! - Reading back, for the same reason: what is left is looked at as the whole 64 bits of the
//!   kernel. So what one implementation has set another verifies.
//! - Securebits ([`crate::identity`]): caps has the keepcaps flag alone.
//! - no_new_privs and the dumpable flag ([`crate::try_enter`]): no capability sets.
//! - The sets of another process. caps asks capget(2), which has three of the five; `fosse audit`
//!   reads all five from /proc.

use caps::{CapSet, CapsHashSet, errors::CapsError};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, capabilities, capability_is_in_ambient_set, capability_is_in_bounding_set,
    remove_capability_from_bounding_set,
};

use crate::refusal::{Attempt, Refusal};

pub use caps::Capability;

/// The capabilities that making a process needs: another UID and GID, an empty bounding set, and
/// the right to end it.
pub const SPAWN: &[Capability] =
    &[Capability::CAP_SETUID, Capability::CAP_SETGID, Capability::CAP_SETPCAP, Capability::CAP_KILL];

/// The capabilities of start: to make processes, to bind low ports, to make socket files with an
/// owner and a mode, and to set the scheduling policy of other users' processes.
pub const START: &[Capability] = &[
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_KILL,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_CHOWN,
    Capability::CAP_FOWNER,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_SYS_NICE,
];

/// Keeps `kept`, as far as this process has them, in the effective, permitted and bounding sets,
/// and nothing else in any set. Needs SETPCAP. For launchers.
///
/// # Errors
/// The step that the kernel refuses, or has not kept.
pub fn keep(kept: &[Capability]) -> Result<(), Refusal> {
    drop_bounding_except(kept)?;
    clear_ambient()?;
    set(kept)?;
    if exceeds(kept)? || can_return(kept)? {
        return Err(Refusal::new("capabilities", "the kernel did not drop them"));
    }
    Ok(())
}

/// Sets the effective and permitted sets to what this process has of `kept`, and empties the
/// inheritable set.
pub(crate) fn set(kept: &[Capability]) -> Result<(), Refusal> {
    let permitted = caps::read(None, CapSet::Permitted).attempt("capget")?;
    let kept: CapsHashSet = kept.iter().copied().filter(|one| permitted.contains(one)).collect();
    // In this order: capset(2) refuses a permitted set that lacks what is effective.
    caps::set(None, CapSet::Effective, &kept).attempt("capset")?;
    caps::set(None, CapSet::Permitted, &kept).attempt("capset")?;
    caps::clear(None, CapSet::Inheritable).attempt("capset")
}

pub(crate) fn clear_ambient() -> Result<(), Refusal> {
    caps::clear(None, CapSet::Ambient).attempt("ambient set")
}

/// Drops one capability after the other from the bounding set until the kernel knows no more
/// (EINVAL).
pub(crate) fn drop_bounding_except(kept: &[Capability]) -> Result<(), Refusal> {
    let kept = mask(kept);
    for capability in every_capability().filter(|one| !kept.contains(*one)) {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            Err(Errno::INVAL) => return Ok(()),
            Err(errno) => return Err(errno).attempt("bounding set"),
        }
    }
    Ok(())
}

/// Returns whether the effective or permitted set holds more than `kept`, or the inheritable set
/// anything.
pub(crate) fn exceeds(kept: &[Capability]) -> Result<bool, Refusal> {
    let now = capabilities(None).attempt("capget")?;
    Ok(!mask(kept).contains(now.effective | now.permitted) || !now.inheritable.is_empty())
}

/// Returns whether a capability that this kernel knows could come back by exec(2): one beyond
/// `kept` is in the bounding set, or any in the ambient set.
pub(crate) fn can_return(kept: &[Capability]) -> Result<bool, Refusal> {
    let kept = mask(kept);
    // The first must be known: below, an error is the end of what this kernel knows.
    capability_is_in_bounding_set(CapabilitySet::CHOWN).attempt("bounding set")?;
    let mut known = every_capability().map_while(|one| {
        let is_bounding = capability_is_in_bounding_set(one).ok()?;
        let is_ambient = capability_is_in_ambient_set(one).ok()?;
        Some(is_bounding && !kept.contains(one) || is_ambient)
    });
    Ok(known.any(|one| one))
}

fn mask(capabilities: &[Capability]) -> CapabilitySet {
    CapabilitySet::from_bits_retain(capabilities.iter().fold(0, |all, one| all | one.bitmask()))
}

fn every_capability() -> impl Iterator<Item = CapabilitySet> {
    (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit))
}

impl<T> Attempt<T> for Result<T, CapsError> {
    fn attempt(self, step: &'static str) -> Result<T, Refusal> {
        self.map_err(|error| Refusal::new(step, error.to_string()))
    }
}
