//! Sites: every host once, every path with a backend that exists.

use super::{auth, cache, cors, links, mirror, password, retry, routes};
use fosse_nearest::nearest;
use std::collections::BTreeMap;

use crate::backends::Backends;
use crate::model::{Backend, OverLimit, Site, Waf};
use crate::names::{HostPattern, Name};
use crate::problem::{Problems, Span};
use crate::section::At;

/// Notes the problems of each site and between them.
pub(crate) fn sites(sites: &[At<Site>], backends: (&At<Vec<At<Backend>>>, &Backends<'_>), problems: &mut Problems) {
    hosts(sites, problems);
    host_regexes(sites, problems);
    defaults(sites, problems);
    for site in sites {
        routes::routes(site, problems);
        over_limit(site, problems);
        responses(site, problems);
        exclusions(site, problems);
        auth::auth(site, backends.1, problems);
        links::links(site, problems);
        cors::cors(site, problems);
        password::password(site, problems);
        cache::cache(site, problems);
        retry::of_site(site, backends.1, problems);
        for (name, span) in routes::used_backends(site) {
            known(name, span, backends, problems);
        }
        for mirror in mirror::of_site(site).filter(|mirror| mirror.backend.sound().is_some()) {
            known(&mirror.backend, &mirror.backend.span, backends, problems);
        }
        for (name, span) in routes::used_files(site) {
            serves_files(name, span, backends.1, problems);
        }
    }
}

/// Notes a backend of which files are wanted and that has none.
fn serves_files(name: &Name, span: &Span, backends: &Backends<'_>, problems: &mut Problems) {
    if backends.get(name).is_some_and(|backend| matches!(backend.files.sound(), Some(None))) {
        let what = format!("backend \"{}\" serves no files", name.0);
        problems.note_with_cure(span, what, "name one that has files = \"/srv/files\"");
    }
}

fn hosts(sites: &[At<Site>], problems: &mut Problems) {
    let mut seen: BTreeMap<&HostPattern, usize> = BTreeMap::new();
    for (index, site) in sites.iter().enumerate() {
        let Some(hosts) = site.hosts.sound() else { continue };
        let is_default =
            site.default.sound() != Some(&false) || site.default_for.sound().is_none_or(|of| !of.is_empty());
        if hosts.is_empty() && !is_default {
            problems.note_with_cure(&site.span, "[[site]] has no hosts", "add hosts = [\"NAME\"], or default = true");
        }
        for host in hosts {
            let Some(pattern) = host.sound() else { continue };
            match seen.insert(pattern, index) {
                Some(earlier) if earlier == index => {
                    problems.note_with_cure(
                        &host.span,
                        format!("host {} is named twice here", pattern.written()),
                        "remove one",
                    );
                }
                Some(_) => {
                    problems.note_with_cure(
                        &host.span,
                        format!("host {} belongs to an earlier site", pattern.written()),
                        "remove one",
                    );
                }
                None => {}
            }
        }
    }
}

/// Notes expressions over hosts that are too many together.
fn host_regexes(sites: &[At<Site>], problems: &mut Problems) {
    let regexes =
        sites.iter().flat_map(|site| site.hosts.sound().into_iter().flatten()).filter_map(|host| match host.sound() {
            Some(HostPattern::Regex(pattern)) => Some((pattern.as_str(), &host.span)),
            _ => None,
        });
    let (patterns, spans): (Vec<&str>, Vec<&Span>) = regexes.unzip();
    if let Some(last) = spans.last()
        && !fosse_routing::pattern::of_hosts_fit_together(patterns.into_iter())
    {
        let cure = "write names, or *.NAME, where they say it";
        problems.note_with_cure(last, "the regular expressions over hosts are too many together", cure);
    }
}

fn defaults(sites: &[At<Site>], problems: &mut Problems) {
    let mut of_all = sites.iter().filter(|site| site.default.written() == Some(&true));
    of_all.next();
    for another in of_all {
        problems.note_with_cure(&another.default.span, "an earlier site is the default already", "remove one");
    }
}

fn over_limit(site: &Site, problems: &mut Problems) {
    if site.body_over_limit.written() == Some(&OverLimit::PassInPart) && site.waf.sound() == Some(&Waf::Off) {
        let what = "pass-in-part is about inspection, and waf is \"off\"";
        problems.note_with_cure(&site.body_over_limit.span, what, "raise body_bytes_max instead");
    }
}

/// Notes responses to be inspected where no rules inspect them.
fn responses(site: &Site, problems: &mut Problems) {
    if site.inspect_responses.written() != Some(&true) {
        return;
    }
    if site.waf.sound() == Some(&Waf::Off) {
        let what = "responses cannot be inspected where waf is \"off\"";
        problems.note_with_cure(
            &site.inspect_responses.span,
            what,
            "use waf = \"detect\", or remove inspect_responses",
        );
    } else if matches!(site.rules.sound(), Some(rules) if rules.is_empty()) {
        let what = "responses are inspected by rules, and the site has none";
        problems.note_with_cure(&site.inspect_responses.span, what, "name rules, or remove inspect_responses");
    }
}

fn exclusions(site: &Site, problems: &mut Problems) {
    for exclude in site.exclude.iter() {
        let (Some(rules), Some(tag)) = (exclude.rules.sound(), exclude.tag.sound()) else { continue };
        if rules.is_empty() && tag.is_none() {
            problems.note_with_cure(
                &exclude.span,
                "[[site.exclude]] names no rules",
                "add rules = [NUMBER] or tag = \"TAG\"",
            );
        }
    }
    if site.exclude.written().is_some_and(|list| !list.is_empty())
        && matches!(site.rules.sound(), Some(rules) if rules.is_empty())
    {
        problems.note_with_cure(
            &site.exclude.span,
            "exclusions without rules",
            "remove rules = [], or name rules in it",
        );
    }
}

fn known(
    name: &Name,
    span: &Span,
    (backends, by_name): (&At<Vec<At<Backend>>>, &Backends<'_>),
    problems: &mut Problems,
) {
    let Some(backends) = backends.sound() else { return };
    // A backend whose own name is already reported may be the one that is meant.
    if by_name.get(name).is_some() || by_name.some_unnamed {
        return;
    }
    let names = backends.iter().map(|backend| backend.name.0.as_str());
    let cure = match if problems.are_many() { None } else { nearest(&name.0, names) } {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "add a [[backend]] of this name".to_owned(),
    };
    problems.note_with_cure(span, format!("there is no backend \"{}\"", name.0), cure);
}
