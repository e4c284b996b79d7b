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
    routes: Vec<Routes>,
    changes: Vec<Option<Box<Changes>>>,
}

impl Router {
    /// Arranges a configuration for looking up.
    #[must_use]
    pub fn new(settings: &Parse) -> Self {
        let routes = settings.sites.iter().map(|site| Routes::new(&site.routes));
        let changes = settings.policies.iter().map(|policy| Changes::of(policy).map(Box::new));
        Self { sites: Sites::new(settings), routes: routes.collect(), changes: changes.collect() }
    }

    /// Returns the site of a canonical host: by its name, by the longest star above it, or the
    /// default.
    #[must_use]
    pub fn site(&self, host: &[u8]) -> Option<u32> {
        self.sites.of_host(host)
    }

    /// Returns the policy of a request to a site; 0 where there are no sites, as in a shell.
    ///
    /// # Errors
    /// [`Undecided`].
    pub fn policy<'a>(&self, site: u32, facts: impl FnOnce() -> Facts<'a>) -> Result<u32, Undecided> {
        let routes = usize::try_from(site).ok().and_then(|site| self.routes.get(site));
        routes.map_or(Ok(0), |routes| routes.choose(facts))
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
