//! `userlist`: users with hashes of their passwords.

use super::section::Section;
use crate::edge::quoted;
use crate::notes::Notes;
use crate::users::{is_bcrypt, is_name};

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
