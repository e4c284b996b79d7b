//! The static table (RFC 7541, appendix A).

/// Entries of the static table.
pub(crate) const STATIC_COUNT: usize = 61;

/// The entries, the first of which has index 1.
#[rustfmt::skip]
pub(crate) const STATIC: [(&[u8], &[u8]); STATIC_COUNT] = [
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"),
    (b":path", b"/index.html"), (b":scheme", b"http"), (b":scheme", b"https"), (b":status", b"200"),
    (b":status", b"204"), (b":status", b"206"), (b":status", b"304"), (b":status", b"400"),
    (b":status", b"404"), (b":status", b"500"), (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"), (b"accept-language", b""), (b"accept-ranges", b""),
    (b"accept", b""), (b"access-control-allow-origin", b""), (b"age", b""), (b"allow", b""),
    (b"authorization", b""), (b"cache-control", b""), (b"content-disposition", b""),
    (b"content-encoding", b""), (b"content-language", b""), (b"content-length", b""),
    (b"content-location", b""), (b"content-range", b""), (b"content-type", b""), (b"cookie", b""),
    (b"date", b""), (b"etag", b""), (b"expect", b""), (b"expires", b""), (b"from", b""),
    (b"host", b""), (b"if-match", b""), (b"if-modified-since", b""), (b"if-none-match", b""),
    (b"if-range", b""), (b"if-unmodified-since", b""), (b"last-modified", b""), (b"link", b""),
    (b"location", b""), (b"max-forwards", b""), (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""), (b"range", b""), (b"referer", b""), (b"refresh", b""),
    (b"retry-after", b""), (b"server", b""), (b"set-cookie", b""),
    (b"strict-transport-security", b""), (b"transfer-encoding", b""), (b"user-agent", b""),
    (b"vary", b""), (b"via", b""), (b"www-authenticate", b""),
];

/// Names up to the longest of the static table, by their length: the index of the first entry, and
/// of the others.
const LENGTHS: usize = 28;
/// Most names of one length.
const NAMES: usize = 6;
static BY_LENGTH: [[u8; NAMES]; LENGTHS] = by_length();

const fn by_length() -> [[u8; NAMES]; LENGTHS] {
    let mut rows = [[0; NAMES]; LENGTHS];
    let mut at = 14;
    while at < STATIC_COUNT {
        let row = &mut rows[STATIC[at].0.len()];
        let mut place = 0;
        while row[place] != 0 {
            place += 1;
        }
        row[place] = at as u8 + 1;
        at += 1;
    }
    rows
}

/// Returns the index of the name of a field, which is in lower case.
#[inline]
pub(crate) fn index_of_name(name: &[u8]) -> Option<usize> {
    let row = BY_LENGTH.get(name.len())?;
    row.iter().map(|index| usize::from(*index)).take_while(|index| *index > 0).find(|index| STATIC[index - 1].0 == name)
}

/// Returns the index of a status that has an entry of its own.
#[inline]
pub(crate) const fn index_of_status(status: u16) -> Option<usize> {
    Some(match status {
        200 => 8,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_field_is_found() {
        for (index, (name, _)) in (1..).zip(STATIC) {
            let expected = if name[0] == b':' { None } else { Some(index) };
            assert_eq!(index_of_name(name), expected);
        }
        assert_eq!(index_of_name(b"x-powered-by"), None);
        assert_eq!(index_of_name(&[b'a'; 100]), None);
    }

    #[test]
    fn every_status_of_the_table_is_found() {
        for status in 100..600u16 {
            let text = status.to_string();
            let expected = STATIC.iter().position(|entry| *entry == (b":status", text.as_bytes()));
            assert_eq!(index_of_status(status), expected.map(|at| at + 1));
        }
    }
}
