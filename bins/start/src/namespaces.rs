//! Empty namespaces for everything that needs nothing of the host, and few capabilities for those
//! who make processes.

use rustix::{
    fs::Mode,
    io::Errno,
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, mount_remount, unmount},
    process::{chdir, pivot_root},
    thread::{CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set, set_capabilities},
};

/// What making a process needs: another UID and GID, an empty bounding set, and the right to end
/// it.
const SPAWN: CapabilitySet =
    CapabilitySet::SETUID.union(CapabilitySet::SETGID).union(CapabilitySet::SETPCAP).union(CapabilitySet::KILL);

/// What start itself needs beyond that: low ports, and socket files with an owner and a mode.
const LISTEN: CapabilitySet = CapabilitySet::NET_BIND_SERVICE
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::DAC_OVERRIDE);

/// Leaves the host's network, IPC and files: an empty, read-only root is all that is left to see.
///
/// # Errors
/// The first call the kernel refuses; what was left before that stays left.
pub(crate) fn empty() -> Result<(), Errno> {
    fosse_sys::process::unshare_namespaces()?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("none", "/proc", "tmpfs", flags, Some(c"size=0,mode=555"))?;
    chdir("/proc")?;
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")?;
    mount_remount("/", flags | MountFlags::RDONLY, c"")?;
    rustix::process::umask(Mode::from_raw_mode(0o077));
    Ok(())
}

/// Keeps what making processes needs and nothing else: for the fork server.
pub(crate) fn keep_spawn_capabilities() {
    keep(SPAWN);
}

/// Keeps what making processes and listening need and nothing else: for start once the fork server
/// lives. SYS_ADMIN is gone.
pub(crate) fn keep_start_capabilities() {
    keep(SPAWN | LISTEN);
}

fn keep(kept: CapabilitySet) {
    let Ok(now) = capabilities(None) else { return };
    for bit in (0..u64::BITS).filter_map(|bit| 1u64.checked_shl(bit)).map(CapabilitySet::from_bits_retain) {
        if !kept.contains(bit) && remove_capability_from_bounding_set(bit) == Err(Errno::INVAL) {
            break;
        }
    }
    let kept = now.permitted & kept;
    let _ = set_capabilities(
        None,
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
    );
}
