//! Signed links.

use serde::{Deserialize, Serialize};

/// The links by which requests of a policy have to come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedLinks {
    /// Numbers of the keys that may have signed, in the order of [`Keys`].
    pub keys: Vec<u32>,
    /// Name of the argument with the time.
    pub expires_argument: String,
    /// Name of the argument with the signature.
    pub signature_argument: String,
    /// The signature names the client that may use the link.
    pub bind_client: bool,
    /// The application gets the two arguments too.
    pub keep_arguments: bool,
}

/// The keys of signed links. They are no part of the plan, which others read too: fosse-load writes
/// them, and dispatch alone is given them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys(pub Vec<Vec<u8>>);

/// Shows how many there are, and none of them.
impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Keys").field(&self.0.len()).finish()
    }
}
