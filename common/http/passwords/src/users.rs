//! The file of users: a line each, `NAME:HASH`; empty lines and those that begin with `#` are
//! left out.

use std::{collections::HashSet, fmt};

use crate::{
    hash::Hash,
    limits::{LINE_BYTES_MAX, NAME_BYTES_MAX, USERS_COUNT_MAX},
    unusable::Unusable,
};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The hash of the password.
    pub hash: Hash,
}

impl User {
    /// Reads a line.
    ///
    /// # Errors
    /// The reason for which it names no user.
    pub fn parse(line: &str) -> Result<Self, Fault> {
        let (name, rest) = line.split_once(':').ok_or(Fault::NoHash)?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(Fault::Name);
        }
        // Apache takes no notice of what follows another colon.
        let hash = Hash::parse(rest).map_err(Fault::Hash)?;
        Ok(Self { name: name.to_owned(), hash })
    }
}

/// The reason for which a line names no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has no colon.
    NoHash,
    /// Its name is empty, too long or holds a control character.
    Name,
    /// Its hash is not taken.
    Hash(Unusable),
    /// An earlier line has the same name.
    Twice,
    /// It is longer than [`LINE_BYTES_MAX`].
    Long,
    /// It is not UTF-8.
    Text,
    /// It is one more than [`USERS_COUNT_MAX`].
    Many,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHash => f.write_str("a line is NAME:HASH, and this one has no colon"),
            Self::Name => write!(f, "a name has 1 to {NAME_BYTES_MAX} bytes and no control character"),
            Self::Hash(why) => why.fmt(f),
            Self::Twice => f.write_str("this name is in an earlier line too; remove one"),
            Self::Long => write!(f, "a line has {LINE_BYTES_MAX} bytes at most"),
            Self::Text => f.write_str("this is not UTF-8"),
            Self::Many => write!(f, "it is one more than {USERS_COUNT_MAX} users"),
        }
    }
}

/// Reads the users of a file. Faults come with the offset of their line in bytes.
///
/// # Errors
/// Every line that names no user.
pub fn users(text: &[u8]) -> Result<Vec<User>, Vec<(usize, Fault)>> {
    let (mut users, mut faults, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    let mut offset = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let at = offset;
        offset += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match user(line) {
            Ok(user) if !names.insert(user.name.clone()) => faults.push((at, Fault::Twice)),
            Ok(_) if users.len() == USERS_COUNT_MAX => {
                faults.push((at, Fault::Many));
                break;
            }
            Ok(user) => users.push(user),
            Err(fault) => faults.push((at, fault)),
        }
    }
    if faults.is_empty() { Ok(users) } else { Err(faults) }
}

fn user(line: &[u8]) -> Result<User, Fault> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Fault::Long);
    }
    User::parse(str::from_utf8(line).map_err(|_| Fault::Text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

    #[test]
    fn a_file_of_htpasswd_is_a_list_of_users() {
        let text = format!("# staff\n\nann:{HASH}\r\nBob the second:{HASH}\nann@example.org:{HASH}");
        let names: Vec<String> = users(text.as_bytes()).unwrap().into_iter().map(|user| user.name).collect();
        assert_eq!(names, ["ann", "Bob the second", "ann@example.org"]);
        assert_eq!(users(b""), Ok(Vec::new()));
    }

    #[test]
    fn every_line_that_is_wrong_is_found_with_its_place() {
        let text =
            format!("ann:{HASH}\nbob\n:{HASH}\nann:{HASH}\ncarl:{{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\ndora:{HASH}:\n");
        let faults = users(text.as_bytes()).unwrap_err();
        let lines = |at: usize| text[..at].matches('\n').count() + 1;
        let found: Vec<(usize, Fault)> = faults.into_iter().map(|(at, fault)| (lines(at), fault)).collect();
        let hash = Fault::Hash;
        assert_eq!(
            found,
            [
                (2, Fault::NoHash),
                (3, Fault::Name),
                (4, Fault::Twice),
                (5, hash(Unusable::Weak("SHA-1"))),
                (6, hash(Unusable::Malformed("bcrypt")))
            ]
        );
        assert_eq!(users(b"\xff:x"), Err(vec![(0, Fault::Text)]));
        assert_eq!(users(&[b'a'; LINE_BYTES_MAX + 1]), Err(vec![(0, Fault::Long)]));
        let many: String = (0..=USERS_COUNT_MAX).map(|n| format!("u{n}:{HASH}\n")).collect();
        let faults = users(many.as_bytes()).unwrap_err();
        assert_eq!(faults.iter().map(|(_, fault)| *fault).collect::<Vec<_>>(), [Fault::Many]);
    }
}
