//! Whose a slot is, where several fronts share a ring: the front's number is in the lowest bits.

use std::str::FromStr;

use crate::{STREAM_SLOTS_MAX, StreamId, WireError};

/// Fronts that share a ring: one for each protocol that clients speak, and one to spare.
pub const LANE_FRONTS_MAX: usize = 4;

/// The slots of one of the fronts of a ring: every second or fourth one, so that tables of all
/// slots stay dense. The only front of a ring has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    front: u8,
    fronts: u8,
}

impl Slots {
    /// Every slot.
    pub const ALL: Self = Self { front: 0, fronts: 1 };

    /// Returns those of a front; `None` where there are not 1, 2 or 4 fronts, or it is none of
    /// them.
    #[must_use]
    pub const fn of(front: u8, fronts: u8) -> Option<Self> {
        if matches!(fronts, 1 | 2 | 4) && front < fronts { Some(Self { front, fronts }) } else { None }
    }

    /// Returns the number of the front.
    #[must_use]
    pub const fn front(self) -> u8 {
        self.front
    }

    /// Returns the number of fronts, a power of two.
    #[must_use]
    pub const fn fronts(self) -> u8 {
        self.fronts
    }

    /// Returns whether the slot of a stream is one of them.
    #[must_use]
    #[inline]
    pub const fn have(self, stream: StreamId) -> bool {
        // The number of fronts is a power of two.
        stream.slot() & (self.fronts as usize - 1) == self.front as usize
    }

    /// Returns the first stream of the slot at a place among them, counted from 0; `None` where
    /// there are fewer.
    #[must_use]
    pub const fn first(self, place: u32) -> Option<StreamId> {
        if place >= STREAM_SLOTS_MAX / self.fronts as u32 {
            return None;
        }
        StreamId::first(place * self.fronts as u32 + self.front as u32)
    }

    /// Returns the place of a stream's slot among them.
    #[must_use]
    #[inline]
    pub const fn place(self, stream: StreamId) -> usize {
        stream.slot() >> self.fronts.trailing_zeros()
    }
}

/// The number of a front and how many there are, as programs are told: `1/2` is the second of two.
impl FromStr for Slots {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        let parts = text.split_once('/').and_then(|(front, of)| Some((front.parse().ok()?, of.parse().ok()?)));
        parts.and_then(|(front, of)| Self::of(front, of)).ok_or(WireError::Field("front"))
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_one_fronts() {
        for fronts in [1, 2, 4] {
            let all: Vec<Slots> = (0..fronts).map(|front| Slots::of(front, fronts).unwrap()).collect();
            let mut seen = [0_u32; 64];
            for slots in &all {
                for place in 0..64 / u32::from(fronts) {
                    let stream = slots.first(place).unwrap();
                    assert_eq!(slots.place(stream.next()), usize::try_from(place).unwrap());
                    assert!(all.iter().all(|other| other.have(stream) == (other == slots)));
                    seen[stream.slot()] += 1;
                }
                assert!(slots.first(STREAM_SLOTS_MAX / u32::from(fronts)).is_none());
            }
            assert_eq!(seen, [1; 64]);
        }
        assert_eq!("1/2".parse(), Ok(Slots::of(1, 2).unwrap()));
        for text in ["", "1", "2/2", "0/3", "-1/2", "0/1 "] {
            assert!(text.parse::<Slots>().is_err(), "{text}");
        }
        for (front, fronts) in [(0, 0), (0, 3), (1, 1), (4, 4), (0, 8)] {
            assert_eq!(Slots::of(front, fronts), None);
        }
    }
}
