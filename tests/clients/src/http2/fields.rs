//! Field blocks (RFC 7541), written without a table of our own and read as far as a status.

/// Index of `:status 200` in the static table (RFC 7541, appendix A), and what follows there.
const STATUS_FIRST: u8 = 8;
const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];

/// Writes an integer with a prefix of so many bits below `first` (RFC 7541, section 5.1).
pub fn integer(out: &mut Vec<u8>, first: u8, bits: u32, value: usize) {
    let most = (1_usize << bits) - 1;
    let small = |value: usize| u8::try_from(value).expect("masked");
    if value < most {
        out.push(first | small(value));
        return;
    }
    out.push(first | small(most));
    let mut rest = value - most;
    while rest >= 128 {
        out.push(small(rest % 128) | 128);
        rest /= 128;
    }
    out.push(small(rest));
}

/// Returns a string without Huffman's code.
#[must_use]
pub fn string(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    integer(&mut out, 0, 7, text.len());
    out.extend_from_slice(text);
    out
}

/// Returns an indexed field.
#[must_use]
pub fn indexed(index: usize) -> Vec<u8> {
    let mut out = Vec::new();
    integer(&mut out, 0x80, 7, index);
    out
}

/// Returns a literal field that enters no table.
#[must_use]
pub fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    [vec![0], string(name), string(value)].concat()
}

/// Returns a literal field that enters the dynamic table.
#[must_use]
pub fn kept(name: &[u8], value: &[u8]) -> Vec<u8> {
    [vec![0x40], string(name), string(value)].concat()
}

/// Returns a dynamic table size update (RFC 7541, section 6.3).
#[must_use]
pub fn table_size(size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    integer(&mut out, 0x20, 5, size);
    out
}

/// Reads the status of a response. Its block begins with it (RFC 9113, section 8.3), and the server
/// has no dynamic table, since we have said that we have room for none.
#[must_use]
pub fn status(block: &[u8]) -> Option<u16> {
    let mut rest = block;
    while let [first, more @ ..] = rest
        && first & 0xe0 == 0x20
    {
        rest = more;
    }
    let (&first, rest) = rest.split_first()?;
    if first & 0x80 != 0 {
        return STATUSES.get(usize::from((first & 0x7f).checked_sub(STATUS_FIRST)?)).copied();
    }
    let bits = if first & 0x40 != 0 { 0x3f } else { 0x0f };
    let rest = if first & bits == 0 { rest.get(1 + usize::from(*rest.first()? & 0x7f)..)? } else { rest };
    let (&length, rest) = rest.split_first()?;
    let text = rest.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 { std::str::from_utf8(text).ok()?.parse().ok() } else { digits(text) }
}

/// Reads three digits in Huffman's code (RFC 7541, appendix B): 0 to 2 have five bits, the others
/// six.
fn digits(text: &[u8]) -> Option<u16> {
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let (mut at, mut value) = (0, 0);
    for _ in 0..3 {
        let code = |length: usize| {
            Some(bits.get(at..at + length)?.iter().fold(0_u16, |code, bit| code << 1 | u16::from(*bit)))
        };
        let five = code(5)?;
        let (digit, length) = if five < 3 { (five, 5) } else { (code(6)?.checked_sub(0x19)? + 3, 6) };
        (value, at) = (value * 10 + digit, at + length);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_status_in_each_of_its_forms() {
        assert_eq!(status(&indexed(8)), Some(200));
        assert_eq!(status(&[table_size(0), indexed(13)].concat()), Some(404));
        assert_eq!(status(&[&[0x08, 3], &b"421"[..]].concat()), Some(421));
        assert_eq!(status(&literal(b":status", b"503")), Some(503));
        // "302" as RFC 7541, appendix C.6.1 has it, and "307" as C.6.2 has it.
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]), Some(307));
        assert_eq!(status(&[]), None);
    }

    #[test]
    fn writes_integers_as_published() {
        let mut out = Vec::new();
        integer(&mut out, 0, 5, 1337);
        assert_eq!(out, [31, 154, 10]);
    }
}
