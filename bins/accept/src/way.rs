//! The way of a connection: a lane, and the door of it.

use std::fmt;

use fosse_wire::start::Door;

/// A door of a lane. Each has a channel of its own, and a word on its own connections alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Way {
    /// The lane; start numbers them from zero over the edge's life.
    pub(crate) lane: u32,
    /// The program of it that has the connections.
    pub(crate) door: Door,
}

impl Way {
    /// The holder of connections that no lane has yet.
    pub(crate) const NONE: Self = Self { lane: u32::MAX, door: Door::Parse };

    /// Returns the number of it in tokens.
    pub(crate) fn number(self) -> u64 {
        u64::from(self.lane) << 2 | self.door as u64
    }

    /// Returns the way of such a number.
    pub(crate) fn of_number(number: u64) -> Self {
        let door = Door::ALL.into_iter().find(|door| *door as u64 == number & 3).unwrap_or_default();
        Self { lane: u32::try_from(number >> 2).unwrap_or(u32::MAX), door }
    }
}

/// As lines of the log have it: a lane has a door of its own only where it has several.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane={}", self.lane)?;
        match self.door {
            Door::Parse => Ok(()),
            Door::Tls => f.write_str(" door=tls"),
            Door::Http2 => f.write_str(" door=http2"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_comes_back_from_its_number() {
        for door in Door::ALL {
            for lane in [0, 1, 70_000, u32::MAX] {
                let way = Way { lane, door };
                assert_eq!(Way::of_number(way.number()), way);
            }
        }
    }
}
