//! The listeners: where each of them is, and what is asked of the kernel for it.

use fosse_wire::{
    WireError,
    cursor::{Cursor, put_short},
};

use crate::take_bool;

/// Bytes of a unix socket's path (unix(7), sun_path with its final NUL).
pub const PATH_BYTES_MAX: usize = 107;

/// Address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// IPv6 or IPv4-mapped address, and port.
    Tcp {
        /// Address, network order.
        addr: [u8; 16],
        /// Port.
        port: u16,
    },
    /// A socket file that start makes and removes.
    Unix {
        /// Its path.
        path: Vec<u8>,
        /// Owner, `u32::MAX` for start's own.
        owner: u32,
        /// Group, `u32::MAX` for start's own.
        group: u32,
        /// Permission bits.
        mode: u32,
    },
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Name a supervisor may hand the socket over by (LISTEN_FDNAMES).
    pub name: Vec<u8>,
    /// Its address.
    pub place: Place,
    /// Connections that may wait to be accepted; 0 for start's own number, and for that of a
    /// supervisor's socket.
    pub backlog: u32,
    /// Idle time after which the kernel asks a client whether it is there; 0 for never.
    pub keepalive_seconds: u16,
    /// The address need not be one of this machine.
    pub freebind: bool,
}

impl Listener {
    /// A listener at that place, with nothing asked of the kernel.
    #[must_use]
    pub const fn at(place: Place) -> Self {
        Self { name: Vec::new(), place, backlog: 0, keepalive_seconds: 0, freebind: false }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        put_short(out, &self.name, "name")?;
        self.place.put(out)?;
        out.extend_from_slice(&self.backlog.to_le_bytes());
        out.extend_from_slice(&self.keepalive_seconds.to_le_bytes());
        out.push(u8::from(self.freebind));
        Ok(())
    }

    pub(crate) fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        let (name, place) = (c.short_bytes()?.to_vec(), Place::take(c)?);
        let (backlog, keepalive_seconds) = (c.u32()?, c.u16()?);
        Ok(Self { name, place, backlog, keepalive_seconds, freebind: take_bool(c, "freebind")? })
    }
}

impl Place {
    pub(crate) fn put(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Tcp { addr, port } => {
                out.push(0);
                out.extend_from_slice(addr);
                out.extend_from_slice(&port.to_le_bytes());
                Ok(())
            }
            Self::Unix { path, owner, group, mode } => {
                out.push(1);
                for number in [owner, group, mode] {
                    out.extend_from_slice(&number.to_le_bytes());
                }
                put_short(out, path, "path")
            }
        }
    }

    pub(crate) fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        match c.u8()? {
            0 => Ok(Self::Tcp { addr: c.array()?, port: c.u16()? }),
            1 => {
                let (owner, group, mode) = (c.u32()?, c.u32()?, c.u32()?);
                let path = c.short_bytes()?.to_vec();
                if mode > 0o777 || path.is_empty() || path.len() > PATH_BYTES_MAX || path.contains(&0) {
                    return Err(WireError::Field("unix listener"));
                }
                Ok(Self::Unix { path, owner, group, mode })
            }
            _ => Err(WireError::Field("listener kind")),
        }
    }

    pub(crate) fn take_optional(c: &mut Cursor<'_>) -> Result<Option<Self>, WireError> {
        match c.u8()? {
            0 => Ok(None),
            1 => Self::take(c).map(Some),
            _ => Err(WireError::Field("place")),
        }
    }
}
