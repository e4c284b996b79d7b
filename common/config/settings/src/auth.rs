//! The checks of who asks, which a request passes before anything of it goes on.

use core::time::Duration;

use crate::BasicAuth;
use serde::{Deserialize, Serialize};

/// The field in which clients send passwords.
const AUTHORIZATION: &str = "Authorization";
use crate::template::Template;

/// The checks of a policy, in the order in which they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Users are let in by their passwords.
    pub basic_auth: Option<BasicAuth>,
    /// A server is asked about each request.
    pub forward_auth: Option<ForwardAuth>,
}

/// A server that decides about requests: 2xx lets one pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardAuth {
    /// Number of its backend, which speaks HTTP/1.1.
    pub backend: u32,
    /// Target of the question.
    pub path: String,
    /// Header fields of its good responses that go on with the request, and that no client sets.
    pub copy_headers: Vec<String>,
    /// Location of a redirect in place of its 401, in which the values of variables are
    /// percent-encoded.
    pub sign_in: Option<Template>,
    /// Longest wait for its response, with that for a connection.
    pub decision_seconds: Duration,
}

impl Access {
    /// Iterates over the names of the header fields that these checks alone write, and of those
    /// that end with them.
    pub fn written_headers(&self) -> impl Iterator<Item = &str> {
        let users = self.basic_auth.iter().map(|auth| &auth.user_header).filter(|name| !name.is_empty());
        let ends = self.basic_auth.iter().filter(|auth| !auth.keep_authorization).map(|_| AUTHORIZATION);
        let users = users.map(String::as_str).chain(ends);
        users.chain(self.forward_auth.iter().flat_map(|auth| &auth.copy_headers).map(String::as_str))
    }
}
