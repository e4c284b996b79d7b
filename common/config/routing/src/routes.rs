//! The routes of one site, arranged so that a thousand of them cost a request what one does: exact
//! paths and prefixes by hash, globs and regular expressions all at once.

use std::collections::HashMap;

use fosse_settings::{Condition, PathMatch, Route, SiteRoutes, ToHttps};

use crate::conditions::holds;
use crate::facts::Facts;
use crate::path::{split, understood};
use crate::pattern::{self, Set, Undecided};

/// The path below which certificate authorities ask (RFC 8555, section 8.3), byte for byte as they
/// write it.
const CHALLENGE_PATH: &[u8] = b"/.well-known/acme-challenge/";

/// A route as its path has led to it.
#[derive(Debug)]
struct Candidate {
    conditions: Vec<Condition>,
    policy: u32,
}

/// The routes of a site. Most sites have none, and there may be thousands.
#[derive(Debug)]
pub struct Routes {
    /// Policy of requests that none takes.
    fallback: u32,
    /// Policy for questions of certificate authorities.
    challenge: Option<u32>,
    to_https: Vec<ToHttps>,
    table: Option<Box<Table>>,
}

/// The routes of a site that has some.
#[derive(Debug, Default)]
struct Table {
    exact: HashMap<Vec<u8>, Vec<Candidate>>,
    /// Without a slash at the end; that of `/` is empty.
    prefixes: HashMap<Vec<u8>, Vec<Candidate>>,
    /// Most segments of a prefix: longer beginnings of a path need no look.
    prefix_segments: usize,
    patterns: Option<Patterns>,
    any: Vec<Candidate>,
}

/// Globs, then regular expressions, the more conditions the earlier.
#[derive(Debug)]
struct Patterns {
    set: Set,
    candidates: Vec<Candidate>,
}

impl Routes {
    /// Arranges the routes of a site.
    #[must_use]
    pub fn new(site: &SiteRoutes) -> Self {
        let table = (!site.routes.is_empty()).then(|| Box::new(Table::new(&site.routes)));
        Self { fallback: site.policy, challenge: site.challenge, to_https: site.to_https.clone(), table }
    }

    /// Returns whether something takes requests before the routes do.
    pub(crate) const fn has_precedents(&self) -> bool {
        !self.to_https.is_empty() || self.challenge.is_some()
    }

    /// Returns the policy for a challenge of a certificate authority, where such are expected.
    pub(crate) fn challenge(&self, facts: &Facts<'_>) -> Option<u32> {
        self.challenge.filter(|_| facts.target.starts_with(CHALLENGE_PATH))
    }

    /// Returns the policy of the redirect to https, where the listener of a request has one and its
    /// client has not come over TLS. A request about the whole server has no location, and no
    /// certificate is chosen by an address (RFC 6066, section 3).
    pub(crate) fn to_https(&self, facts: &Facts<'_>) -> Option<u32> {
        if facts.secure || !facts.target.starts_with(b"/") || is_address(facts.host) {
            return None;
        }
        self.to_https.iter().find(|one| one.listener == facts.listener).map(|one| one.policy)
    }

    /// Returns the policy of a request: of an exact path, else of the longest prefix, else of a
    /// glob, else of a regular expression, else of a route without a path; each time the first of
    /// those with most conditions whose conditions hold. Last comes the site's own.
    ///
    /// # Errors
    /// [`Undecided`].
    pub fn choose<'a>(&self, facts: impl FnOnce() -> Facts<'a>) -> Result<u32, Undecided> {
        let Some(table) = &self.table else { return Ok(self.fallback) };
        let facts = facts();
        let (raw, query) = split(facts.target);
        let fits = |candidate: &Candidate| candidate.conditions.iter().all(|one| holds(one, &facts, query));
        Ok(table.first(raw, fits)?.unwrap_or(self.fallback))
    }

    /// Returns whether a request for this target may have that policy, as far as the path says it:
    /// which conditions hold is known to who saw the request come in.
    #[must_use]
    pub fn may_choose(&self, target: &[u8], policy: u32) -> bool {
        if self.to_https.iter().any(|one| one.policy == policy) {
            return true;
        }
        // Who is asked there looks at tokens, and at nothing else of a path.
        if self.challenge == Some(policy) {
            return target.starts_with(CHALLENGE_PATH);
        }
        let Some(table) = &self.table else { return policy == self.fallback };
        // The first that has no condition would have been chosen at the latest.
        let decides = |candidate: &Candidate| candidate.policy == policy || candidate.conditions.is_empty();
        match table.first(split(target).0, decides) {
            Ok(found) => found.unwrap_or(self.fallback) == policy,
            // What took who decided it less than the time there is may take more here, as what was
            // looked for before differs.
            Err(Undecided) => true,
        }
    }
}

/// Returns whether a canonical host is an IP address: no name ends with a number (RFC 1123,
/// section 2.1).
fn is_address(host: &[u8]) -> bool {
    host.starts_with(b"[") || host.last().is_some_and(u8::is_ascii_digit)
}

impl Table {
    fn new(routes: &[Route]) -> Self {
        let mut ordered: Vec<&Route> = routes.iter().collect();
        // Stable: with as many conditions the order of the file decides.
        ordered.sort_by_key(|route| std::cmp::Reverse(route.conditions.len()));
        let mut table = Self::default();
        let (mut globs, mut regexes) = (Vec::new(), Vec::new());
        for route in ordered {
            let candidate = Candidate { conditions: route.conditions.clone(), policy: route.policy };
            match &route.path {
                PathMatch::Any => table.any.push(candidate),
                PathMatch::Exact(path) => table.exact.entry(path.as_bytes().to_vec()).or_default().push(candidate),
                PathMatch::Prefix(prefix) => {
                    let bare = prefix.strip_suffix('/').unwrap_or(prefix);
                    table.prefix_segments = table.prefix_segments.max(bare.matches('/').count());
                    table.prefixes.entry(bare.as_bytes().to_vec()).or_default().push(candidate);
                }
                PathMatch::Glob(glob) => globs.push((pattern::of_glob(glob), candidate)),
                PathMatch::Regex(regex) => regexes.push((regex.clone(), candidate)),
            }
        }
        globs.append(&mut regexes);
        if !globs.is_empty() {
            let (patterns, candidates): (Vec<String>, Vec<Candidate>) = globs.into_iter().unzip();
            table.patterns = Some(Patterns { set: Set::new(&patterns), candidates });
        }
        table
    }

    /// Returns the policy of the first route that takes a path and fits.
    fn first(&self, raw: &[u8], fits: impl Fn(&Candidate) -> bool) -> Result<Option<u32>, Undecided> {
        let path = understood(raw);
        let fits = |candidates: &[Candidate]| candidates.iter().find(|one| fits(one)).map(|one| one.policy);
        let exact = if self.exact.is_empty() { None } else { self.exact.get(&*path).and_then(|all| fits(all)) };
        if let Some(policy) = exact.or_else(|| self.by_prefix(&path, fits)) {
            return Ok(Some(policy));
        }
        Ok(self.by_pattern(&path, fits)?.or_else(|| fits(&self.any)))
    }

    fn by_prefix(&self, path: &[u8], fits: impl Fn(&[Candidate]) -> Option<u32>) -> Option<u32> {
        if self.prefixes.is_empty() {
            return None;
        }
        let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut end = ends.chain([path.len()]).take(self.prefix_segments).last().unwrap_or(0);
        loop {
            if let Some(policy) = self.prefixes.get(&path[..end]).and_then(|all| fits(all)) {
                return Some(policy);
            }
            if end == 0 {
                return None;
            }
            end = path[..end].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        }
    }

    fn by_pattern(&self, path: &[u8], fits: impl Fn(&[Candidate]) -> Option<u32>) -> Result<Option<u32>, Undecided> {
        let Some(patterns) = &self.patterns else { return Ok(None) };
        let mut found = patterns.set.found_in(path)?;
        Ok(found.find_map(|at| fits(std::slice::from_ref(patterns.candidates.get(at)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Headers;
    use fosse_handshake::Handshake;
    use fosse_settings::Test;

    struct NoHeaders;
    impl Headers for NoHeaders {
        fn any(&self, _: &[u8], _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
            false
        }
    }

    fn facts(target: &str) -> Facts<'_> {
        Facts {
            client: None,
            client_bytes: [0; 16],
            client_port: 0,
            listener: 0,
            secure: false,
            method: b"GET",
            host: b"a",
            host_port: 0,
            request: 0,
            target: target.as_bytes(),
            handshake: Handshake::default(),
            headers: &NoHeaders,
        }
    }

    fn route(path: PathMatch, conditions: Vec<Condition>, policy: u32) -> Route {
        Route { path, conditions, policy }
    }

    fn sample() -> Routes {
        let query = |name: &str| Condition::Query(Test { name: name.into(), ..Test::default() });
        Routes::new(&SiteRoutes {
            policy: 99,
            routes: vec![
                route(PathMatch::Regex("^/(api|x)/[0-9]+$".into()), vec![], 1),
                route(PathMatch::Glob("/*.png".into()), vec![], 2),
                route(PathMatch::Prefix("/api/".into()), vec![], 3),
                route(PathMatch::Prefix("/api/v2".into()), vec![query("q")], 4),
                route(PathMatch::Prefix("/api/v2".into()), vec![query("q"), query("r")], 5),
                route(PathMatch::Exact("/api/v2".into()), vec![], 6),
                route(PathMatch::Any, vec![query("any")], 7),
            ],
            challenge: None,
            to_https: vec![],
        })
    }

    #[test]
    fn exact_paths_come_before_long_prefixes_globs_and_expressions() {
        let routes = sample();
        for (target, expected) in [
            ("/api/v2", 6),
            ("/api/v2/", 3),
            ("/api/v2/x?q", 4),
            ("/api/v2/x?r=1&q=2", 5),
            ("/%61pi/7", 3),
            ("/x/7", 1),
            ("/x/../a.png", 2),
            ("/x/a.png", 99),
            ("/?any", 7),
            ("/apis", 99),
            ("/api/..%2fx", 99),
            ("*", 99),
        ] {
            assert_eq!(routes.choose(|| facts(target)), Ok(expected), "{target}");
        }
    }

    #[test]
    fn who_checks_a_choice_believes_conditions_and_no_path() {
        let routes = sample();
        for (target, policies) in
            [("/api/v2", &[6][..]), ("/api/v2/x", &[5, 4, 3]), ("/x/7", &[1]), ("/other", &[7, 99])]
        {
            for policy in (1..8).chain([99, 1000]) {
                let may = routes.may_choose(target.as_bytes(), policy);
                assert_eq!(may, policies.contains(&policy), "{target} {policy}");
            }
        }
        let none = Routes::new(&SiteRoutes { policy: 5, ..SiteRoutes::default() });
        assert!(none.may_choose(b"/", 5) && !none.may_choose(b"/", 4));
    }

    #[test]
    fn clients_without_tls_go_to_https_where_their_listener_says_so() {
        let to_https = vec![ToHttps { listener: 2, policy: 9 }];
        let routes = Routes::new(&SiteRoutes { policy: 5, routes: vec![], challenge: None, to_https });
        let plain = |target| Facts { listener: 2, ..facts(target) };
        assert_eq!(routes.to_https(&plain("/x")), Some(9));
        for other in [
            facts("/x"),
            plain("*"),
            Facts { secure: true, ..plain("/x") },
            Facts { host: b"192.0.2.1", ..plain("/x") },
            Facts { host: b"[2001:db8::1]", ..plain("/x") },
        ] {
            assert_eq!(routes.to_https(&other), None);
        }
        assert!(routes.may_choose(b"/x", 9) && routes.may_choose(b"/x", 5) && !routes.may_choose(b"/x", 8));
    }

    #[test]
    fn what_a_prefix_has_decided_no_expression_leaves_open() {
        let nasty = (0..50).map(|n| PathMatch::Regex(format!("(a|b)*a(a|b){{{}}}{n}$", n % 20 + 10)));
        let routes = (2..).zip(nasty).map(|(policy, path)| route(path, vec![], policy));
        let routes = [route(PathMatch::Prefix("/p".into()), vec![], 1)].into_iter().chain(routes).collect();
        let routes = Routes::new(&SiteRoutes { policy: 0, routes, challenge: None, to_https: vec![] });
        let mut state = 1_u32;
        let mut letter = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 0 { 'a' } else { 'b' }
        };
        let path: String = (0..8000).map(|_| letter()).collect();
        let open = format!("/{path}");
        assert_eq!(routes.choose(|| facts(&open)), Err(Undecided));
        let below = format!("/p/{path}");
        assert_eq!(routes.choose(|| facts(&below)), Ok(1));
        assert!(routes.may_choose(below.as_bytes(), 1) && !routes.may_choose(below.as_bytes(), 0));
    }
}
