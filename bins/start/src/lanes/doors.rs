//! The doors of a lane: the channels that its connections come over.

use std::os::fd::OwnedFd;

use fosse_wire::start::Door;
use rustix::io::Errno;

/// The ends of a door's channel.
#[derive(Debug)]
pub(crate) struct DoorEnds {
    pub door: Door,
    /// accept's end; start keeps it so that a new accept can have it. `None` at the very end.
    pub accept: Option<OwnedFd>,
    /// The end that its stage reads: what one that is gone has not read goes on to others. `None`
    /// where nothing is to go on.
    pub stage: Option<OwnedFd>,
    /// An accept was given it.
    pub given: bool,
}

impl DoorEnds {
    /// Takes the two ends of the channel of a door. Returns a copy of that which the stage gets.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub(crate) fn of(door: Door, (accept, stage): (OwnedFd, OwnedFd)) -> Result<(Self, OwnedFd), Errno> {
        let copy = rustix::io::fcntl_dupfd_cloexec(&stage, 3)?;
        Ok((Self { door, accept: Some(accept), stage: Some(stage), given: false }, copy))
    }
}
