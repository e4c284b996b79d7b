//! Users as dispatch and fosse-password see them, and the files that have them.

use std::collections::HashMap;

use fosse_settings as blobs;

use super::listeners;
use crate::model::{BasicAuth, Site};
use crate::policy::Policy;
use crate::section::At;

/// The different lists of users of all sites, and their files.
#[derive(Debug, Default)]
pub(crate) struct UserLists {
    /// The settings of fosse-password.
    pub(crate) settings: blobs::Password,
    /// The files, in the order of their numbers.
    pub(crate) paths: Vec<String>,
    numbers: HashMap<(Vec<String>, Option<u32>), u32>,
}

impl UserLists {
    /// Collects the lists in the order of the sites.
    pub(crate) fn of(sites: &[At<Site>]) -> Self {
        let mut lists = Self::default();
        for auth in sites.iter().flat_map(|site| Policy::of(site)).filter_map(|policy| policy.basic_auth()) {
            let file = auth.users_file.value.as_ref().map(|path| lists.file(&path.0));
            let users: Vec<String> = auth.users.iter().map(|user| user.line.clone()).collect();
            let next = number(lists.settings.lists.len());
            if *lists.numbers.entry((users.clone(), file)).or_insert(next) == next {
                lists.settings.lists.push(blobs::UserList { users, file });
            }
        }
        lists
    }

    fn file(&mut self, path: &str) -> u32 {
        let known = self.paths.iter().position(|known| known == path);
        number(known.unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        }))
    }

    /// Returns the users that a policy lets in, if it asks who comes.
    pub(super) fn basic_auth(&self, policy: &Policy<'_>) -> Option<blobs::BasicAuth> {
        let auth = policy.basic_auth()?;
        let BasicAuth { realm, users, users_file, user_header, keep_authorization, anonymous_networks, .. } = auth;
        let file = users_file.value.as_ref().and_then(|path| self.paths.iter().position(|known| *known == path.0));
        let users: Vec<String> = users.iter().map(|user| user.line.clone()).collect();
        Some(blobs::BasicAuth {
            // One that has no number has no users: nobody is let in.
            list: self.numbers.get(&(users, file.map(number))).copied().unwrap_or(u32::MAX),
            realm: realm.0.clone(),
            user_header: user_header.value.as_ref().map(|name| name.0.clone()).unwrap_or_default(),
            keep_authorization: keep_authorization.value,
            anonymous_networks: anonymous_networks.iter().map(|net| listeners::net(&net.0)).collect(),
        })
    }
}

/// Returns a length as a number. The rows allow 10,000 sites of 1,000 routes.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
