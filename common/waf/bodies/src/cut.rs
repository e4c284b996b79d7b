//! Bodies that were cut: what their last bytes begin and do not end.

/// Returns text in UTF-8 without the character that it does not end.
pub(crate) fn whole_characters(text: &[u8]) -> &[u8] {
    for (start, byte) in text.iter().enumerate().rev().take(3) {
        let length = match byte {
            0xf0.. => 4,
            0xe0.. => 3,
            0xc0.. => 2,
            0x80.. => continue,
            _ => 1,
        };
        return if start + length > text.len() { &text[..start] } else { text };
    }
    text
}

/// Returns text in UTF-16 without the character that it does not end. `high` is the place of the
/// high byte among two.
pub(crate) fn whole_pairs(text: &[u8], high: usize) -> &[u8] {
    let text = &text[..text.len() / 2 * 2];
    match text {
        [rest @ .., first, second] if matches!([*first, *second][high], 0xd8..=0xdb) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ended_is_left_out_and_nothing_else() {
        let text = "aé€😀".as_bytes();
        let ends = [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10];
        for (cut, end) in ends.into_iter().enumerate() {
            assert_eq!(whole_characters(&text[..cut]).len(), end, "{cut}");
        }
        assert_eq!(whole_characters(b"\x80\x80\x80\x80").len(), 4, "what is none is left as it is");
        let pairs = [0, b'a', 0xd8, 0x3d, 0xde, 0];
        for (cut, end) in [0, 0, 2, 2, 2, 4, 6].into_iter().enumerate() {
            assert_eq!(whole_pairs(&pairs[..cut], 0).len(), if cut == 5 { 2 } else { end }, "{cut}");
        }
    }
}
