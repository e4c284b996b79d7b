//! Encoded request heads that a filter changes, which has buffered their bodies.

use crate::{
    WireError,
    request::{BodyLength, FLAG_EXPECT_CONTINUE, FLAG_RELEASED},
};

/// Offset of the `held` field in an encoded head: version, flags, body kind and length before it.
const HELD_AT: std::ops::Range<usize> = 11..15;

/// Sets the `held` field of an encoded head in place, as a filter does when it releases a body.
///
/// # Errors
/// [`WireError::Short`] where `head` is no encoded head.
pub fn set_held(head: &mut [u8], held: u32) -> Result<(), WireError> {
    head.get_mut(HELD_AT).ok_or(WireError::Short)?.copy_from_slice(&held.to_le_bytes());
    Ok(())
}

/// Offset of the flags in an encoded head: the version before them.
const FLAGS_AT: usize = 1;
/// Offset of the body's kind and length in an encoded head: version and flags before it.
const BODY_AT: std::ops::Range<usize> = 2..11;

/// Gives an encoded head the length of its body in place, which a filter that has all of it knows
/// however the client sent it. A request without a body keeps none: `Content-Length: 0` is
/// something else.
///
/// # Errors
/// [`WireError::Short`] where `head` is no encoded head.
pub fn set_length(head: &mut [u8], length: u64) -> Result<(), WireError> {
    let body = head.get_mut(BODY_AT).ok_or(WireError::Short)?;
    if *body != BodyLength::None.bytes() {
        body.copy_from_slice(&BodyLength::Exact(length).bytes());
    }
    Ok(())
}

/// Marks an encoded head in place as one whose whole body of `length` bytes a filter has, which
/// sends it as credit comes round. The client is no longer waited for.
///
/// # Errors
/// [`WireError::Short`] where `head` is no encoded head.
pub fn set_released(head: &mut [u8], length: u64) -> Result<(), WireError> {
    set_length(head, length)?;
    set_part_released(head, 0)
}

/// Marks an encoded head in place as one of whose body a filter has `held` bytes or more.
///
/// # Errors
/// [`WireError::Short`] where `head` is no encoded head.
pub fn set_part_released(head: &mut [u8], held: u32) -> Result<(), WireError> {
    let flags = head.get_mut(FLAGS_AT).ok_or(WireError::Short)?;
    *flags = *flags & !FLAG_EXPECT_CONTINUE | FLAG_RELEASED;
    set_held(head, held)
}
