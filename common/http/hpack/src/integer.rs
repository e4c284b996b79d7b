//! Integers with a prefix of some bits (RFC 7541, section 5.1).

use crate::Error;

/// Bytes after the prefix: four reach 2^28, beyond every length and index there can be, so that
/// sums of two cannot overflow.
const CONTINUED_BYTES_MAX: usize = 4;

/// Splits an integer off `bytes`, the first of which has it in its lowest `prefix` bits. Returns it
/// with the bytes behind it.
#[inline]
pub(crate) fn read(bytes: &[u8], prefix: u32) -> Result<(usize, &[u8]), Error> {
    let (first, rest) = bytes.split_first().ok_or(Error::Cut)?;
    let mask = (1usize << prefix) - 1;
    let value = usize::from(*first) & mask;
    if value < mask { Ok((value, rest)) } else { read_continued(value, rest) }
}

fn read_continued(mut value: usize, bytes: &[u8]) -> Result<(usize, &[u8]), Error> {
    for (at, byte) in bytes.iter().enumerate().take(CONTINUED_BYTES_MAX) {
        value += usize::from(*byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Ok((value, &bytes[at + 1..]));
        }
    }
    Err(if bytes.len() < CONTINUED_BYTES_MAX { Error::Cut } else { Error::Integer })
}

/// Appends an integer behind the `kind` bits of its first byte.
#[inline]
pub(crate) fn write(out: &mut Vec<u8>, kind: u8, prefix: u32, value: usize) {
    let mask = (1usize << prefix) - 1;
    let first = u8::try_from(value.min(mask)).unwrap_or(u8::MAX);
    out.push(kind | first);
    let Some(mut rest) = value.checked_sub(mask) else { return };
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_with_every_prefix() {
        for prefix in 4..=7 {
            for value in (0..600).chain([16_383, 16_384, 65_535, 1 << 20]) {
                let mut out = Vec::new();
                write(&mut out, 0, prefix, value);
                out.push(0xaa);
                assert_eq!(read(&out, prefix), Ok((value, &[0xaa][..])), "{value} after {prefix} bits");
                for cut in 0..out.len() - 1 {
                    assert_eq!(read(&out[..cut], prefix), Err(Error::Cut), "{value} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        assert_eq!(read(&[0b1110_1010], 5), Ok((10, &[][..])));
        assert_eq!(read(&[0b0001_1111, 0b1001_1010, 0b0000_1010], 5), Ok((1337, &[][..])));
        assert_eq!(read(&[0b0010_1010], 8), Ok((42, &[][..])));
    }

    #[test]
    fn an_integer_without_end_is_refused() {
        assert_eq!(read(&[0xff, 0x80, 0x80, 0x80, 0x80], 7), Err(Error::Integer));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 7), Err(Error::Integer));
    }
}
