//! The loop of the fork server and of zygotes: launches in, a clone for each, replies out.

use std::os::fd::OwnedFd;

use fosse_die::temporary;
use fosse_fdpass::Received;
use fosse_sys::process::{Fork, clone_parent, exit_now};
use fosse_wire::{
    launch::Launch,
    start::{MESSAGE_BYTES, ToChild, ToStart},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{Child, LAUNCH_BYTES_MAX};

/// Serves launches until start is gone or tells it to drain. Returns in the new processes only.
/// Before each wait `every` is called; a wait lasts `tick` at most, if there is one. `extra`
/// descriptors of a launch come before those that have a target.
pub fn serve(
    program: &'static str,
    channel: &OwnedFd,
    extra: usize,
    tick: Option<Timespec>,
    mut every: impl FnMut(),
) -> Child {
    let mut bytes = [0; LAUNCH_BYTES_MAX];
    loop {
        let mut fds = Vec::new();
        let count = match fosse_fdpass::receive(channel, &mut bytes, &mut fds) {
            Ok(Received::Message(count)) => count,
            Ok(Received::End) => exit_now(0),
            Ok(Received::Nothing) => {
                every();
                match poll(&mut [PollFd::new(channel, PollFlags::IN)], tick.as_ref()) {
                    Ok(_) | Err(Errno::INTR) => continue,
                    Err(errno) => temporary(program, format_args!("launches: unable to wait: {errno}")),
                }
            }
            Err(errno) => temporary(program, format_args!("launches: unable to read: {errno}")),
        };
        let message = &bytes[..count];
        if count == MESSAGE_BYTES && ToChild::decode(message, fds.len()) == Ok(ToChild::Drain) {
            exit_now(0);
        }
        let Ok(launch) = Launch::decode(message) else { temporary(program, "launches: malformed launch") };
        if launch.targets.len().checked_add(extra) != Some(fds.len()) {
            temporary(program, "launches: launch with the wrong number of descriptors");
        }
        // The child is start's: start alone reaps, so no process ID comes back while start means
        // it.
        let reply = match clone_parent() {
            Ok(Fork::Child) => return Child::new(program, message, fds),
            Ok(Fork::Parent(pid)) => {
                ToStart::Started { token: launch.token, pid: pid.as_raw_nonzero().get().unsigned_abs(), errno: 0 }
            }
            Err(errno) => ToStart::Started {
                token: launch.token,
                pid: 0,
                errno: u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX),
            },
        };
        if fosse_fdpass::send(channel, &reply.encode(), &[]).is_err() {
            exit_now(0);
        }
    }
}
