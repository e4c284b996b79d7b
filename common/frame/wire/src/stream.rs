//! Stream ids: slot plus generation, so that a late frame can never reach the next user of a slot.

/// Bits of a stream id that hold the slot.
const SLOT_BITS: u32 = 20;
/// Streams one ring can hold at a time; one more than the highest slot.
pub const STREAM_SLOTS_MAX: u32 = 1 << SLOT_BITS;
const SLOT_MASK: u32 = STREAM_SLOTS_MAX - 1;

/// One request and its response on a ring: `generation << 20 | slot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(u32);

impl StreamId {
    /// Stream 0 of generation 0, which carries HELLO only.
    pub const CONTROL: Self = Self(0);

    /// From the number on the wire; every u32 is a stream id.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The first id of a slot; slots at or above [`STREAM_SLOTS_MAX`] do not exist.
    #[must_use]
    pub const fn first(slot: u32) -> Option<Self> {
        if slot < STREAM_SLOTS_MAX { Some(Self(slot | STREAM_SLOTS_MAX)) } else { None }
    }

    /// The table index of this id.
    #[must_use]
    pub const fn slot(self) -> usize {
        (self.0 & SLOT_MASK) as usize
    }

    /// The id the slot has for its next stream (the generation wraps; 4095 others lie between).
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(STREAM_SLOTS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_stream_keeps_its_slot_and_changes_its_id() {
        let id = StreamId::first(77).unwrap();
        let mut at = id;
        for _ in 0..4095 {
            at = at.next();
            assert_eq!(at.slot(), 77);
            assert_ne!(at, id);
        }
        assert_eq!(at.next(), id);
    }

    #[test]
    fn there_is_no_slot_beyond_the_last() {
        assert!(StreamId::first(STREAM_SLOTS_MAX).is_none());
    }
}
