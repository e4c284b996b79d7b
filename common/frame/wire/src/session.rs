//! What the sessions of a filter, with the store and with the spool, have in common: a message is
//! `u32 length | u8 kind | body`, little-endian, over a stream socket, and both sides greet first.
//! `length` counts kind and body.

use crate::{WireError, cursor::Cursor};

/// The greeting as one side sees it. Whatever comes before a HELLO, and a second HELLO, ends the
/// conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    #[default]
    Nothing,
    /// The other side's HELLO.
    Hello,
}

impl Heard {
    /// The state after a message that `is_hello` or is not.
    ///
    /// # Errors
    /// [`WireError::Field`] for one that may not come now.
    pub const fn after(self, is_hello: bool) -> Result<Self, WireError> {
        match (self, is_hello) {
            (Self::Nothing, true) | (Self::Hello, false) => Ok(Self::Hello),
            _ => Err(WireError::Field("order")),
        }
    }
}

/// Cuts the first message off, of `most` bytes at most: kind and body as one, and the bytes it took
/// with its length.
///
/// # Errors
/// [`WireError::Length`] for a length outside its limits.
pub(crate) fn split(bytes: &[u8], most: usize) -> Result<Option<(&[u8], usize)>, WireError> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length);
    let counted = usize::try_from(length).map_err(|_| WireError::Length(length))?;
    if counted == 0 || counted > most {
        return Err(WireError::Length(length));
    }
    Ok(rest.get(..counted).map(|message| (message, counted + 4)))
}

/// Appends one message of `most` bytes at most whole, or nothing.
pub(crate) fn put(
    out: &mut Vec<u8>,
    most: usize,
    kind: u8,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let at = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    let filled = fill(out).and_then(|()| {
        let counted = out.len() - at - 4;
        let length = u32::try_from(counted).map_err(|_| WireError::Length(u32::MAX))?;
        if counted > most {
            return Err(WireError::Length(length));
        }
        out[at..at + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    });
    if filled.is_err() {
        out.truncate(at);
    }
    filled
}

/// Appends one message of these parts, as [`put`].
pub(crate) fn put_parts(out: &mut Vec<u8>, most: usize, kind: u8, parts: &[&[u8]]) -> Result<(), WireError> {
    put(out, most, kind, |out| {
        parts.iter().for_each(|part| out.extend_from_slice(part));
        Ok(())
    })
}

/// Reads the body of a HELLO, and refuses another protocol than this side's.
pub(crate) fn take_hello(c: &mut Cursor<'_>, protocol: u16) -> Result<(), WireError> {
    let theirs = c.u16()?;
    if theirs == protocol { Ok(()) } else { Err(WireError::Protocol(theirs)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_greets_once_and_first() {
        assert_eq!(Heard::Nothing.after(true), Ok(Heard::Hello));
        assert_eq!(Heard::Hello.after(false), Ok(Heard::Hello));
        assert!(Heard::Nothing.after(false).is_err() && Heard::Hello.after(true).is_err());
    }
}
