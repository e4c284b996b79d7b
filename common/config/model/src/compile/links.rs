//! Signed links as dispatch sees them, and the files of their keys.

use std::collections::HashMap;

use fosse_settings as blobs;

use crate::model::{SignedLinks, Site};
use crate::policy::Policy;
use crate::section::At;

/// The different files of keys that sites name.
#[derive(Debug, Default)]
pub(crate) struct KeyFiles {
    /// In the order of their numbers.
    pub(crate) paths: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl KeyFiles {
    /// Collects the files in the order of the sites.
    pub(crate) fn of(sites: &[At<Site>]) -> Self {
        let mut files = Self::default();
        let links = sites.iter().flat_map(|site| Policy::of(site)).filter_map(|policy| policy.signed_links());
        for path in links.flat_map(|links| links.keys.iter()).map(|path| &path.value.0) {
            if !files.numbers.contains_key(path) {
                // The rows allow 10,000 sites of 1,000 routes.
                files.numbers.insert(path.clone(), u32::try_from(files.paths.len()).unwrap_or(u32::MAX));
                files.paths.push(path.clone());
            }
        }
        files
    }

    /// Returns the links by which requests of a policy have to come, if they have to.
    pub(super) fn links(&self, policy: &Policy<'_>) -> Option<blobs::SignedLinks> {
        let SignedLinks { keys, expires_argument, signature_argument, bind_client, keep_arguments, .. } =
            policy.signed_links()?;
        Some(blobs::SignedLinks {
            // One that has no number is no key: dispatch has none of it.
            keys: keys.iter().map(|path| self.numbers.get(&path.value.0).copied().unwrap_or(u32::MAX)).collect(),
            expires_argument: expires_argument.0.clone(),
            signature_argument: signature_argument.0.clone(),
            bind_client: bind_client.value,
            keep_arguments: keep_arguments.value,
        })
    }
}
