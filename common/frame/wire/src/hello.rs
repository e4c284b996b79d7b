//! HELLO: `u16 protocol | u16 flags | u8 front | u8 fronts`.

use crate::{PROTOCOL, WireError, cursor::Cursor, slots::Slots};

const HELLO_CREDIT_UNLIMITED: u16 = 1;

/// The greeting of a stage, before its first stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// There is no response path (a shell pipeline): no credit is granted or waited for.
    pub credit_unlimited: bool,
    /// The slots that frames are of: those of the front that greets; all, where no front does.
    pub slots: Slots,
}

impl Hello {
    /// Reads a greeting, consuming exactly `body`.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(body);
        let protocol = cursor.u16()?;
        // One of another layout has another number, and that is what is wrong with it.
        if protocol != PROTOCOL {
            return Err(WireError::Protocol(protocol));
        }
        let flags = cursor.u16()?;
        let (front, fronts) = (cursor.u8()?, cursor.u8()?);
        cursor.end()?;
        if flags & !HELLO_CREDIT_UNLIMITED != 0 {
            return Err(WireError::Field("hello flags"));
        }
        let slots = Slots::of(front, fronts).ok_or(WireError::Field("hello front"))?;
        Ok(Self { credit_unlimited: flags & HELLO_CREDIT_UNLIMITED != 0, slots })
    }

    /// Returns the bytes of a greeting.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let flags = if self.credit_unlimited { HELLO_CREDIT_UNLIMITED } else { 0 };
        let slots = [self.slots.front(), self.slots.fronts()];
        [PROTOCOL.to_le_bytes(), flags.to_le_bytes(), slots].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_hello_of_another_protocol() {
        assert_eq!(Hello::decode(&[9, 0, 0, 0]), Err(WireError::Protocol(9)));
    }

    #[test]
    fn a_hello_says_whose_slots_its_frames_are_of() {
        for (front, fronts) in [(0, 1), (0, 2), (1, 2), (3, 4)] {
            let hello = Hello { slots: Slots::of(front, fronts).unwrap(), ..Hello::default() };
            assert_eq!(Hello::decode(&hello.bytes()), Ok(hello));
        }
        for (front, fronts) in [(0, 0), (1, 1), (2, 2), (0, 3), (0, 8)] {
            let body = [PROTOCOL.to_le_bytes(), [0, 0], [front, fronts]].concat();
            assert_eq!(Hello::decode(&body), Err(WireError::Field("hello front")));
        }
    }
}
