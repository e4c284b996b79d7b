//! What a client would rather have, by its Accept (RFC 9110, section 12.5.1).

use fosse_http1::{Fields, members, trim};

/// Returns whether a client that names JSON would rather have it than HTML. One that takes
/// everything has not asked for it, and of both with the same weight the one that is named first
/// counts.
pub(super) fn prefers_json(fields: &Fields<'_>) -> bool {
    let ranges = fields.iter().filter(|field| field.is("accept")).flat_map(|field| members(field.value));
    let (mut json, mut html) = (None, None);
    for (place, range) in ranges.enumerate() {
        let (name, weight) = weighed(range);
        let best = match () {
            () if is_json(name) => &mut json,
            () if is_html(name) => &mut html,
            () => continue,
        };
        // The earlier one of two is greater.
        let rank = (weight, usize::MAX - place);
        if best.is_none_or(|known| known < rank) {
            *best = Some(rank);
        }
    }
    json > html && json.is_some_and(|(weight, _)| weight > 0)
}

fn is_json(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"application/json")
        || name.get(..12).is_some_and(|begin| begin.eq_ignore_ascii_case(b"application/"))
            && name.len().checked_sub(5).is_some_and(|at| name[at..].eq_ignore_ascii_case(b"+json"))
}

fn is_html(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"text/html") || name.eq_ignore_ascii_case(b"application/xhtml+xml")
}

/// Returns a media range without its parameters, and its weight in thousandths; one that is none
/// weighs nothing.
fn weighed(range: &[u8]) -> (&[u8], u16) {
    let mut parts = range.split(|byte| *byte == b';');
    let name = trim(parts.next().unwrap_or_default());
    let weight = parts.find_map(|part| match trim(part) {
        [b'q' | b'Q', b'=', weight @ ..] => Some(weight),
        _ => None,
    });
    (name, weight.map_or(1000, thousandths))
}

/// Returns a weight (RFC 9110, section 12.4.2) in thousandths.
fn thousandths(weight: &[u8]) -> u16 {
    let (whole, places) = match weight {
        [whole @ (b'0' | b'1')] => (*whole, &b""[..]),
        [whole @ (b'0' | b'1'), b'.', places @ ..] if places.len() <= 3 => (*whole, places),
        _ => return 0,
    };
    if !places.iter().all(u8::is_ascii_digit) || whole == b'1' && places.iter().any(|digit| *digit != b'0') {
        return 0;
    }
    let digit = |at: usize| places.get(at).map_or(0, |digit| u16::from(digit - b'0'));
    u16::from(whole - b'0') * 1000 + digit(0) * 100 + digit(1) * 10 + digit(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_http1::{HeadLimits, RequestHead};

    fn prefers(lines: &[&str]) -> bool {
        let accepts: String = lines.iter().map(|line| format!("Accept: {line}\r\n")).collect();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{accepts}\r\n");
        prefers_json(&RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap().fields)
    }

    #[test]
    fn json_is_for_those_who_name_it_before_html() {
        for (accept, expected) in [
            ("application/json", true),
            ("Application/JSON, text/plain, */*", true),
            ("application/problem+json", true),
            ("application/vnd.api+json;q=0.5", true),
            ("application/json, text/html", true),
            ("text/html, application/json", false),
            ("text/html;q=0.9, application/json", true),
            ("text/html, application/json;q=0.9", false),
            ("text/html;q=0, application/json; q=0.001", true),
            ("application/json;q=0", false),
            ("application/json;q=2", false),
            ("application/json;q=1.001", false),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("*/*", false),
            ("", false),
            ("application/", false),
            ("image/x+json", false),
        ] {
            assert_eq!(prefers(&[accept]), expected, "{accept}");
        }
        assert!(!prefers(&[]) && prefers(&["text/plain", "application/json"]));
    }
}
