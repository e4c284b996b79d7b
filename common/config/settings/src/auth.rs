//! The checks of who asks, which a request passes before anything of it goes on.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::template::Template;

/// The checks of a policy, in the order in which they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
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
    /// Iterates over the names of the header fields that these checks alone write.
    pub fn written_headers(&self) -> impl Iterator<Item = &str> {
        self.forward_auth.iter().flat_map(|auth| &auth.copy_headers).map(String::as_str)
    }
}
