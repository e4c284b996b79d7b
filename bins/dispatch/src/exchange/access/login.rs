//! The name and the password that a request comes with (RFC 7617).

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use fosse_settings::BasicAuth;
use fosse_wire::{
    password::{NAME_BYTES_MAX, PASSWORD_BYTES_MAX},
    request::RequestHead,
};
use zeroize::Zeroizing;

use super::{Denial, Field, Given};

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The digest of a name and a password in a list of users, under a secret of this process.
pub(crate) type Digest = [u8; 32];

/// The user that a request says it comes from.
#[derive(Debug)]
pub(crate) enum Login {
    /// Its network is let in without.
    Anonymous,
    /// It does not say.
    Missing,
    /// A user.
    User(Credentials),
}

/// A name and a password.
pub(crate) struct Credentials {
    pub(crate) name: Vec<u8>,
    pub(crate) password: Zeroizing<Vec<u8>>,
}

/// Shows neither of the two.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Login {
    /// Returns who a request says that it comes from.
    pub(crate) fn of(head: &RequestHead<'_>, auth: &BasicAuth) -> Self {
        if head.client.ip().is_some() && auth.anonymous_networks.iter().any(|net| net.contains(&head.client.addr)) {
            return Self::Anonymous;
        }
        let mut fields = head.fields.all(b"authorization");
        match (fields.next(), fields.next()) {
            // Of two it is not known which one others would take.
            (Some(value), None) => Credentials::parse(value).map_or(Self::Missing, Self::User),
            _ => Self::Missing,
        }
    }
}

impl Credentials {
    /// Reads the value of Authorization; `None` for another scheme, and for a name or a password
    /// that no user has.
    fn parse(value: &[u8]) -> Option<Self> {
        let (scheme, token) = value.split_at_checked(5)?;
        let token = token.strip_prefix(b" ").filter(|_| scheme.eq_ignore_ascii_case(b"basic"))?.trim_ascii();
        let both = Zeroizing::new(BASE64.decode(token).ok()?);
        // The name cannot have a colon, the password may.
        let at = both.iter().position(|byte| *byte == b':')?;
        let (name, password) = (both[..at].to_vec(), Zeroizing::new(both[at + 1..].to_vec()));
        let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && password.len() <= PASSWORD_BYTES_MAX;
        fits.then_some(Self { name, password })
    }
}

/// Returns what a user who is let in adds to his request.
pub(crate) fn given(auth: &BasicAuth, name: &[u8]) -> Given {
    let field = (auth.user_header.as_bytes().to_vec(), name.to_vec());
    let request_fields = if auth.user_header.is_empty() { Vec::new() } else { vec![field] };
    Given { request_fields, ..Given::default() }
}

/// Returns the response to a request that comes without a name and a password, or with wrong ones.
pub(crate) fn challenge(auth: &BasicAuth) -> Denial {
    let value = format!("Basic realm=\"{}\", charset=\"UTF-8\"", auth.realm);
    denial(401, (b"WWW-Authenticate".to_vec(), value.into_bytes()))
}

/// Returns the response to a request whose password was not looked at: too many attempts of its
/// source wait.
pub(crate) fn too_many() -> Denial {
    denial(429, (b"Retry-After".to_vec(), b"1".to_vec()))
}

fn denial(status: u16, field: Field) -> Denial {
    Denial { status, fields: vec![field], page: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Option<(String, String)> {
        let Credentials { name, password } = Credentials::parse(value.as_bytes())?;
        Some((String::from_utf8(name).unwrap(), String::from_utf8(password.to_vec()).unwrap()))
    }

    #[test]
    fn credentials_are_read_as_browsers_and_curl_write_them() {
        let both = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(parsed("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), both("Aladdin", "open sesame"));
        assert_eq!(parsed("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"), both("Aladdin", "open sesame"));
        assert_eq!(parsed("Basic  dGVzdDoxMjPCow== "), both("test", "123\u{a3}"));
        assert_eq!(parsed("Basic YTpiOmM="), both("a", "b:c"), "a password may have a colon");
        assert_eq!(parsed("Basic YTo="), both("a", ""));
        for other in [
            "",
            "Basic",
            "Basic ",
            "BasicYTpi",
            "Bearer YTpi",
            "Basic YWI=",
            "Basic OmI=",
            "Basic Y!pi",
            "Basic YTpi YTpi",
            "Digest username=\"a\"",
        ] {
            assert_eq!(parsed(other), None, "{other}");
        }
        let long =
            |name: usize, password: usize| BASE64.encode([&vec![b'n'; name][..], b":", &vec![b'p'; password]].concat());
        assert!(parsed(&format!("Basic {}", long(NAME_BYTES_MAX, PASSWORD_BYTES_MAX))).is_some());
        for (name, password) in [(NAME_BYTES_MAX + 1, 1), (1, PASSWORD_BYTES_MAX + 1)] {
            assert_eq!(parsed(&format!("Basic {}", long(name, password))), None);
        }
        assert_eq!(format!("{:?}", Credentials::parse(b"Basic YTpi")), "Some(Credentials)");
    }
}
