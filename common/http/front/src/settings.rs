//! The configuration, arranged for looking up.

use core::time::Duration;
use std::borrow::Cow;
use std::os::fd::OwnedFd;

use fosse_bundle::{PAGES_IMAGE_BYTES_MAX, Pages};
use fosse_counters::{Counters, ROW_NONE};
use fosse_http1::{FIELD_BYTES_MAX, FIELDS_COUNT_MAX, HEAD_BYTES_MAX, HeadLimits, Host, TARGET_BYTES_MAX};
use fosse_routing::Router;
use fosse_settings::{ErrorPages, Net, Parse, ParseListener, ParsePolicy, PathMatch, TrustedFields};
use fosse_sys::blob::Mapped;

/// The default site of a listener, as far as it counts before a request has a site.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultSite {
    /// The host of a request that names none, where there is a default site for it: the first name
    /// of that site.
    pub host: Option<Host>,
    /// Number of the pages for what has not come as far as to a site.
    pub error_pages: Option<u32>,
}

/// The settings of this generation.
#[derive(Debug)]
pub struct Settings {
    /// The compiled configuration as it came.
    pub blob: Parse,
    /// Limits of request heads.
    pub head: HeadLimits,
    /// By the number of a listener.
    defaults: Vec<DefaultSite>,
    /// Sites and their policies.
    pub router: Router,
    /// Some policy or listener has a rate.
    pub is_paced: bool,
    /// The files of pages, which all lanes share; none where no site has any.
    pub page_files: Option<Pages<Mapped>>,
}

impl Settings {
    /// Arranges a blob. Numbers above the hard limits are brought down to them.
    pub fn new(blob: Parse) -> Self {
        let head = head_limits(&blob.head);
        let router = Router::new(&blob);
        let is_paced = blob.has_rates();
        let listeners = (0..).zip(&blob.listeners);
        let defaults = listeners.map(|(listener, _)| DefaultSite::of(&blob, &router, listener)).collect();
        Self { blob, head, defaults, router, is_paced, page_files: None }
    }

    /// Returns the settings without a configuration: one site for every host, for use in a shell.
    #[must_use]
    pub fn plain() -> Self {
        Self::new(Parse {
            listeners: vec![ParseListener::default()],
            default_site: Some(0),
            head_seconds: Duration::from_secs(10),
            body_seconds: Duration::from_secs(30),
            idle_seconds: Duration::from_secs(75),
            write_seconds: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            drain_seconds_max: Duration::from_secs(30),
            head: fosse_settings::HeadLimits {
                head_bytes_max: u32::MAX,
                target_bytes_max: u32::MAX,
                header_bytes_max: u32::MAX,
                header_count_max: u32::MAX,
            },
            upgrade: vec!["websocket".into()],
            ..Parse::default()
        })
    }

    /// Returns a policy by its number; none in a shell.
    pub fn policy(&self, number: u32) -> Option<&ParsePolicy> {
        usize::try_from(number).ok().and_then(|number| self.blob.policies.get(number))
    }

    /// Returns the policy of a site for requests that no route takes.
    pub(crate) fn own_policy(&self, site: u32) -> u32 {
        let site = usize::try_from(site).ok().and_then(|site| self.blob.sites.get(site));
        site.map_or(u32::MAX, |site| site.routes.policy)
    }

    /// Opens the files of pages.
    ///
    /// # Errors
    /// The reason for which they cannot be used.
    pub(crate) fn take_page_files(&mut self, fd: OwnedFd) -> Result<(), String> {
        let image = fosse_sys::blob::map(fd, PAGES_IMAGE_BYTES_MAX).map_err(|error| error.to_string())?;
        self.page_files = Some(Pages::open(image).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Returns the file of a page by its number.
    pub(crate) fn page_file(&self, number: u32) -> Option<&[u8]> {
        self.page_files.as_ref()?.get(usize::try_from(number).ok()?)
    }

    /// Returns pages by their number.
    pub fn error_pages(&self, number: u32) -> Option<&ErrorPages> {
        usize::try_from(number).ok().and_then(|number| self.blob.error_pages.get(number))
    }

    /// Returns the index of an upgrade token that may be offered to backends.
    pub fn upgrade(&self, token: &[u8]) -> Option<usize> {
        self.blob.upgrade.iter().position(|allowed| allowed.as_bytes().eq_ignore_ascii_case(token))
    }

    /// Returns an upgrade token by its index, in lower case; empty where there is none.
    pub fn upgrade_token(&self, index: Option<usize>) -> &[u8] {
        index.and_then(|index| self.blob.upgrade.get(index)).map_or(b"", |token| token.as_bytes())
    }

    /// Returns the default site of a listener.
    pub fn default_of(&self, listener: u16) -> DefaultSite {
        self.defaults.get(usize::from(listener)).copied().unwrap_or_default()
    }

    /// Returns the settings of one listener.
    pub fn listener(&self, index: u16) -> Option<&ParseListener> {
        self.blob.listeners.get(usize::from(index))
    }

    /// Returns the lowest limit of a source on any listener; 0 where there is none.
    pub(crate) fn lowest_address_limit(&self) -> u32 {
        let limits = self.blob.listeners.iter().map(|listener| listener.address_connections_max);
        limits.filter(|max| *max > 0).min().unwrap_or(0)
    }

    /// Returns the name of a site; empty for none.
    pub(crate) fn site_name(&self, index: u32) -> &str {
        let site = usize::try_from(index).ok().and_then(|index| self.blob.sites.get(index));
        site.map_or("", |site| &site.name)
    }

    /// Returns the route of a site that has a policy, as its path is written, or by its number
    /// where it has none; empty for the site's own policy.
    pub(crate) fn route_name(&self, site: u32, policy: u32) -> Cow<'_, str> {
        let site = usize::try_from(site).ok().and_then(|index| self.blob.sites.get(index));
        // The policies of a site's routes follow its own.
        let found = site.and_then(|site| {
            let at = usize::try_from(policy.checked_sub(site.routes.policy)?.checked_sub(1)?).ok()?;
            Some((at, site.routes.routes.get(at)?))
        });
        match found.map(|(at, route)| (at, &route.path)) {
            None => Cow::Borrowed(""),
            Some((_, PathMatch::Exact(path) | PathMatch::Glob(path) | PathMatch::Regex(path))) => path.into(),
            // That of / is empty.
            Some((_, PathMatch::Prefix(path))) => if path.is_empty() { "/" } else { path }.into(),
            Some((at, PathMatch::Any)) => (at + 1).to_string().into(),
        }
    }

    /// Returns the row of the counter page for a site; the last one for what belongs to none.
    pub fn row(&self, site: u32) -> usize {
        let sites = self.blob.sites.len();
        usize::try_from(site).map_or(sites, |site| site.min(sites))
    }

    /// Names the rows of the counter page.
    pub(crate) fn name_rows(&self, counters: &Counters) {
        let names = self.blob.sites.iter().map(|site| site.name.as_str()).chain([ROW_NONE]);
        names.enumerate().for_each(|(row, name)| counters.name_row(row, name));
    }

    /// Returns the name of a server; empty for none.
    pub fn server_name(&self, index: u32) -> &str {
        usize::try_from(index).ok().and_then(|index| self.blob.servers.get(index)).map_or("", |name| name)
    }

    /// Returns whether trusted proxies of a listener name their client in Forwarded.
    pub(crate) fn reads_forwarded(&self, listener: u16) -> bool {
        self.listener(listener).is_some_and(|listener| listener.trusted_fields == TrustedFields::Forwarded)
    }

    /// Returns whether an address is a trusted proxy of a listener.
    pub fn trusts(&self, listener: u16, address: &[u8; 16]) -> bool {
        let nets: &[Net] = self.listener(listener).map_or(&[], |listener| &listener.trusted);
        nets.iter().any(|net| net.contains(address))
    }
}

/// Returns limits of heads as the parser takes them. Numbers above the hard limits are brought down
/// to them.
pub fn head_limits(of: &fosse_settings::HeadLimits) -> HeadLimits {
    let at_most = |value: u32, max: usize| usize::try_from(value).unwrap_or(max).min(max);
    HeadLimits {
        target_bytes: at_most(of.target_bytes_max, TARGET_BYTES_MAX),
        fields: at_most(of.header_count_max, FIELDS_COUNT_MAX),
        head_bytes: at_most(of.head_bytes_max, HEAD_BYTES_MAX),
        field_bytes: at_most(of.header_bytes_max, FIELD_BYTES_MAX),
    }
}

impl DefaultSite {
    fn of(blob: &Parse, router: &Router, listener: u16) -> Self {
        let Some(number) = router.default_site(listener) else { return Self::default() };
        let site = usize::try_from(number).ok().and_then(|index| blob.sites.get(index));
        let policy = site.and_then(|site| blob.policies.get(usize::try_from(site.routes.policy).ok()?));
        // Applications refuse an empty Host; they serve this one where they serve any.
        let name = site.and_then(|site| site.hosts.iter().find(|host| !host.starts_with(['*', '~'])));
        let host = Host::parse(name.map_or("localhost", |name| name).as_bytes()).ok();
        Self {
            host: host.filter(|host| router.site(host.name(), listener) == Ok(Some(number))),
            error_pages: policy.and_then(|policy| policy.error_pages),
        }
    }
}
