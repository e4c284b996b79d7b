//! The policies that parse chooses from, arranged for looking up.

use fosse_routing::Routes;
use fosse_settings::{Dispatch as Settings, DispatchPolicy};
use fosse_wire::request::RequestHead;

use crate::exchange::headers::Edits;

/// The policies, and which of them a site's requests may have.
#[derive(Debug)]
pub(crate) struct Policies {
    routes: Vec<Routes>,
    policies: Vec<Policy>,
}

/// One policy.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(crate) settings: DispatchPolicy,
    /// Changes of the request's header fields.
    pub(crate) request: Edits,
    /// Changes of the response's.
    pub(crate) response: Edits,
}

impl From<DispatchPolicy> for Policy {
    fn from(mut settings: DispatchPolicy) -> Self {
        let request = Edits::new(std::mem::take(&mut settings.request_headers));
        let response = Edits::new(std::mem::take(&mut settings.response_headers));
        Self { settings, request, response }
    }
}

impl Policies {
    /// Takes the policies out of the settings.
    pub(crate) fn of(settings: &mut Settings) -> Self {
        let routes = settings.sites.iter().map(|site| Routes::new(&site.routes)).collect();
        let policies = std::mem::take(&mut settings.policies).into_iter().map(Policy::from).collect();
        Self { routes, policies }
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
