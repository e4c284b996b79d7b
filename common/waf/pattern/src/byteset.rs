//! A set of bytes: what one position of a pattern may be.

/// 256 bits, one per byte value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct ByteSet {
    low: u128,
    high: u128,
}

/// The bits of A to Z.
const UPPER: u128 = 0x3ff_ffff << b'A';

impl ByteSet {
    pub(crate) const EMPTY: Self = Self { low: 0, high: 0 };
    pub(crate) const ALL: Self = Self { low: u128::MAX, high: u128::MAX };

    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        bytes.iter().for_each(|byte| set.insert(*byte));
        set
    }

    pub(crate) fn range(first: u8, last: u8) -> Self {
        let mut set = Self::EMPTY;
        (first..=last).for_each(|byte| set.insert(byte));
        set
    }

    pub(crate) fn insert(&mut self, byte: u8) {
        if byte < 128 {
            self.low |= 1 << byte;
        } else {
            self.high |= 1 << (byte & 127);
        }
    }

    #[inline]
    pub(crate) fn contains(&self, byte: u8) -> bool {
        let half = if byte < 128 { self.low } else { self.high };
        half >> (byte & 127) & 1 == 1
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self { low: self.low | other.low, high: self.high | other.high }
    }

    pub(crate) fn complement(self) -> Self {
        Self { low: !self.low, high: !self.high }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    pub(crate) fn intersects(&self, other: &Self) -> bool {
        self.low & other.low != 0 || self.high & other.high != 0
    }

    /// Its bytes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        [(self.low, 0), (self.high, 128_u8)].into_iter().flat_map(|(mut left, base)| {
            std::iter::from_fn(move || {
                let bit = u8::try_from(left.trailing_zeros()).ok().filter(|bit| *bit < 128)?;
                left &= left.wrapping_sub(1);
                Some(base | bit)
            })
        })
    }

    /// Returns the set with the other ASCII case of every letter in it.
    pub(crate) fn fold_case(self) -> Self {
        // In ASCII the cases are 32 apart: shift the letters over.
        let upper = (self.low >> 32) & UPPER;
        let lower = (self.low & UPPER) << 32;
        Self { low: self.low | upper | lower, high: self.high }
    }
}

pub(crate) fn digits() -> ByteSet {
    ByteSet::range(b'0', b'9')
}

pub(crate) fn letters() -> ByteSet {
    ByteSet::range(b'a', b'z').union(ByteSet::range(b'A', b'Z'))
}

/// `\w`: ASCII letters, digits and the underscore, as PCRE without UTF and locale.
pub(crate) fn word() -> ByteSet {
    letters().union(digits()).union(ByteSet::of(b"_"))
}

/// `\s`: with the vertical tab, as PCRE since 8.34 and PCRE2.
pub(crate) fn space() -> ByteSet {
    ByteSet::range(9, 13).union(ByteSet::of(b" "))
}

/// `\h`: the horizontal spaces below 256 (pcre2pattern(3)).
pub(crate) fn horizontal_space() -> ByteSet {
    ByteSet::of(&[9, b' ', 0xa0])
}

/// `\v`: the line ends below 256.
pub(crate) fn vertical_space() -> ByteSet {
    ByteSet::range(10, 13).union(ByteSet::of(&[0x85]))
}

/// Returns the set of `[[:name:]]`, with PCRE's meaning in the C locale.
pub(crate) fn posix(name: &[u8]) -> Option<ByteSet> {
    Some(match name {
        b"alpha" => letters(),
        b"lower" => ByteSet::range(b'a', b'z'),
        b"upper" => ByteSet::range(b'A', b'Z'),
        b"alnum" => letters().union(digits()),
        b"ascii" => ByteSet::range(0, 127),
        b"blank" => ByteSet::of(b"\t "),
        b"cntrl" => ByteSet::range(0, 31).union(ByteSet::of(&[127])),
        b"digit" => digits(),
        b"graph" => ByteSet::range(33, 126),
        b"print" => ByteSet::range(32, 126),
        b"punct" => (33..=126).filter(u8::is_ascii_punctuation).fold(ByteSet::EMPTY, |mut set, byte| {
            set.insert(byte);
            set
        }),
        b"space" => space(),
        b"word" => word(),
        b"xdigit" => digits().union(ByteSet::range(b'a', b'f')).union(ByteSet::range(b'A', b'F')),
        _ => return None,
    })
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}]", self.iter().collect::<Vec<u8>>().escape_ascii())
    }
}
