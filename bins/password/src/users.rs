//! The users, and a check of what somebody says he knows.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use fosse_passwords::{Hash, User};
use fosse_settings::{Password as Settings, UserFiles, UserList};

/// The lists of users, in the order of their numbers.
#[derive(Debug)]
pub struct Users {
    lists: Vec<List>,
    /// Chooses what a user who is none costs.
    random: RandomState,
}

#[derive(Debug, Default)]
struct List {
    by_name: HashMap<String, usize>,
    hashes: Vec<Hash>,
}

impl Users {
    /// Arranges the users. What is read here was read before, by those who compile and load a
    /// configuration: a line that is wrong after all makes nobody a user.
    #[must_use]
    pub fn new(settings: &Settings, files: &UserFiles) -> Self {
        let list = |list: &UserList| List::of(list, files);
        Self { lists: settings.lists.iter().map(list).collect(), random: RandomState::new() }
    }

    /// Returns whether a password is that of a user. Takes as long for a name that no user has:
    /// such a name costs what one of the users costs, the same one each time.
    #[must_use]
    pub fn check(&self, list: u32, name: &[u8], password: &[u8]) -> bool {
        let list = usize::try_from(list).ok().and_then(|list| self.lists.get(list));
        let Some(list) = list else { return false };
        let known = str::from_utf8(name).ok().and_then(|name| list.by_name.get(name));
        match known {
            Some(at) => list.hashes[*at].is_of(password),
            None => {
                // Whether it fits is nobody's business: there is no such user.
                if let Some(hash) = list.decoy(self.random.hash_one(name)) {
                    std::hint::black_box(hash.is_of(password));
                }
                false
            }
        }
    }

    /// Returns the number of users.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lists.iter().map(|list| list.hashes.len()).sum()
    }
}

impl List {
    fn of(list: &UserList, files: &UserFiles) -> Self {
        let file = list.file.and_then(|file| files.0.get(usize::try_from(file).ok()?));
        let in_file = file.map(|text| fosse_passwords::users(text).unwrap_or_default()).unwrap_or_default();
        let written = list.users.iter().filter_map(|line| User::parse(line).ok());
        let mut all = Self::default();
        for User { name, hash } in written.chain(in_file) {
            // One that is written in the configuration comes before one of the same name.
            all.by_name.entry(name).or_insert_with(|| {
                all.hashes.push(hash);
                all.hashes.len() - 1
            });
        }
        all
    }

    fn decoy(&self, random: u64) -> Option<&Hash> {
        let count = u64::try_from(self.hashes.len()).ok().filter(|count| *count > 0)?;
        self.hashes.get(usize::try_from(random % count).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, password: &str) -> String {
        format!("{name}:{}", Hash::bcrypt_of(password.as_bytes(), 4, [1; 16]).unwrap())
    }

    #[test]
    fn a_password_is_good_for_its_user_in_its_list_alone() {
        let lists = vec![
            UserList { users: vec![line("ann", "a"), line("bob", "b")], file: None },
            UserList { users: vec![line("ann", "other")], file: Some(0) },
            UserList::default(),
        ];
        let files = UserFiles(vec![format!("{}\n{}\n", line("ann", "of the file"), line("carl", "c")).into_bytes()]);
        let users = Users::new(&Settings { lists }, &files);
        assert_eq!(users.count(), 4);
        let good = [(0, "ann", "a"), (0, "bob", "b"), (1, "ann", "other"), (1, "carl", "c")];
        for list in 0..4 {
            for name in ["ann", "bob", "carl", "Ann", "", "dora"] {
                for password in ["a", "b", "c", "other", "of the file", ""] {
                    let is_good = users.check(list, name.as_bytes(), password.as_bytes());
                    assert_eq!(is_good, good.contains(&(list, name, password)), "{list} {name} {password}");
                }
            }
        }
        assert!(!users.check(0, b"\xff", b"a"));
    }
}
