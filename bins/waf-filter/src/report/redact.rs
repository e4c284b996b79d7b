//! Masking of what no log may have: credentials, cookies, and whatever people call passwords.

/// Parts of the names of arguments and headers whose values are secret.
const WORDS: &[&[u8]] = &[
    b"passw",
    b"passphrase",
    b"passcode",
    b"pwd",
    b"secret",
    b"token",
    b"apikey",
    b"api-key",
    b"api_key",
    b"credential",
    b"authorization",
    b"cookie",
    b"session",
    b"cvv",
    b"cvc",
    b"card",
];

/// The text in place of a secret.
pub(crate) const MASK: &[u8] = b"***";

/// Tells whether the value of what has this name is secret.
fn is_secret(name: &[u8]) -> bool {
    WORDS.iter().any(|word| name.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
}

/// Tells whether a variable as rules name it (`ARGS:q`, `REQUEST_HEADERS:Authorization`) holds a
/// secret.
pub(crate) fn is_secret_variable(variable: &[u8]) -> bool {
    // The names of things are no secrets, whatever they are.
    let names = variable.split(|byte| *byte == b':').next().is_some_and(|collection| collection.ends_with(b"_NAMES"));
    !names && is_secret(variable)
}

/// Returns a text in the form `name=value&name=value` (after `?`, in bodies and request lines) with
/// the secret values masked.
pub(crate) fn masked(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'&' | b'?' | b';' | b' ' | b'\n')).unwrap_or(rest.len());
        let (pair, after) = rest.split_at(end);
        let equals = pair.iter().position(|byte| *byte == b'=');
        match equals.map(|at| pair.split_at(at)) {
            // A byte after the sign is a switch, no secret.
            Some((name, value)) if value.len() > 2 && is_secret(name) => {
                out.extend_from_slice(name);
                out.push(b'=');
                out.extend_from_slice(MASK);
            }
            _ => out.extend_from_slice(pair),
        }
        let (separator, next) = after.split_at(after.len().min(1));
        out.extend_from_slice(separator);
        rest = next;
    }
    out
}

/// Returns the value of a header as it may be shown: of cookies the names.
pub(crate) fn header(name: &[u8], value: &[u8]) -> Vec<u8> {
    if name.eq_ignore_ascii_case(b"cookie") {
        let names =
            value.split(|byte| *byte == b';').map(|pair| pair.split(|byte| *byte == b'=').next().unwrap_or(pair));
        let shown: Vec<Vec<u8>> = names.map(|name| [name, b"=", MASK].concat()).collect();
        return shown.join(&b';');
    }
    if is_secret(name) { MASK.to_vec() } else { masked(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_passwords_are_masked_and_others_stay() {
        let line = masked(b"GET /in?user=bob&Password=hunter2&x=1;api_key=zz HTTP/1.1");
        assert_eq!(line, b"GET /in?user=bob&Password=***&x=1;api_key=*** HTTP/1.1");
        assert_eq!(masked(b"/plain?a=b=c&&"), b"/plain?a=b=c&&");
        assert_eq!(masked(b"session.referer_check=t found"), b"session.referer_check=t found");
    }

    #[test]
    fn of_cookies_the_names_are_shown() {
        assert_eq!(header(b"Cookie", b"sid=abc; theme=dark"), b"sid=***; theme=***");
        assert_eq!(header(b"Authorization", b"Basic eDp5"), MASK);
        assert_eq!(header(b"Referer", b"http://a/?token=12"), b"http://a/?token=***");
        assert_eq!(header(b"Accept", b"*/*"), b"*/*");
    }

    #[test]
    fn variables_are_known_by_their_names() {
        for name in
            ["ARGS:password", "ARGS_POST:json.user.passwd", "REQUEST_HEADERS:authorization", "REQUEST_COOKIES:x"]
        {
            assert!(is_secret_variable(name.as_bytes()), "{name}");
        }
        for name in ["ARGS:q", "REQUEST_URI", "ARGS_NAMES:password", "REQUEST_COOKIES_NAMES:sid", "TX:anomaly_score"] {
            assert!(!is_secret_variable(name.as_bytes()), "{name}");
        }
    }
}
