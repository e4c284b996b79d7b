//! Pages of errors, and files that are responses.

use serde::{Deserialize, Serialize};

/// A page in place of the usual one of a status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPage {
    /// First status that it is for.
    pub first: u16,
    /// Last status.
    pub last: u16,
    /// Its Content-Type.
    pub content_type: String,
    /// Its body, which may hold variables.
    pub body: PageBody,
}

/// The body of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageBody {
    /// The file of this number, of those that load has read.
    File(u32),
    /// This text.
    Text(String),
}

impl Default for PageBody {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// The pages of a policy, which many policies may share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPages {
    /// The first that has a status is the page for it.
    pub error: Vec<ErrorPage>,
    /// Clients that would rather have JSON get a problem (RFC 9457) in place of a page.
    pub error_json: bool,
}

/// The file that a policy responds with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RespondFile {
    /// Its number, of those that load has read.
    pub respond_file: u32,
    /// Its Content-Type.
    pub content_type: String,
}
