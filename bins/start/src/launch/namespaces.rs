//! Empty namespaces for the programs that need nothing of the host, and few capabilities for the
//! processes that make others.

use fosse_lockdown::{
    Refusal,
    capabilities::{SPAWN, START, keep},
};
use rustix::{
    fs::Mode,
    io::Errno,
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, mount_remount, unmount},
    process::{chdir, pivot_root},
};

/// Leaves the host's network, IPC and files: an empty, read-only root is all that is left to see.
///
/// # Errors
/// The first call that the kernel refuses; the namespaces left before that stay left.
pub(crate) fn empty() -> Result<(), Errno> {
    fosse_sys::process::unshare_namespaces()?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("none", "/proc", "tmpfs", flags, Some(c"size=0,mode=555"))?;
    chdir("/proc")?;
    // The old root lies on top of the new one at the same place, and is unmounted by that name
    // (pivot_root(2), "pivot_root(., .)").
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")?;
    mount_remount("/", flags | MountFlags::RDONLY, c"")?;
    rustix::process::umask(Mode::from_raw_mode(0o077));
    Ok(())
}

/// Gives up every capability but those of the fork server.
///
/// # Errors
/// The step that the kernel refuses.
pub(crate) fn keep_spawn_capabilities() -> Result<(), Refusal> {
    keep(SPAWN)
}

/// Gives up every capability but those of start, SYS_ADMIN among them: once the fork server has its
/// namespaces.
///
/// # Errors
/// The step that the kernel refuses.
pub(crate) fn keep_start_capabilities() -> Result<(), Refusal> {
    keep(START)
}
