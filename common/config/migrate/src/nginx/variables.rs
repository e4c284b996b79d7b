//! Variables of requests, by nginx's names and fosse's.

/// Variables that mean the same.
const VARIABLES: &[(&str, &str)] = &[
    ("request_uri", "{target}"),
    ("scheme", "{scheme}"),
    ("host", "{host}"),
    ("http_host", "{authority}"),
    ("remote_addr", "{client_address}"),
    ("remote_port", "{client_port}"),
    ("request_method", "{method}"),
    ("request_id", "{request_id}"),
    ("uri", "{path}"),
    ("document_uri", "{path}"),
    ("args", "{query}"),
    ("query_string", "{query}"),
];

/// Returns a text with fosse's variables in place of nginx's; `None` where it has one that fosse
/// has not.
pub(super) fn template(text: &str) -> Option<String> {
    if text.chars().any(char::is_control) || !text.is_ascii() {
        return None;
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '{', '}']) {
        out.push_str(&rest[..at]);
        let (sign, after) = rest[at..].split_at(1);
        if sign != "$" {
            out.push_str(&sign.repeat(2));
            rest = after;
            continue;
        }
        let (name, after) = match after.strip_prefix('{') {
            Some(inside) => inside.split_once('}')?,
            None => {
                let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                after.split_at(after.bytes().take_while(|byte| is_of_name(byte)).count())
            }
        };
        out.push_str(&variable(name)?);
        rest = after;
    }
    Some(out + rest)
}

fn variable(name: &str) -> Option<String> {
    if let Some((_, ours)) = VARIABLES.iter().find(|(theirs, _)| *theirs == name) {
        return Some((*ours).to_owned());
    }
    let header = name.strip_prefix("http_").filter(|header| !header.is_empty() && header.len() <= 64)?;
    Some(format!("{{header.{}}}", header.replace('_', "-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_variables_of_fosse_or_are_not_carried_over() {
        for (text, expected) in [
            ("https://$host$request_uri", Some("https://{host}{target}")),
            ("a{b}${scheme}x", Some("a{{b}}{scheme}x")),
            ("$http_x_user_id", Some("{header.x-user-id}")),
            ("$upstream_addr", None),
            ("$", None),
            ("${host", None),
        ] {
            assert_eq!(template(text).as_deref(), expected, "{text}");
        }
    }
}
