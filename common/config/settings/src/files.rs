//! A backend that serves files, as fosse-static sees it.

use serde::{Deserialize, Serialize};

/// fosse-static
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The name of the backend, for logs.
    pub name: String,
    /// Names of the files that a directory's path means; the first that is there.
    pub index: Vec<String>,
}
