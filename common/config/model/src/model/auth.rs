//! Checks of who asks.

use toml::Spanned;
use toml::de::DeValue;

use crate::names::{CopiedField, HealthPath, Name, SignInText};
use crate::problem::Problems;
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, FromValue, section};
use crate::value::{Seconds, wrong_kind};

section! {
    /// A server is asked about each request of the site, or of a route as
    /// \[site.route.forward_auth], before anything of it goes on: before its body, and before
    /// the backend hears of it. Status 2xx lets it pass. Any other status is the response, with
    /// Location, WWW-Authenticate, Set-Cookie, Retry-After, and a body of up to 64 KiB that has a
    /// Content-Type; redirects go to the client. Without a response in time it gets 503. The
    /// question is a GET without a body that carries the client's headers, Cookie and Authorization
    /// among them, and says what the request is about: in X-Forwarded-Method, X-Forwarded-Proto,
    /// X-Forwarded-Host and X-Forwarded-Uri (method, scheme, host and the target that goes on), in
    /// X-Original-Method and X-Original-URL (the address that the client asked for), and in
    /// X-Forwarded-For. Cookies that such a server sets with 2xx go to the client. A path of its
    /// own, such as /oauth2/, needs a route with forward_auth = false.
    ForwardAuth "[site.forward_auth]" {
        /// The backend that is asked; it speaks HTTP/1.1.
        backend: Name, Required;
        /// Target of the question: "/oauth2/auth".
        path: HealthPath, Required;
        /// Headers of its 2xx responses that the application gets. Those of clients with such a
        /// name, however it is spelt, are left out always.
        copy_headers: Vec<At<CopiedField>>, Default("[]"), 0..=32;
        /// The place that clients are sent to, by 302, where it says 401 of a GET or HEAD:
        /// "/oauth2/sign_in?rd={target}". Values of variables are percent-encoded, so that they may
        /// stand in a query.
        sign_in: Option<SignInText>, Absent("its 401 is the response");
        /// Until its response is there, with the wait for a connection.
        decision_seconds: Seconds, Default("5"), 1..=60;
    }
}

/// A check that a site or a route has, or is to be without.
#[derive(Clone, Debug)]
pub enum Check<T> {
    /// There is none.
    Off,
    /// There is this one.
    On(T),
}

impl<T> Check<T> {
    /// Returns the check, where there is one.
    pub(crate) const fn on(&self) -> Option<&T> {
        match self {
            Self::On(check) => Some(check),
            Self::Off => None,
        }
    }
}

impl<T: FromValue> FromValue for Check<T> {
    const TAKES: &'static str = "a table, or false";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::Boolean(false) => Some(Self::Off),
            DeValue::Table(_) => T::read(key, value, problems).map(Self::On),
            DeValue::Boolean(true) => {
                problems.note_with_cure(&value.span(), format!("{key} = true does not say how"), "write it as a table");
                None
            }
            _ => {
                wrong_kind(key, Self::TAKES, value, problems);
                None
            }
        }
    }

    fn placeholder() -> Self {
        Self::Off
    }
}
