//! Huffman's code of HPACK (RFC 7541, appendix B).
//!
//! The code is canonical: sorted by length and symbol, codes count upwards. So the lengths are all
//! there is to know, and the tables are made of them when the program is built.

use crate::Error;

/// The symbol that no string has.
const EOS: usize = 256;
const SYMBOLS: usize = 257;
/// Bits of the longest code.
const LONGEST: usize = 30;
/// Bits that are looked up at once: all of ASCII that headers are made of has codes no longer.
const QUICK_BITS: usize = 10;

/// Bits of each symbol's code.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// All that decoding needs.
struct Code {
    /// Symbols in the order of their codes.
    symbols: [u16; SYMBOLS],
    /// For each length: the first code beyond those of it and of shorter ones, at the top of 32
    /// bits (of 64, as the last one is beyond 32).
    beyond: [u64; LONGEST + 1],
    /// For each length: its first code, and the place of that code's symbol.
    first: [(u32, u16); LONGEST + 1],
    /// By the next bits: the symbol and the length of its code, which is 0 where it is longer.
    quick: [(u8, u8); 1 << QUICK_BITS],
}

static CODE: Code = code();

const fn code() -> Code {
    let mut made = Code {
        symbols: [0; SYMBOLS],
        beyond: [0; LONGEST + 1],
        first: [(0, 0); LONGEST + 1],
        quick: [(0, 0); 1 << QUICK_BITS],
    };
    let (mut length, mut next, mut place) = (1, 0u32, 0);
    while length <= LONGEST {
        made.first[length] = (next, place as u16);
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                made.symbols[place] = symbol as u16;
                if length <= QUICK_BITS {
                    let free = QUICK_BITS - length;
                    let mut low = 0;
                    while low < 1 << free {
                        made.quick[((next as usize) << free) | low] = (symbol as u8, length as u8);
                        low += 1;
                    }
                }
                next += 1;
                place += 1;
            }
            symbol += 1;
        }
        made.beyond[length] = (next as u64) << (32 - length);
        next <<= 1;
        length += 1;
    }
    assert!(place == SYMBOLS && made.beyond[LONGEST] == 1 << 32, "the code has a word for everything");
    made
}

/// Bits that are still to be decoded, at the top of `bits`.
struct Bits<'a> {
    bits: u64,
    have: u32,
    rest: &'a [u8],
}

impl Bits<'_> {
    /// Adds whole bytes as far as there is room.
    #[inline]
    fn refill(&mut self) {
        if let Some(eight) = self.rest.first_chunk::<8>() {
            self.bits |= u64::from_be_bytes(*eight) >> self.have;
            let bytes = (63 - self.have) / 8;
            self.have += bytes * 8;
            self.rest = &self.rest[bytes as usize..];
            // What of the last byte did not fit is added again later, with the same bits.
            self.bits &= !(u64::MAX.checked_shr(self.have).unwrap_or(0));
            return;
        }
        while self.have <= 56
            && let Some((byte, rest)) = self.rest.split_first()
        {
            self.bits |= u64::from(*byte) << (56 - self.have);
            self.have += 8;
            self.rest = rest;
        }
    }

    /// Drops the bits of a code.
    #[inline]
    const fn take(&mut self, length: u32) {
        self.bits <<= length;
        self.have -= length;
    }

    /// Returns the symbol of a code that is not looked up at once, and its length.
    fn long(&self) -> (u16, u32) {
        let top = self.bits >> 32;
        let length = (QUICK_BITS + 1..=LONGEST).find(|length| top < CODE.beyond[*length]).unwrap_or(LONGEST);
        let (first, place) = CODE.first[length];
        let code = u32::try_from(top >> (32 - length)).unwrap_or(first);
        (CODE.symbols[usize::from(place) + (code - first) as usize], length as u32)
    }

    /// Returns whether what is left is padding: less than a byte of the highest bits of EOS.
    const fn are_padding(&self) -> bool {
        self.have < 8 && self.bits.leading_ones() >= self.have
    }
}

/// Appends a decoded string to `out`.
pub(crate) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    // No code is shorter than 5 bits.
    out.reserve(coded.len() * 8 / 5);
    let mut bits = Bits { bits: 0, have: 0, rest: coded };
    loop {
        bits.refill();
        if bits.have == 0 {
            return Ok(());
        }
        loop {
            let (symbol, length) = CODE.quick[(bits.bits >> (64 - QUICK_BITS)) as usize];
            let length = u32::from(length);
            if length == 0 || length > bits.have {
                break;
            }
            out.push(symbol);
            bits.take(length);
            if bits.have < QUICK_BITS as u32 {
                break;
            }
        }
        if !bits.rest.is_empty() && bits.have < LONGEST as u32 {
            continue;
        }
        if bits.have == 0 {
            return Ok(());
        }
        let (symbol, length) = match CODE.quick[(bits.bits >> (64 - QUICK_BITS)) as usize] {
            (_, 0) => bits.long(),
            (symbol, length) => (u16::from(symbol), u32::from(length)),
        };
        if length > bits.have {
            return if bits.are_padding() { Ok(()) } else { Err(Error::Huffman) };
        }
        if usize::from(symbol) == EOS {
            return Err(Error::Huffman);
        }
        out.push(u8::try_from(symbol).unwrap_or(0));
        bits.take(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes a string by the lengths alone.
    fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits = Vec::new();
        for byte in text {
            push(&mut bits, usize::from(*byte));
        }
        while bits.len() % 8 != 0 {
            bits.push(true);
        }
        bytes(&bits)
    }

    fn push(bits: &mut Vec<bool>, symbol: usize) {
        let length = usize::from(LENGTHS[symbol]);
        let (first, place) = CODE.first[length];
        let at = CODE.symbols.iter().position(|other| usize::from(*other) == symbol).unwrap();
        let code = first as usize + at - usize::from(place);
        bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
    }

    fn bytes(bits: &[bool]) -> Vec<u8> {
        bits.chunks(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | u8::from(*bit))).collect()
    }

    fn decoded(coded: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        decode(coded, &mut out).map(|()| out)
    }

    #[test]
    fn the_examples_of_the_standard_are_decoded() {
        for (coded, text) in [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..], &b"www.example.com"[..]),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], b"no-cache"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf], b"custom-value"),
            (&[], b""),
        ] {
            assert_eq!(decoded(coded).unwrap(), text);
            assert_eq!(encode(text), coded);
        }
    }

    #[test]
    fn every_byte_at_every_place_comes_back() {
        for byte in 0..=255u8 {
            for before in 0..12 {
                for after in [0, 1, 3, 40] {
                    let text = [vec![b'1'; before], vec![byte], vec![b'~'; after]].concat();
                    assert_eq!(decoded(&encode(&text)).as_ref(), Ok(&text), "{byte:#x} after {before}");
                }
            }
        }
    }

    #[test]
    fn padding_is_short_and_of_ones() {
        let mut bits = Vec::new();
        push(&mut bits, usize::from(b'0'));
        assert_eq!(decoded(&bytes(&[&bits[..], &[true; 3]].concat())), Ok(b"0".to_vec()));
        for bad in [&[true; 11][..], &[false, true, true], &[true, true, false], &[true; 19], &[true; 27]] {
            assert_eq!(decoded(&bytes(&[&bits[..], bad].concat())), Err(Error::Huffman), "{bad:?}");
        }
        assert_eq!(decoded(&[0xff]), Err(Error::Huffman), "a whole byte of padding");
    }

    #[test]
    fn a_string_with_eos_is_refused() {
        let mut bits = Vec::new();
        for symbol in [usize::from(b'a'), EOS, usize::from(b'b')] {
            push(&mut bits, symbol);
        }
        while bits.len() % 8 != 0 {
            bits.push(true);
        }
        assert_eq!(decoded(&bytes(&bits)), Err(Error::Huffman));
        assert_eq!(decoded(&[0xff; 4]), Err(Error::Huffman));
    }
}
