//! Texts with samples in them (Configuration Manual, 8.2.6 "Custom log format").

use crate::http::is_header;

/// Samples that mean the same.
const SAMPLES: &[(&str, &str)] = &[
    ("src", "{client_address}"),
    ("src_port", "{client_port}"),
    ("path", "{path}"),
    ("query", "{query}"),
    ("pathq", "{target}"),
    ("capture.req.uri", "{target}"),
    ("url", "{target}"),
    ("method", "{method}"),
    ("capture.req.method", "{method}"),
    ("unique-id", "{request_id}"),
    ("uuid()", "{request_id}"),
    ("uuid", "{request_id}"),
];

/// Returns a text with fosse's variables in place of HAProxy's samples; `None` where it has one
/// that fosse has not.
pub(super) fn template(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) || !text.is_ascii() || text.len() > 1000 {
        return None;
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['%', '{', '}']) {
        out.push_str(&rest[..at]);
        let (sign, after) = rest[at..].split_at(1);
        if sign != "%" {
            out.push_str(&sign.repeat(2));
            rest = after;
            continue;
        }
        let (ours, after) = match after.as_bytes().first()? {
            b'%' => ("%".to_owned(), &after[1..]),
            b'[' => {
                let (sample, after) = after[1..].split_once(']')?;
                (sampled(sample)?, after)
            }
            _ => [("ci", "{client_address}"), ("cp", "{client_port}"), ("ID", "{request_id}"), ("HM", "{method}")]
                .iter()
                .find_map(|(theirs, ours)| after.strip_prefix(theirs).map(|after| ((*ours).to_owned(), after)))?,
        };
        out.push_str(&ours);
        rest = after;
    }
    Some(out + rest)
}

fn sampled(sample: &str) -> Option<String> {
    if let Some((_, ours)) = SAMPLES.iter().find(|(theirs, _)| *theirs == sample) {
        return Some((*ours).to_owned());
    }
    let name =
        ["req.hdr(", "hdr(", "req.fhdr("].iter().find_map(|fetch| sample.strip_prefix(fetch))?.strip_suffix(')')?;
    if name.eq_ignore_ascii_case("host") {
        return Some("{authority}".to_owned());
    }
    is_header(name).then(|| format!("{{header.{}}}", name.to_ascii_lowercase()))
}

/// Returns whether a text is the name of a header, a cookie or a parameter.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_variables_of_fosse_or_are_not_carried_over() {
        for (text, expected) in [
            ("https://%[hdr(host)]%[capture.req.uri]", Some("https://{authority}{target}")),
            ("a{b}%[src]%%", Some("a{{b}}{client_address}%")),
            ("%[req.hdr(X-User)] %ID", Some("{header.x-user} {request_id}")),
            ("%[var(txn.a)]", None),
            ("%[src", None),
            ("%", None),
        ] {
            assert_eq!(template(text).as_deref(), expected, "{text}");
        }
    }
}
