//! Users with hashes of their passwords.

/// Returns whether a text is a name of a user.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte))
}

/// Returns whether a text is a hash of bcrypt: "$2y$", a cost that fosse takes, and 53 characters
/// of its alphabet.
pub(crate) fn is_bcrypt(hash: &str) -> bool {
    let rest = ["$2y$", "$2a$", "$2b$"].iter().find_map(|kind| hash.strip_prefix(kind));
    let Some((cost, rest)) = rest.and_then(|rest| rest.split_once('$')) else { return false };
    let is_sound = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    cost.len() == 2 && cost.parse::<u32>().is_ok_and(|cost| (4..=13).contains(&cost)) && rest.len() == 53 && is_sound
}
