//! Two bits a verdict, four to a byte.

use crate::Verdict;

/// Bytes that hold `count` tags.
pub(crate) fn bytes(count: usize) -> usize {
    count.div_ceil(4)
}

/// The tag's two bits; 3 is no tag.
pub(crate) fn bits(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Unlisted => 0,
        Verdict::Allowed => 1,
        Verdict::Denied => 2,
    }
}

/// The other way; only the low two bits are looked at.
pub(crate) fn verdict(bits: u8) -> Option<Verdict> {
    match bits & 3 {
        0 => Some(Verdict::Unlisted),
        1 => Some(Verdict::Allowed),
        2 => Some(Verdict::Denied),
        _ => None,
    }
}

/// Appends the packed tags; unused bits of the last byte are zero.
pub(crate) fn write(out: &mut Vec<u8>, verdicts: impl Iterator<Item = Verdict>) {
    let (mut byte, mut shift) = (0, 0);
    for verdict in verdicts {
        byte |= bits(verdict) << shift;
        shift += 2;
        if shift == 8 {
            out.push(byte);
            (byte, shift) = (0, 0);
        }
    }
    if shift > 0 {
        out.push(byte);
    }
}

/// Tag number `at`.
pub(crate) fn get(packed: &[u8], at: usize) -> Option<Verdict> {
    let shift = (at % 4) * 2;
    verdict(packed.get(at / 4)? >> shift)
}

/// Whether every tag is one and the unused bits are zero.
pub(crate) fn sound(packed: &[u8], count: usize) -> bool {
    let all = packed.iter().all(|byte| byte & (byte >> 1) & 0x55 == 0);
    let used = count % 4 * 2;
    all && packed.len() == bytes(count) && packed.last().is_none_or(|last| used == 0 || last >> used == 0)
}
