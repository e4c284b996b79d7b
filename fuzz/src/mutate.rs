//! One input from another: small damages first, larger ones seldom.

use crate::random::Random;

/// Bytes of an input. Heads and frames have their limits far below; what matters beyond is the limit itself.
pub const INPUT_BYTES_MAX: usize = 64 * 1024;
/// Damages done to one input at a time.
const STEPS_MAX: usize = 6;

/// Bytes that mean something in many formats.
const BYTES: &[u8] = b"\0\x01\x7f\x80\xff\r\n\t ,;:=&%+-/\\.\"'<>(){}[]*?#@0919afAZ";
/// Numbers at the edges of lengths.
const NUMBERS: &[u32] =
    &[0, 1, 4, 5, 127, 128, 255, 256, 4096, 16_384, 32_767, 65_535, 65_536, 163_840, u32::MAX >> 1, u32::MAX];

/// A mutation of `input`, with material from `other` and `tokens`.
pub fn mutate(random: &mut Random, input: &[u8], other: &[u8], tokens: &[&[u8]]) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=random.below(STEPS_MAX) {
        step(random, &mut out, other, tokens);
    }
    out.truncate(INPUT_BYTES_MAX);
    out
}

fn step(random: &mut Random, out: &mut Vec<u8>, other: &[u8], tokens: &[&[u8]]) {
    let at = random.below(out.len() + 1);
    match random.below(16) {
        0 | 1 => flip_bit(random, out),
        2 => set_byte(random, out, at),
        3 | 4 => insert(out, at, random.one(tokens).copied().unwrap_or(b"\r\n")),
        5 => overwrite(out, at, random.one(tokens).copied().unwrap_or(b"\0")),
        6 => drop(out.drain(at..(at + 1 + random.below(16)).min(out.len()).max(at))),
        7 => drop(out.drain(at..at + random.below(out.len() - at + 1))),
        8 => out.truncate(at),
        9 => copy_part(random, out, at),
        10 => splice(random, out, at, other),
        11 => number(random, out, at),
        12 => insert(out, at, &[*random.one(BYTES).unwrap_or(&0)]),
        13 => (0..random.below(9)).for_each(|_| insert(out, at, &[random.next() as u8])),
        14 => nudge_digit(random, out),
        _ if random.once_in(8) => repeat_part(random, out, at),
        _ => swap_parts(random, out),
    }
}

fn flip_bit(random: &mut Random, out: &mut [u8]) {
    let at = random.below(out.len());
    if let Some(byte) = out.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn set_byte(random: &mut Random, out: &mut [u8], at: usize) {
    if let (Some(byte), Some(new)) = (out.get_mut(at), random.one(BYTES)) {
        *byte = *new;
    }
}

fn insert(out: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if out.len() < INPUT_BYTES_MAX {
        out.splice(at..at, bytes.iter().copied());
    }
}

fn overwrite(out: &mut [u8], at: usize, bytes: &[u8]) {
    out.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = *new);
}

/// A part of the input once more, somewhere else.
fn copy_part(random: &mut Random, out: &mut Vec<u8>, at: usize) {
    let from = random.below(out.len());
    let length = random.below((out.len() - from).min(256) + 1);
    let part = out.get(from..from + length).unwrap_or_default().to_vec();
    insert(out, at, &part);
}

/// A part many times: what is linear for one is seen to be so for all.
fn repeat_part(random: &mut Random, out: &mut Vec<u8>, at: usize) {
    let length = random.below((out.len() - at).min(32) + 1);
    let part = out.get(at..at + length).unwrap_or_default().repeat(1 << random.below(11));
    insert(out, at, &part);
}

fn splice(random: &mut Random, out: &mut Vec<u8>, at: usize, other: &[u8]) {
    let from = random.below(other.len() + 1);
    out.truncate(at);
    out.extend_from_slice(other.get(from..).unwrap_or_default());
}

fn swap_parts(random: &mut Random, out: &mut [u8]) {
    let middle = random.below(out.len() + 1);
    let length = random.below(middle.min(out.len() - middle).min(64) + 1);
    let (front, back) = out.split_at_mut(middle);
    let from = random.below(front.len() - length + 1);
    let to = random.below(back.len() - length + 1);
    if let (Some(a), Some(b)) = (front.get_mut(from..from + length), back.get_mut(to..to + length)) {
        a.swap_with_slice(b);
    }
}

/// A number of one, two or four bytes, in either order, sometimes the input's own length.
fn number(random: &mut Random, out: &mut [u8], at: usize) {
    let own = u32::try_from(out.len()).unwrap_or(u32::MAX);
    let chosen = if random.once_in(4) { own } else { *random.one(NUMBERS).unwrap_or(&0) };
    let near = chosen.wrapping_add(random.below(5) as u32).wrapping_sub(2);
    match random.below(5) {
        0 => overwrite(out, at, &[near as u8]),
        1 => overwrite(out, at, &(near as u16).to_le_bytes()),
        2 => overwrite(out, at, &(near as u16).to_be_bytes()),
        3 => overwrite(out, at, &near.to_be_bytes()),
        _ => overwrite(out, at, &near.to_le_bytes()),
    }
}

fn nudge_digit(random: &mut Random, out: &mut [u8]) {
    let count = out.iter().filter(|byte| byte.is_ascii_digit()).count();
    let chosen = random.below(count);
    if let Some(digit) = out.iter_mut().filter(|byte| byte.is_ascii_digit()).nth(chosen) {
        *digit = b'0' + random.below(10) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_none_is_too_long() {
        let inputs = || {
            let mut random = Random::new(7, "x");
            let mut input = b"GET / HTTP/1.1\r\n\r\n".to_vec();
            for _ in 0..20_000 {
                input = mutate(&mut random, &input, b"other 123", &[b"token"]);
                assert!(input.len() <= INPUT_BYTES_MAX);
            }
            (input, random.next())
        };
        assert_eq!(inputs(), inputs());
    }

    #[test]
    fn an_empty_input_grows_again() {
        let mut random = Random::new(1, "");
        assert!((0..100).any(|_| !mutate(&mut random, b"", b"", &[]).is_empty()));
    }
}
