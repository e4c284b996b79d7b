//! A key: the tag of a policy, and the head of the request that it is.

use fosse_wire::request::RequestHead;

/// Bytes of a key before the head of its request: the tag of its policy.
pub(crate) const KEY_TAG_BYTES: usize = 8;

/// Returns the head of the request that a key is; an empty one for what is no key.
pub(crate) fn head_of(key: &[u8]) -> RequestHead<'_> {
    key.get(KEY_TAG_BYTES..).and_then(|head| RequestHead::decode(head).ok()).unwrap_or_default()
}
