//! Byte classes of RFC 9110 and RFC 3986 as one table, and the checks that use it.

/// Bytes of a token: method and field names (RFC 9110, section 5.6.2).
const TOKEN: u8 = 1;
/// Bytes taken in a request target: visible ASCII without `#` (RFC 9112, section 3.2; browsers send
/// more than RFC 3986 has).
const TARGET: u8 = 2;
/// Bytes of a path up to its first escape, query or fault: those of a target but `?`, `%`, and what
/// the URL standard has browsers encode or rewrite and programs read in two ways: `"`, `<`, `>`,
/// `\`.
const PATH: u8 = 16;
/// Letters, digits, hyphen and underscore: what a label of a host name is made of.
const LABEL: u8 = 4;
/// Bytes of a quoted string: visible ASCII, space and tab.
const QUOTABLE: u8 = 8;

static CLASS: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut byte = 0u8;
    while byte < 255 {
        let token = is_token_byte_const(byte);
        let target = byte.is_ascii_graphic() && byte != b'#';
        let path = target && !matches!(byte, b'?' | b'%' | b'"' | b'<' | b'>' | b'\\');
        let label = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let quotable = byte.is_ascii_graphic() || byte == b' ' || byte == b'\t';
        table[byte as usize] = if token { TOKEN } else { 0 }
            | if target { TARGET } else { 0 }
            | if path { PATH } else { 0 }
            | if label { LABEL } else { 0 }
            | if quotable { QUOTABLE } else { 0 };
        byte += 1;
    }
    table
}

const fn is_token_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    )
}

#[inline]
fn classes(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

fn has(byte: u8, class: u8) -> bool {
    classes(byte) & class != 0
}

fn all(bytes: &[u8], class: u8) -> bool {
    !bytes.is_empty() && leading(bytes, class) == bytes.len()
}

/// Counts the bytes from the first on that are of the class: four at a time, since names are short.
#[inline]
fn leading(bytes: &[u8], class: u8) -> usize {
    let (fours, _) = bytes.as_chunks::<4>();
    let whole = |four: &[u8; 4]| four.iter().fold(class, |common, byte| common & classes(*byte)) != 0;
    let start = fours.iter().position(|four| !whole(four)).unwrap_or(fours.len()) * 4;
    let rest = &bytes[start..];
    start + rest.iter().position(|byte| !has(*byte, class)).unwrap_or(rest.len())
}

pub(crate) const fn is_token_byte_const(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || is_token_mark(byte)
}

/// Counts the bytes from the first on that a token may have.
#[inline]
pub(crate) fn token_len(bytes: &[u8]) -> usize {
    leading(bytes, TOKEN)
}

/// Counts the bytes from the first on that a field value may have. In blocks, because they become
/// vector code.
#[inline]
pub(crate) fn value_len(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<16>();
    let Some(number) = blocks.iter().position(has_bad) else {
        return blocks.len() * 16 + rest.iter().position(|byte| is_bad(*byte)).unwrap_or(rest.len());
    };
    let mut block = blocks[number];
    // All bytes at once again, and then the zero bits before the first bad one.
    for byte in &mut block {
        *byte = if is_bad(*byte) { 0xff } else { 0 };
    }
    let bits = u128::from_le_bytes(block).trailing_zeros();
    number * 16 + usize::try_from(bits / 8).unwrap_or(0)
}

#[inline]
fn has_bad(block: &[u8; 16]) -> bool {
    block.iter().fold(false, |found, byte| found | is_bad(*byte))
}

/// Longest name of a request that is taken from a proxy: what tracing systems make has 16 to 55
/// bytes, and logs repeat it.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Returns whether `value` can be the name of a request (X-Request-ID): letters, digits and marks
/// that need no quotes anywhere.
#[must_use]
pub fn is_request_id(value: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/=:@".contains(byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&value.len()) && value.iter().all(fits)
}

/// Returns whether no value may have the byte: control bytes but the tab, and DEL.
#[inline]
const fn is_bad(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') | (byte == 0x7f)
}

/// Returns whether the bytes are a token (RFC 9110, section 5.6.2), which is never empty.
pub fn is_token(bytes: &[u8]) -> bool {
    all(bytes, TOKEN)
}

/// Returns whether a token may have the byte.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    has(byte, TOKEN)
}

/// Returns whether the bytes may be a request target: one or more visible ASCII bytes, none of them
/// `#` (RFC 9112, section 3.2).
pub fn is_target(bytes: &[u8]) -> bool {
    all(bytes, TARGET)
}

/// Counts the bytes from the first on that are plain ones of a path.
#[inline]
pub(crate) fn path_len(bytes: &[u8]) -> usize {
    leading(bytes, PATH)
}

pub(crate) fn is_label(bytes: &[u8]) -> bool {
    all(bytes, LABEL)
}

/// Returns whether a quoted string may have the byte, where it is none above ASCII.
pub(crate) fn is_quotable(byte: u8) -> bool {
    has(byte, QUOTABLE)
}

/// Returns whether the bytes may be a field value: no control byte but the tab, no DEL (RFC 9110,
/// section 5.5). Bytes from 0x80 up are opaque there, and pass.
#[inline]
pub fn is_value(bytes: &[u8]) -> bool {
    // The bytes after the last block are looked at as the last 16, some of them twice.
    match bytes.last_chunk::<16>() {
        Some(last) => !bytes.as_chunks::<16>().0.iter().any(has_bad) && !has_bad(last),
        None => !has_bad(&as_block(bytes)),
    }
}

/// Returns a block with each of fewer than 16 bytes, some of them twice. It is made of words: bytes
/// copied one by one could not be read as a block at once.
#[inline]
fn as_block(bytes: &[u8]) -> [u8; 16] {
    let (low, high) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()),
            _ => return few(bytes),
        },
    };
    // The upper half of four bytes is zero, which no value has.
    let fill = if bytes.len() < 8 { SPACES << 32 } else { 0 };
    (u128::from(low | fill) | u128::from(high | fill) << 64).to_le_bytes()
}

/// Eight spaces.
const SPACES: u64 = u64::from_le_bytes([b' '; 8]);

/// The same of at most three bytes.
#[inline]
fn few(bytes: &[u8]) -> [u8; 16] {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(b' ');
    let word = [byte(0), byte(1), byte(2), b' '];
    let half = u64::from(u32::from_le_bytes(word)) | SPACES << 32;
    (u128::from(half) | u128::from(SPACES) << 64).to_le_bytes()
}

/// Returns the bytes without spaces and tabs at either end (OWS of RFC 9110, section 5.6.3).
pub fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Iterates over the members of a comma-separated list, trimmed, without empty ones (RFC 9110,
/// section 5.6.1).
pub fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_exactly_the_77_bytes_of_the_grammar() {
        let count = (0..=255u8).filter(|byte| is_token_byte(*byte)).count();
        assert_eq!(count, 26 + 26 + 10 + 15);
        assert!(!is_token(b"") && !is_token(b"a b") && !is_token(b"a:") && !is_token(b"\xc3\xa9"));
    }

    #[test]
    fn a_value_has_no_control_bytes_but_the_tab() {
        for byte in 0..=255u8 {
            let refused = (byte < 0x20 && byte != 9) || byte == 0x7f;
            assert_eq!(is_value(&[b'a', byte, b'b']), !refused, "byte {byte:#x}");
            for at in 0..20 {
                // Beside every byte that it could carry into, or get a carry from.
                for other in [b'a', b'\t', b' ', 0x7e, 0x80, 0xff] {
                    let mut value = [other; 20];
                    value[at] = byte;
                    for length in at + 1..=20 {
                        assert_eq!(is_value(&value[..length]), !refused, "byte {byte:#x} at {at} of {length}");
                    }
                    assert_eq!(
                        value_len(&value),
                        if refused { at } else { 20 },
                        "byte {byte:#x} at {at} in {other:#x}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_list_loses_its_empty_members() {
        assert_eq!(members(b", a ,,\tb,").collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
