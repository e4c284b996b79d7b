//! User and group names to numbers, from the text of passwd(5) and group(5).

use std::collections::BTreeMap;

use fosse_nearest::nearest;

use crate::names::Account;
use crate::problem::Problems;
use crate::section::At;

/// Longest passwd or group file that is read: some 100,000 accounts.
pub const ACCOUNTS_BYTES_MAX: usize = 8 << 20;

/// Names known on this machine.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
}

impl Accounts {
    /// Reads the two files; lines that are not of their form are skipped.
    #[must_use]
    pub fn from_files(passwd: &[u8], group: &[u8]) -> Self {
        Self { users: numbers(passwd), groups: numbers(group) }
    }

    /// Returns the UID of `account`, or notes the problem.
    pub(crate) fn uid(&self, account: &At<Account>, problems: &mut Problems) -> u32 {
        number(&self.users, "user", account, problems)
    }

    /// Returns the GID of a group of that name.
    pub(crate) fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied()
    }

    /// Returns the name of a group; its number where it has none.
    #[must_use]
    pub fn group_name(&self, gid: u32) -> String {
        name_of(&self.groups, gid)
    }

    /// Returns the name of a user; the UID where there is none.
    #[must_use]
    pub fn user_name(&self, uid: u32) -> String {
        name_of(&self.users, uid)
    }

    /// Returns the GID of `account`, or notes the problem.
    pub(crate) fn gid(&self, account: &At<Account>, problems: &mut Problems) -> u32 {
        number(&self.groups, "group", account, problems)
    }
}

fn name_of(known: &BTreeMap<String, u32>, number: u32) -> String {
    known.iter().find(|(_, known)| **known == number).map_or_else(|| number.to_string(), |(name, _)| name.clone())
}

/// `name:password:number:...`, the same place in both files; the first line of a name counts
/// (getpwnam(3)).
fn numbers(file: &[u8]) -> BTreeMap<String, u32> {
    let mut known = BTreeMap::new();
    for line in String::from_utf8_lossy(file).lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(number))) = (fields.next(), fields.nth(1).map(str::parse)) {
            known.entry(name.to_owned()).or_insert(number);
        }
    }
    known
}

fn number(known: &BTreeMap<String, u32>, kind: &str, account: &At<Account>, problems: &mut Problems) -> u32 {
    let name = match &account.value {
        Account::Id(number) => return *number,
        Account::Name(name) => name,
    };
    if let Some(number) = known.get(name) {
        return *number;
    }
    let cure = match nearest(name, known.keys().map(String::as_str)) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("make it, or write the number of a {kind}"),
    };
    problems.note_with_cure(&account.span, format!("there is no {kind} \"{name}\""), cure);
    // With a problem noted no plan is made.
    u32::MAX
}
