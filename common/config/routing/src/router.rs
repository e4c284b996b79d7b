//! The choice of site and policy for a request.

use fosse_settings::Parse;

use crate::facts::Facts;
use crate::pattern::Undecided;
use crate::rewrite::{Changed, Changes, Unwritable};
use crate::routes::Routes;
use crate::sites::Sites;

/// The sites of a configuration with their routes, and what each policy changes.
#[derive(Debug)]
pub struct Router {
    sites: Sites,
    default_site: Option<u32>,
    /// By the number of a listener: the site whose `default_for` names it.
    default_for: Vec<Option<u32>>,
    routes: Vec<Routes>,
    changes: Vec<Option<Box<Changes>>>,
}

impl Router {
    /// Arranges a configuration for looking up.
    #[must_use]
    pub fn new(settings: &Parse) -> Self {
        let routes = settings.sites.iter().map(|site| Routes::new(&site.routes));
        let changes = settings.policies.iter().map(|policy| Changes::of(policy).map(Box::new));
        Self {
            sites: Sites::new(settings.sites.iter().map(|site| site.hosts.as_slice())),
            default_site: settings.default_site,
            default_for: settings.listeners.iter().map(|listener| listener.default_site).collect(),
            routes: routes.collect(),
            changes: changes.collect(),
        }
    }

    /// Returns the site of a canonical host over a listener: the one that names it, or the default
    /// of the listener or of all.
    ///
    /// # Errors
    /// [`Undecided`].
    pub fn site(&self, host: &[u8], listener: u16) -> Result<Option<u32>, Undecided> {
        Ok(self.sites.of_host(host)?.or_else(|| self.default_site(listener)))
    }

    /// Returns whether some site names a host.
    #[must_use]
    pub fn is_named(&self, host: &[u8]) -> bool {
        matches!(self.sites.of_host(host), Ok(Some(_)))
    }

    /// Returns the site for the hosts that none names, over a listener.
    #[must_use]
    pub fn default_site(&self, listener: u16) -> Option<u32> {
        self.default_for.get(usize::from(listener)).copied().flatten().or(self.default_site)
    }

    /// Returns the policy of a request to a site; 0 where there are no sites, as in a shell.
    ///
    /// # Errors
    /// [`Undecided`].
    pub fn policy<'a>(&self, site: u32, facts: impl FnOnce() -> Facts<'a>) -> Result<u32, Undecided> {
        let routes = usize::try_from(site).ok().and_then(|site| self.routes.get(site));
        let Some(routes) = routes else { return Ok(0) };
        if !routes.has_precedents() {
            return routes.choose(facts);
        }
        let facts = facts();
        if let Some(policy) = routes.challenge(&facts) {
            return Ok(policy);
        }
        match routes.to_https(&facts) {
            // A default site has no say in what its clients call it: whether a certificate has that
            // name is not known.
            Some(policy) if self.is_named(facts.host) => Ok(policy),
            _ => routes.choose(|| facts),
        }
    }

    /// Returns whether a policy changes the target of requests or redirects them.
    #[must_use]
    pub fn changes(&self, policy: u32) -> bool {
        self.of(policy).is_some()
    }

    /// Makes the target or location that a policy gives a request, of `bytes_max` at most.
    ///
    /// # Errors
    /// [`Unwritable`].
    pub fn changed(&self, policy: u32, facts: &Facts<'_>, bytes_max: usize) -> Result<Changed, Unwritable> {
        self.of(policy).map_or(Ok(Changed::default()), |changes| changes.make(facts, bytes_max))
    }

    fn of(&self, policy: u32) -> Option<&Changes> {
        usize::try_from(policy).ok().and_then(|policy| self.changes.get(policy))?.as_deref()
    }
}
