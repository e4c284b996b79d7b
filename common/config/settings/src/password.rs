//! Passwords of users.

use serde::{Deserialize, Serialize};

use crate::Net;

/// The users that a policy lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicAuth {
    /// Number of their list.
    pub list: u32,
    /// The name that clients show.
    pub realm: String,
    /// Request field with the name of the user, which no client sets; empty for none.
    pub user_header: String,
    /// The application gets the password too.
    pub keep_authorization: bool,
    /// Networks whose clients are let in without.
    pub anonymous_networks: Vec<Net>,
}

/// fosse-password
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password {
    /// In the order of their numbers.
    pub lists: Vec<UserList>,
}

/// A list of users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserList {
    /// Those of the configuration: `NAME:HASH`.
    pub users: Vec<String>,
    /// Number of the file that has more of them.
    pub file: Option<u32>,
}

/// The files of users. They are no part of the plan: fosse-load writes them, and fosse-password
/// alone is given them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserFiles(pub Vec<Vec<u8>>);

/// Shows how many there are, and none of them.
impl core::fmt::Debug for UserFiles {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("UserFiles").field(&self.0.len()).finish()
    }
}
