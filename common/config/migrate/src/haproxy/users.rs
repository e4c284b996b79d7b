//! `userlist`: users with hashes of their passwords.

use super::section::Section;
use crate::edge::quoted;
use crate::notes::Notes;

/// Returns the users of a list that fosse can check, as basic_auth has them in quotes.
pub(super) fn read(section: &Section, notes: &mut Notes) -> Vec<String> {
    let mut users: Vec<(String, String)> = Vec::new();
    for line in &section.lines {
        let words = line.all();
        match words.as_slice() {
            ["user", name, "password", hash, ..] if is_name(name) && is_bcrypt(hash) => {
                users.retain(|(there, _)| there != name);
                users.push(((*name).to_owned(), (*hash).to_owned()));
            }
            ["user", ..] => line
                .left_out("not carried over, so this user is not let in: make a hash with fosse password NAME", notes),
            _ => line.left_out("not carried over: users of fosse are in no groups", notes),
        }
    }
    users.truncate(256);
    users.iter().map(|(name, hash)| quoted(&format!("{name}:{hash}"))).collect()
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte))
}

/// Returns whether a text is a hash of bcrypt: "$2y$", the cost, and 53 characters of its alphabet.
pub(crate) fn is_bcrypt(hash: &str) -> bool {
    let rest = ["$2y$", "$2a$", "$2b$"].iter().find_map(|kind| hash.strip_prefix(kind));
    let Some((cost, rest)) = rest.and_then(|rest| rest.split_once('$')) else { return false };
    let is_sound = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    cost.len() == 2 && cost.parse::<u32>().is_ok_and(|cost| (4..=15).contains(&cost)) && rest.len() == 53 && is_sound
}
