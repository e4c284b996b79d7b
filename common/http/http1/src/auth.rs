//! HTTP authentication as far as a proxy needs it (RFC 9110, section 11): which schemes log a
//! connection in, and challenges one by one.

use crate::class::{is_token_byte, trim};

/// Schemes whose server takes later requests of the same connection for the same user's: NTLM
/// ([MS-NTHT]), Negotiate (RFC 4559, section 6), and what wraps or replaces the two. All others
/// carry their proof in every request.
const CONNECTION_SCHEMES: [&str; 5] = ["ntlm", "negotiate", "kerberos", "nego2", "credssp"];

/// Returns whether a value of Authorization, WWW-Authenticate, Proxy-Authorization or
/// Proxy-Authenticate names a scheme that logs a connection in. Any token that reads so counts,
/// wherever it is: a server may be more lenient with these fields than the grammar is.
#[must_use]
pub fn names_connection_scheme(value: &[u8]) -> bool {
    value.split(|byte| !is_token_byte(*byte)).any(is_connection_scheme)
}

fn is_connection_scheme(token: &[u8]) -> bool {
    CONNECTION_SCHEMES.iter().any(|scheme| scheme.as_bytes().eq_ignore_ascii_case(token))
}

/// Iterates over the challenges of one WWW-Authenticate value that do not log a connection in.
pub fn other_challenges(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    challenges(value).into_iter().filter(|challenge| !is_connection_scheme(scheme(challenge)))
}

/// Splits a field into its challenges. Commas are both between challenges and within them (RFC
/// 9110, section 11.6.1): after one comes a parameter of the challenge before it, if it is a token
/// and an equals sign, else a challenge.
fn challenges(value: &[u8]) -> Vec<&[u8]> {
    let mut challenges: Vec<&[u8]> = Vec::new();
    let mut begun = None;
    for element in elements(value) {
        let start = element.start;
        let text = &value[element.clone()];
        match begun {
            Some(first) if trim(text).is_empty() || is_parameter(text) => {
                challenges.pop();
                challenges.push(trim(&value[first..element.end]));
            }
            None if trim(text).is_empty() => {}
            _ => {
                begun = Some(start);
                challenges.push(trim(text));
            }
        }
    }
    challenges
}

/// Returns the ranges between commas that are in no quoted string (RFC 9110, section 5.6.4).
fn elements(value: &[u8]) -> Vec<core::ops::Range<usize>> {
    let (mut elements, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                elements.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    elements.push(start..value.len());
    elements
}

fn scheme(challenge: &[u8]) -> &[u8] {
    let end = challenge.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(challenge.len());
    &challenge[..end]
}

fn is_parameter(element: &[u8]) -> bool {
    let element = trim(element);
    let name = scheme(element);
    !name.is_empty() && trim(&element[name.len()..]).starts_with(b"=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_that_logs_a_connection_in_is_found_however_it_is_written() {
        for value in [
            "NTLM",
            "ntlm TlRMTVNTUAAB",
            "Negotiate YII=",
            "Kerberos x",
            "CredSSP",
            "Nego2",
            "Basic x, NTLM",
            " \tNTLM\tx",
        ] {
            assert!(names_connection_scheme(value.as_bytes()), "{value}");
        }
        for value in ["", "Basic bnRsbQ==", "Bearer NTLMish", "Digest username=\"x\"", "NTLM2 x"] {
            assert!(!names_connection_scheme(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn challenges_that_log_a_connection_in_are_left_out_and_no_others() {
        for (value, left) in [
            ("NTLM", &[][..]),
            ("Negotiate oYG2==, NTLM TlRM", &[]),
            ("Basic realm=\"a, NTLM\", charset=\"UTF-8\"", &["Basic realm=\"a, NTLM\", charset=\"UTF-8\""]),
            (
                "NTLM, Basic realm=\"a\" , charset = \"x\\\",y\",,NEGOTIATE",
                &["Basic realm=\"a\" , charset = \"x\\\",y\","],
            ),
            (", Digest qop=auth, nonce=1,Bearer", &["Digest qop=auth, nonce=1", "Bearer"]),
            ("", &[]),
        ] {
            let found: Vec<_> = other_challenges(value.as_bytes()).map(|c| String::from_utf8_lossy(c)).collect();
            assert_eq!(found, left, "{value}");
        }
    }
}
