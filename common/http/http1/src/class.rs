//! Byte classes of RFC 9110 and RFC 3986 as one table, and the checks that use it.

/// Bytes of a token: method and field names (RFC 9110, section 5.6.2).
const TOKEN: u8 = 1;
/// Bytes taken in a request target.
const TARGET: u8 = 2;
/// Bytes of a path up to its first escape, query or fault: those of a target but `?`, `%`, and what
/// the URL standard has browsers encode or rewrite and programs read in two ways: `"`, `<`, `>`,
/// `\`.
const PATH: u8 = 4;
/// Letters, digits, hyphen and underscore: what a label of a host name is made of.
const LABEL: u8 = 8;
/// Bytes of a quoted string: visible ASCII, space and tab.
const QUOTABLE: u8 = 16;
/// Bytes of a field value.
const VALUE: u8 = 32;

static CLASS: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let path = is_target_byte(byte) && !matches!(byte, b'?' | b'%' | b'"' | b'<' | b'>' | b'\\');
        let label = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let quotable = byte.is_ascii_graphic() || byte == b' ' || byte == b'\t';
        table[at] = if is_token_byte_const(byte) { TOKEN } else { 0 }
            | if is_target_byte(byte) { TARGET } else { 0 }
            | if path { PATH } else { 0 }
            | if label { LABEL } else { 0 }
            | if quotable { QUOTABLE } else { 0 }
            | if is_bad(byte) { 0 } else { VALUE };
        at += 1;
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

/// Counts the bytes from the first on that a token may have: letters and hyphens in blocks, since
/// most names have no others.
#[inline]
pub(crate) fn token_len(bytes: &[u8]) -> usize {
    let mut start = 0;
    while let Some(block) = bytes[start..].first_chunk() {
        let usual = leading_in(*block, is_usual_of_name);
        start += usual;
        if usual < block.len() {
            break;
        }
    }
    match bytes.get(start) {
        Some(byte) if has(*byte, TOKEN) => start + leading(&bytes[start..], TOKEN),
        _ => start,
    }
}

/// Returns whether the byte is a letter or a hyphen.
#[inline]
const fn is_usual_of_name(byte: u8) -> bool {
    (byte | 0x20).wrapping_sub(b'a') < 26 || byte == b'-'
}

/// Counts the bytes from the first on that a field value may have. In blocks, because they become
/// vector code.
#[inline]
pub(crate) fn value_len(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<16>();
    let Some(number) = blocks.iter().position(has_bad) else {
        return blocks.len() * 16 + rest.iter().position(|byte| is_bad(*byte)).unwrap_or(rest.len());
    };
    number * 16 + leading_in(blocks[number], |byte| !is_bad(byte))
}

/// Counts the bytes of a block from the first on that are of a kind. All are looked at, because
/// that becomes vector code.
#[inline]
fn leading_in(mut block: [u8; 16], is_of_kind: impl Fn(u8) -> bool) -> usize {
    for byte in &mut block {
        *byte = if is_of_kind(*byte) { 0 } else { 0xff };
    }
    // The zero bits before the first other one.
    let bits = u128::from_le_bytes(block).trailing_zeros();
    usize::try_from(bits / 8).unwrap_or(0)
}

#[inline]
fn has_bad(block: &[u8; 16]) -> bool {
    !all_in(block, |byte| !is_bad(byte))
}

/// Returns whether all bytes of a block are of a kind.
#[inline]
fn all_in(block: &[u8; 16], is_of_kind: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(true, |all, byte| all & is_of_kind(*byte))
}

/// Returns whether all bytes are of a class, whose bytes `is_of_class` knows too; 16 at a time.
/// Those after the last block are looked at as the last 16, some of them twice. Few bytes cost less
/// by the table: copied together, they are no block to the compiler.
#[inline]
fn every(bytes: &[u8], class: u8, is_of_class: impl Fn(u8) -> bool + Copy) -> bool {
    match bytes.last_chunk::<16>() {
        Some(last) => {
            bytes.as_chunks::<16>().0.iter().all(|block| all_in(block, is_of_class)) && all_in(last, is_of_class)
        }
        None => leading(bytes, class) == bytes.len(),
    }
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
#[inline]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && (every(bytes, TOKEN, is_usual_of_name) || leading(bytes, TOKEN) == bytes.len())
}

/// Returns whether a token may have the byte.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    has(byte, TOKEN)
}

/// Returns whether the bytes may be a request target: one or more visible ASCII bytes, none of them
/// `#` (RFC 9112, section 3.2).
pub fn is_target(bytes: &[u8]) -> bool {
    !bytes.is_empty() && every(bytes, TARGET, is_target_byte)
}

/// Returns whether a request target may have the byte: visible ASCII but `#` (RFC 9112, section
/// 3.2; browsers send more than RFC 3986 has).
#[inline]
const fn is_target_byte(byte: u8) -> bool {
    byte.wrapping_sub(b'!') <= b'~' - b'!' && byte != b'#'
}

/// Counts the bytes from the first on that are plain ones of a path.
#[inline]
pub(crate) fn path_len(bytes: &[u8]) -> usize {
    leading(bytes, PATH)
}

pub(crate) fn is_label(bytes: &[u8]) -> bool {
    !bytes.is_empty() && leading(bytes, LABEL) == bytes.len()
}

/// Returns whether a quoted string may have the byte, where it is none above ASCII.
pub(crate) fn is_quotable(byte: u8) -> bool {
    has(byte, QUOTABLE)
}

/// Returns whether the bytes may be a field value: no control byte but the tab, no DEL (RFC 9110,
/// section 5.5). Bytes from 0x80 up are opaque there, and pass.
#[inline]
pub fn is_value(bytes: &[u8]) -> bool {
    every(bytes, VALUE, |byte| !is_bad(byte))
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
    fn each_class_has_its_bytes_wherever_they_are_and_no_others() {
        type Class = (fn(&[u8]) -> bool, fn(u8) -> bool);
        let classes: [Class; 3] = [
            (is_token, is_token_byte_const),
            (is_target, |byte| byte.is_ascii_graphic() && byte != b'#'),
            (is_label, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'),
        ];
        for (class, has) in classes {
            assert!(!class(b""));
            for byte in 0..=255u8 {
                for at in 0..20 {
                    let mut text = [b'a'; 20];
                    text[at] = byte;
                    for length in at + 1..=20 {
                        assert_eq!(class(&text[..length]), has(byte), "byte {byte:#x} at {at} of {length}");
                        assert!(class(&text[..at]) || at == 0, "byte {byte:#x} after {at}");
                    }
                    if has(byte) == is_token_byte(byte) {
                        assert_eq!(token_len(&text), if has(byte) { 20 } else { at }, "byte {byte:#x} at {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_list_loses_its_empty_members() {
        assert_eq!(members(b", a ,,\tb,").collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
