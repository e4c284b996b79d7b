//! The policies that parse chooses from, arranged for looking up.

use fosse_http1::{NameSieve, has_underscore};
use fosse_routing::{Routes, Sites};
use fosse_settings::{Access, Dispatch as Settings, DispatchPolicy, Keys};
use fosse_wire::request::RequestHead;

use crate::exchange::{headers::Edits, names};

/// The policies, and which of them a site's requests may have.
#[derive(Debug)]
pub(crate) struct Policies {
    sites: Sites,
    routes: Vec<Routes>,
    policies: Vec<Policy>,
    /// The keys of signed links.
    pub(crate) keys: Keys,
}

/// One policy.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) settings: DispatchPolicy,
    /// Changes of the request's header fields.
    pub(crate) request: Edits,
    /// Changes of the response's.
    pub(crate) response: Edits,
    /// Names of request fields that its checks alone write, as [`alike`] has them.
    own: Vec<Vec<u8>>,
    /// The names of request fields that may not just pass.
    sieve: NameSieve,
}

impl Policy {
    /// Returns whether there may be a rule about request fields of that name; if not, they pass as
    /// they are.
    pub(crate) fn has_rule(&self, name: &[u8]) -> bool {
        self.sieve.may_have(name) || has_underscore(name)
    }

    /// Returns whether the checks of the policy alone write a request field of that name, or of one
    /// that some application may take for it.
    pub(crate) fn is_of_checks(&self, name: &[u8]) -> bool {
        !self.own.is_empty() && self.own.contains(&alike(name))
    }
}

/// Returns a name as the most forgiving application reads it: programs of CGI get letters without
/// case, and one sign for all that is neither a letter nor a digit.
fn alike(name: &[u8]) -> Vec<u8> {
    let read = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    name.iter().map(read).collect()
}

impl Default for Policy {
    fn default() -> Self {
        Self::from(DispatchPolicy::default())
    }
}

impl From<DispatchPolicy> for Policy {
    fn from(mut settings: DispatchPolicy) -> Self {
        let request = Edits::new(std::mem::take(&mut settings.request_headers));
        let response = Edits::new(std::mem::take(&mut settings.response_headers));
        let own: Vec<_> =
            settings.access.iter().flat_map(Access::written_headers).map(|name| alike(name.as_bytes())).collect();
        let sieve = names::sieve(&settings, &request, &own);
        Self { request, response, own, sieve, settings }
    }
}

impl Policies {
    /// Takes the policies out of the settings.
    pub(crate) fn of(settings: &mut Settings) -> Self {
        let sites = Sites::new(settings.sites.iter().map(|site| site.hosts.as_slice()));
        let routes = settings.sites.iter().map(|site| Routes::new(&site.routes)).collect();
        let policies = std::mem::take(&mut settings.policies).into_iter().map(Policy::from).collect();
        Self { sites, routes, policies, keys: Keys::default() }
    }

    /// Returns whether a host, as parse found it, belongs to the site of this number, which is a
    /// default one or not.
    pub(crate) fn owns(&self, site: u32, is_default: bool, host: &[u8]) -> bool {
        match self.sites.of_host(host) {
            Ok(Some(named)) => named == site,
            Ok(None) => is_default,
            // Parse has had it decided, by states that other hosts had left.
            Err(_) => true,
        }
    }

    /// Returns the policy of a request; `None` where it may not have the one that it says.
    pub(crate) fn of_request(&self, head: &RequestHead<'_>) -> Option<&Policy> {
        let routes = self.routes.get(usize::try_from(head.site).ok()?)?;
        let policy = self.policies.get(usize::try_from(head.policy).ok()?)?;
        routes.may_choose(head.received_target(), head.policy).then_some(policy)
    }

    /// Lends the settings of the first one, for a test to change.
    #[cfg(test)]
    pub(crate) fn of_tests(&mut self) -> &mut DispatchPolicy {
        &mut self.policies[0].settings
    }

    /// Returns a policy by its number, which an admitted request has.
    pub(crate) fn get(&self, number: usize) -> &Policy {
        &self.policies[number]
    }
}
