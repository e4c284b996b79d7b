//! Sites and their policies as parse and dispatch see them.

use fosse_settings as blobs;

use super::acme::Challenges;
use super::pages::{PageFiles, PageSets};
use super::retry::retry;
use super::to_https::Redirects;
use super::{Secrets, cors, headers, listeners};
use crate::backends::Backends;
use crate::model::{Edge, Route, Site, Underscores, Utf8, Waf, When};
use crate::names::{FieldName, Name, Network, PathPrefix};
use crate::policy::{Does, Policy, Respond};
use crate::problem::{Problems, Span};
use crate::section::At;

/// Returns the canonical hosts as parse compares them.
pub(super) fn hosts(site: &Site) -> Vec<String> {
    site.hosts.iter().map(|host| host.value.written()).collect()
}

/// Returns the name of a site in logs.
pub(super) fn name(site: &Site) -> String {
    site.hosts.iter().next().map_or_else(|| "default".to_owned(), |host| host.value.written())
}

/// Returns the default site of each listener that has one of its own.
pub(crate) fn defaults_of_listeners(edge: &Edge, problems: &mut Problems) -> Vec<Option<u32>> {
    let mut defaults = vec![None; edge.listen.len()];
    for (site, index) in edge.site.iter().zip(0..) {
        for name in site.default_for.iter() {
            let Some(number) = listeners::number(&edge.listen, name, problems) else { continue };
            if defaults[usize::from(number)].replace(index).is_some() {
                let what = format!("listener \"{}\" has a default site already", name.0);
                problems.note_with_cure(&name.span, what, "name it in one site");
            }
        }
    }
    defaults
}

/// Does the same once what is wrong was noted.
pub(super) fn defaults_of_listeners_alone(edge: &Edge) -> Vec<Option<u32>> {
    defaults_of_listeners(edge, &mut Problems::default())
}

/// The sites with their routes, and the numbers of their policies, which all programs share.
#[derive(Debug, Default)]
pub(crate) struct Numbered {
    pub(super) routes: Vec<blobs::SiteRoutes>,
    /// The policies after those of sites and routes.
    pub(super) redirects: Redirects,
    /// The one after those.
    pub(super) challenges: Challenges,
}

impl Numbered {
    /// Numbers the policies of all sites.
    pub(crate) fn of(edge: &Edge, problems: &mut Problems) -> Self {
        let mut next = 0;
        let redirects = Redirects::of(edge);
        let first = super::number_of(edge.site.iter().map(|site| 1 + site.route.len()).sum());
        let challenges = Challenges::of(edge, first + redirects.len());
        let routes = edge.site.iter().map(|site| {
            let own = next;
            next += 1;
            let routes = site.route.iter().map(|route| {
                let policy = next;
                next += 1;
                let conditions = conditions(&route.when, edge, problems);
                blobs::Route { path: path_match(route), conditions, policy }
            });
            blobs::SiteRoutes {
                policy: own,
                routes: routes.collect(),
                challenge: challenges.policy,
                to_https: redirects.of_site(site, first),
            }
        });
        Self { routes: routes.collect(), redirects, challenges }
    }
}

fn path_match(route: &Route) -> blobs::PathMatch {
    let path = route.path.value.as_ref().map(|path| blobs::PathMatch::Exact(path.0.clone()));
    let prefix = || route.prefix.value.as_ref().map(|prefix| blobs::PathMatch::Prefix(prefix.bare().to_owned()));
    let glob = || route.glob.value.as_ref().map(|glob| blobs::PathMatch::Glob(glob.0.clone()));
    let regex = || route.regex.value.as_ref().map(|regex| blobs::PathMatch::Regex(regex.pattern.clone()));
    path.or_else(prefix).or_else(glob).or_else(regex).unwrap_or_default()
}

fn conditions(when: &When, edge: &Edge, problems: &mut Problems) -> Vec<blobs::Condition> {
    let mut conditions = Vec::new();
    if let Some(methods) = &when.method.value {
        conditions.push(blobs::Condition::Method(methods.iter().map(|method| method.0.clone()).collect()));
    }
    for test in when.header.iter().flatten() {
        let name = test.0.name.to_ascii_lowercase();
        conditions.push(blobs::Condition::Header(blobs::Test { name, ..test.0.clone() }));
    }
    conditions.extend(when.query.iter().flatten().map(|test| blobs::Condition::Query(test.0.clone())));
    conditions.extend(when.cookie.iter().flatten().map(|test| blobs::Condition::Cookie(test.0.clone())));
    if let Some(names) = &when.listener.value {
        let numbers = names.iter().filter_map(|name| listeners::number(&edge.listen, name, problems));
        conditions.push(blobs::Condition::Listener(numbers.collect()));
    }
    if let Some(networks) = &when.network.value {
        conditions.push(blobs::Condition::Network(networks.iter().map(|net| listeners::net(&net.0)).collect()));
    }
    conditions
}

/// Returns the settings of parse for all sites and policies.
pub(crate) fn parse(
    edge: &Edge,
    numbered: &Numbered,
    backends: &Backends<'_>,
    files: &PageFiles,
    tls_terms: impl Fn(usize) -> u32,
) -> (Vec<blobs::ParseSite>, Vec<blobs::ParsePolicy>, Vec<blobs::ErrorPages>) {
    let mut pages = PageSets::default();
    let sites = edge.site.iter().zip(&numbered.routes).enumerate().map(|(at, (site, routes))| blobs::ParseSite {
        tls_terms: tls_terms(at),
        hosts: hosts(site),
        name: name(site),
        routes: routes.clone(),
    });
    let policies = edge.site.iter().flat_map(|site| Policy::of(site)).map(|policy| blobs::ParsePolicy {
        error_pages: pages.number(&policy, files),
        respond_file: files.respond_file(&policy),
        send_request_id: policy.send_request_id(),
        ..parse_policy(&policy, backends)
    });
    let policies = policies.collect();
    (sites.collect(), policies, pages.sets)
}

fn parse_policy(policy: &Policy<'_>, backends: &Backends<'_>) -> blobs::ParsePolicy {
    // What waf-filter does not look at has its limits here.
    let off = policy.waf() == Waf::Off;
    // A firewall that is tried out, or absent, takes no method from an application unasked.
    let (methods, written) = policy.methods();
    let redirect = if let Does::Redirect(to, _) = policy.does() { Some(to.0.clone()) } else { None };
    let rewrite = if redirect.is_some() { blobs::Rewrite::None } else { rewrite(policy) };
    let regex = policy.route.and_then(|route| route.regex.value.as_ref());
    let grouped = redirect.is_some() || matches!(rewrite, blobs::Rewrite::To(_));
    blobs::ParsePolicy {
        methods: methods.iter().map(|method| method.0.clone()).collect(),
        other_methods: policy.waf() != Waf::Block && !written,
        body_bytes_max: if off { policy.body_bytes_max().0 } else { u64::MAX },
        utf8: off && policy.utf8() == Utf8::Require,
        abort_on_close: policy.backend(backends).is_some_and(|backend| backend.abort_on_close.value),
        networks: networks(policy),
        body_seconds: policy.body_seconds().map(|time| time.duration()),
        response_bytes_per_second: policy.response_bytes_per_second().0,
        response_rate_after_bytes: policy.response_rate_after_bytes().0,
        source_bytes_per_second: policy.site.source_bytes_per_second.0,
        pattern: regex.filter(|_| grouped).map(|regex| regex.pattern.clone()).unwrap_or_default(),
        rewrite,
        redirect,
        ..blobs::ParsePolicy::default()
    }
}

fn networks(policy: &Policy<'_>) -> Vec<blobs::Admitted> {
    let (allowed, denied) = policy.networks();
    let admitted = |net: &At<Network>, allow| blobs::Admitted { net: listeners::net(&net.0), allow };
    let allowed = allowed.iter().map(|net| admitted(net, true));
    allowed.chain(denied.iter().map(|net| admitted(net, false))).collect()
}

fn rewrite(policy: &Policy<'_>) -> blobs::Rewrite {
    let Some(route) = policy.route else { return blobs::Rewrite::None };
    if let Some(to) = &route.rewrite.value {
        return blobs::Rewrite::To(to.0.clone());
    }
    prefixes(route).map_or(blobs::Rewrite::None, blobs::Rewrite::Prefix)
}

/// Returns the prefixes that a route takes off and puts before; `None` where it does neither.
fn prefixes(route: &Route) -> Option<blobs::Prefixes> {
    let strip = route.prefix.value.as_ref().filter(|_| route.strip_prefix.value);
    let written = |prefix: Option<&PathPrefix>| prefix.map_or("", |prefix| prefix.0.trim_end_matches('/')).to_owned();
    let prefixes = blobs::Prefixes { strip: written(strip), add: written(route.add_prefix.value.as_ref()) };
    (prefixes != blobs::Prefixes::default()).then_some(prefixes)
}

/// Returns the settings of dispatch for all sites and policies.
pub(crate) fn dispatch(
    edge: &Edge,
    (numbered, secrets): (&Numbered, &Secrets),
    backends: &Backends<'_>,
    problems: &mut Problems,
) -> (Vec<blobs::DispatchSite>, Vec<blobs::DispatchPolicy>) {
    let sites = edge.site.iter().zip(&numbered.routes).map(|(site, routes)| blobs::DispatchSite {
        hosts: hosts(site),
        default: site.default.value || !site.default_for.is_empty(),
        routes: routes.clone(),
    });
    let policies = edge.site.iter().flat_map(|site| Policy::of(site));
    let policies = policies.map(|policy| dispatch_policy(&policy, secrets, backends, problems));
    let policies = policies.chain(numbered.redirects.dispatch()).chain(numbered.challenges.dispatch(edge));
    (sites.collect(), policies.collect())
}

fn dispatch_policy(
    policy: &Policy<'_>,
    secrets: &Secrets,
    backends: &Backends<'_>,
    problems: &mut Problems,
) -> blobs::DispatchPolicy {
    blobs::DispatchPolicy {
        action: action(policy, backends, problems),
        underscores: match policy.underscores() {
            Underscores::Drop => blobs::Underscores::Drop,
            Underscores::Pass => blobs::Underscores::Pass,
            Underscores::Refuse => blobs::Underscores::Refuse,
        },
        inspect_responses: policy.inspects(),
        signed_links: secrets.0.links(policy),
        cors: cors::cors(policy),
        host: policy.backend_host().cloned(),
        request_headers: headers::of_requests(policy),
        response_headers: headers::of_responses(policy),
        first_byte_seconds: policy.first_byte_seconds().map(|time| time.duration()),
        idle_seconds: policy.idle_seconds().map(|time| time.duration()),
        prefixes: policy.route.and_then(prefixes),
        intercept_errors: policy.intercept_errors().iter().map(|status| (status.0.first, status.0.last)).collect(),
        access: access(policy, secrets, backends, problems),
        identity_headers: lower(policy.identity_headers()),
        proxy_headers: policy.proxy_headers().map(lower),
        send_files: send_files(policy, backends, problems),
        cache: super::cache::policy(policy),
        compress: policy.compresses().then(|| compress(policy)),
        retry: policy.retry().map(|(terms, _)| retry(terms)),
        mirror: policy.mirror().map(|mirror| blobs::Mirror {
            backend: index(&mirror.backend, &mirror.backend.span, backends, problems),
            percent: mirror.percent.value,
        }),
    }
}

/// Returns the checks that requests have to pass.
fn access(
    policy: &Policy<'_>,
    (_, users): &Secrets,
    backends: &Backends<'_>,
    problems: &mut Problems,
) -> Option<blobs::Access> {
    let forward_auth = policy.forward_auth().map(|(auth, _)| blobs::ForwardAuth {
        backend: index(&auth.backend, &auth.backend.span, backends, problems),
        path: auth.path.0.clone(),
        copy_headers: auth.copy_headers.iter().map(|name| name.0.clone()).collect(),
        sign_in: auth.sign_in.value.as_ref().map(|text| text.0.clone()),
        decision_seconds: auth.decision_seconds.duration(),
    });
    let access = blobs::Access { basic_auth: users.basic_auth(policy), forward_auth };
    (access != blobs::Access::default()).then_some(access)
}

fn lower(names: &[At<FieldName>]) -> Vec<String> {
    names.iter().map(|name| name.0.to_ascii_lowercase()).collect()
}

fn send_files(policy: &Policy<'_>, backends: &Backends<'_>, problems: &mut Problems) -> Option<blobs::SendFiles> {
    // Who has no application has nobody to name a file.
    let _ = policy.backend_name()?;
    let (name, span, prefix) = policy.send_files()?;
    let root = backends.get(name).and_then(|backend| backend.files.value.as_ref());
    let root = root.map(|root| root.0.clone()).unwrap_or_default();
    let send_files = index(name, span, backends, problems);
    Some(blobs::SendFiles { send_files, send_files_prefix: prefix.to_owned(), root })
}

fn compress(policy: &Policy<'_>) -> blobs::Compress {
    blobs::Compress {
        compress: policy.compress().0,
        compress_types: policy.compress_types().iter().map(|pattern| pattern.value.0.clone()).collect(),
        // The row allows 16 KiB.
        compress_bytes_min: u32::try_from(policy.compress_bytes_min().0).unwrap_or(u32::MAX),
        compress_secrets: policy.compress_secrets(),
    }
}

/// Returns the settings of encode, where some policy has responses encoded.
pub(crate) fn encode(edge: &Edge) -> Option<blobs::Encode> {
    let compresses = edge.site.iter().any(|site| Policy::of(site).any(|policy| policy.compresses()));
    compresses.then_some(blobs::Encode { lane_encode_bytes_max: edge.limits.lane_encode_bytes_max.0 })
}

fn action(policy: &Policy<'_>, backends: &Backends<'_>, problems: &mut Problems) -> blobs::Action {
    match policy.does() {
        Does::Backend(name, span) => blobs::Action::Backend(index(name, span, backends, problems)),
        Does::Redirect(_, status) => blobs::Action::Redirect(status),
        Does::Respond(Respond { status, body, file, media_type }) => blobs::Action::Respond(blobs::Page {
            status: u16::try_from(status).unwrap_or(500),
            content_type: body.map(|_| media_type.0.clone()).unwrap_or_default(),
            body: body.map(|body| body.0.clone()).unwrap_or_default(),
            is_file: file.is_some(),
        }),
        Does::Nothing => blobs::Action::default(),
    }
}

/// Returns the number of a backend, or notes that there is none of this name. The checks have found
/// it before.
fn index(name: &Name, span: &Span, backends: &Backends<'_>, problems: &mut Problems) -> u32 {
    backends.number(name).unwrap_or_else(|| {
        problems.note(span, format!("there is no backend \"{}\"", name.0));
        0
    })
}
