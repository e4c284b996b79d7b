//! Byte classes of RFC 9110 and RFC 3986 as one table, and the checks that use it.

/// Bytes of a token: method and field names (RFC 9110, section 5.6.2).
const TOKEN: u8 = 1;
/// Bytes taken in a request target: visible ASCII without `#` (RFC 9112, section 3.2; browsers send more than RFC 3986 has).
const TARGET: u8 = 2;
/// Letters, digits, hyphen and underscore: what a label of a host name is made of.
const LABEL: u8 = 4;
/// Bytes of a chunk extension: visible ASCII, space and tab.
const EXTENSION: u8 = 8;

static CLASS: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut byte = 0u8;
    while byte < 255 {
        let token = byte.is_ascii_alphanumeric() || is_token_mark(byte);
        let target = byte.is_ascii_graphic() && byte != b'#';
        let label = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let extension = byte.is_ascii_graphic() || byte == b' ' || byte == b'\t';
        table[byte as usize] = if token { TOKEN } else { 0 }
            | if target { TARGET } else { 0 }
            | if label { LABEL } else { 0 }
            | if extension { EXTENSION } else { 0 };
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

fn has(byte: u8, class: u8) -> bool {
    CLASS.get(usize::from(byte)).is_some_and(|classes| classes & class != 0)
}

fn all(bytes: &[u8], class: u8) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| has(*byte, class))
}

/// Whether the bytes are a token (RFC 9110, section 5.6.2), which is never empty.
pub fn is_token(bytes: &[u8]) -> bool {
    all(bytes, TOKEN)
}

/// Whether one byte may stand in a token.
pub fn is_token_byte(byte: u8) -> bool {
    has(byte, TOKEN)
}

/// Whether the bytes may be a request target: one or more visible ASCII bytes, none of them `#`.
pub fn is_target(bytes: &[u8]) -> bool {
    all(bytes, TARGET)
}

pub(crate) fn is_label(bytes: &[u8]) -> bool {
    all(bytes, LABEL)
}

pub(crate) fn is_extension_byte(byte: u8) -> bool {
    has(byte, EXTENSION)
}

/// Whether the bytes may be a field value: no control byte but the tab, no DEL (RFC 9110, section 5.5).
/// Bytes from 0x80 up are opaque there, and pass. Written as a fold because that becomes vector code.
pub fn is_value(bytes: &[u8]) -> bool {
    let bad = |byte: u8| (byte < 0x20 && byte != b'\t') | (byte == 0x7f);
    !bytes.iter().fold(false, |found, byte| found | bad(*byte))
}

/// The bytes without spaces and tabs at either end (OWS of RFC 9110, section 5.6.3).
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The members of a comma-separated list, trimmed, empty ones left out (RFC 9110, section 5.6.1).
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
        }
    }

    #[test]
    fn a_list_loses_its_empty_members() {
        assert_eq!(members(b", a ,,\tb,").collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
