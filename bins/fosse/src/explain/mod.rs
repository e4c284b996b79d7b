//! `fosse explain`: the way of a request, found in the same compiled blobs and by the same
//! functions that parse and dispatch decide with.

mod kept;
mod rates;
mod words;

use std::fmt::Write as _;
use std::net::IpAddr;

use fosse_args::Args;
use fosse_die::{Escaped, fatal, usage};
use fosse_handshake::Handshake;
use fosse_http1::{HeadLimits, RequestHead};
use fosse_model::Edge;
use fosse_plan::Plan;
use fosse_routing::{Facts, Router};
use fosse_settings::{Dispatch, Parse, ParsePolicy, ParseSite, WafFilter, WafMode, WafProfile};
use fosse_wire::launch::Program;
use fosse_wire::request::Endpoint;

use self::words::{above_root, access, codings, edits, filter, goal, in_place, who_may, why_route, why_site};
use crate::configuration::Configuration;
use crate::output::print;
use crate::{PROGRAM, check};

/// Explains one request.
pub(crate) fn run(words: &Args) -> i32 {
    let (host, path) = (words.positional(0).unwrap_or_default(), words.positional(1).unwrap_or_default());
    let method = words.value("--method").unwrap_or("GET");
    let mut lines = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    words.values("--header").iter().for_each(|header| {
        let _ = write!(lines, "{header}\r\n");
    });
    lines.push_str("\r\n");
    let head = match RequestHead::parse(lines.as_bytes(), &HeadLimits::DEFAULT) {
        Ok(head) if head.host.as_str() == host.to_ascii_lowercase().trim_end_matches('.') => head,
        Ok(_) => usage(PROGRAM, &format!("explain: '{}' is not a host and path", Escaped(path.as_bytes()))),
        Err(why) => usage(
            PROGRAM,
            &format!(
                "explain: a request for '{}' at '{}' gets {}: {}",
                Escaped(path.as_bytes()),
                Escaped(host.as_bytes()),
                why.status(),
                why.words()
            ),
        ),
    };
    let client: Option<IpAddr> = words.parsed("--client", "an address");
    let listener = words.value("--listener");
    let file = words.value("--config").unwrap_or(check::DEFAULT_FILE);
    match Configuration::load(file, words.values("--dir")).compiled(&check::accounts()) {
        Ok((edge, plan)) => match listener_number(&edge, listener) {
            Some(listener) => print(&explained(&edge, &plan, &head, (client, listener))),
            None => usage(
                PROGRAM,
                &format!("explain: there is no listener '{}'", Escaped(listener.unwrap_or_default().as_bytes())),
            ),
        },
        Err(report) => check::refuse(&report),
    }
}

pub(crate) fn blob<T: serde::de::DeserializeOwned>(plan: &Plan, program: Program) -> T {
    fosse_wire::blob::decode(plan.blob(program))
        .unwrap_or_else(|error| fatal(PROGRAM, format_args!("{}: {error}", program.name())))
}

/// Returns the number of the listener that is meant: the first one, where none is named.
fn listener_number(edge: &Edge, name: Option<&str>) -> Option<u16> {
    let Some(name) = name else { return Some(0) };
    edge.listen.iter().position(|listen| listen.is_called(name)).and_then(|at| u16::try_from(at).ok())
}

fn explained(edge: &Edge, plan: &Plan, head: &RequestHead<'_>, (client, listener): (Option<IpAddr>, u16)) -> String {
    let (parse, host) = (blob::<Parse>(plan, Program::Parse), head.host.as_str());
    let (method, target) = (String::from_utf8_lossy(head.method), String::from_utf8_lossy(head.target));
    let mut out = format!("request   {method} http://{host}{target}\n");
    let router = Router::new(&parse);
    let (number, site) = match site_of(&router, &parse, host, listener) {
        Ok(found) => found,
        Err(words) => return out + words,
    };
    let _ = writeln!(out, "site      \"{}\" (number {}): {}", site.name, number + 1, {
        why_site(&site.hosts, host, router.is_named(host.as_bytes()))
    });
    let facts = facts(head, client, listener);
    let Ok(policy) = router.policy(number, || facts) else {
        return out + "response  400: the path takes the globs and regular expressions of the site too long\n";
    };
    let _ = writeln!(out, "route     {}", why_route(site, policy));
    let Some(terms) = parse.policies.get(index(policy)) else { return out };
    out.push_str(&who_may(&parse, terms));
    let Ok(changed) = router.changed(policy, &facts, usize::MAX) else {
        return out + "response  400: the target that it is rewritten to cannot be written\n";
    };
    if let Some(target) = &changed.target {
        let _ = writeln!(out, "rewrite   {}", String::from_utf8_lossy(target));
    }
    out.push_str(&rates::lines(&parse, terms, listener));
    let (waf, is_whole) = waf_profile(plan, terms, policy);
    if let Some(words) = above_root(&waf, changed.target.as_deref().unwrap_or(head.target)) {
        out.push_str(words);
        if waf.waf == WafMode::Block {
            return out;
        }
    }
    let _ = writeln!(out, "filters   waf-filter: {}", filter(&waf, &rules(edge, number, site.routes.policy, policy)));
    let target = changed.target.as_deref().unwrap_or(head.target);
    out + &done(edge, plan, (&parse, policy), (&waf, is_whole), (target, changed.location.as_deref()))
}

/// Returns what dispatch does by a policy for a request of this target, or with this location of a
/// redirect.
fn done(
    edge: &Edge,
    plan: &Plan,
    (parse, number): (&Parse, u32),
    waf: (&WafProfile, bool),
    where_to: (&[u8], Option<&[u8]>),
) -> String {
    let dispatch = blob::<Dispatch>(plan, Program::Dispatch);
    let Some(policy) = dispatch.policies.get(index(number)) else { return String::new() };
    let mut out = access(&dispatch, policy) + &edits(policy);
    let error_pages = parse.policies.get(index(number)).and_then(|terms| terms.error_pages);
    let error_pages = error_pages.and_then(|pages| parse.error_pages.get(index(pages)));
    out.push_str(&in_place(&dispatch, policy, error_pages));
    out + &kept::line(policy.cache.as_ref(), plan) + &codings(policy) + &goal(edge, &dispatch, policy, waf, where_to)
}

/// Returns the site that a host has, and its number.
fn site_of<'a>(
    router: &Router,
    parse: &'a Parse,
    host: &str,
    listener: u16,
) -> Result<(u32, &'a ParseSite), &'static str> {
    let found = router.site(host.as_bytes(), listener);
    let found = found.map_err(|_| "response  400: the host takes the regular expressions of the sites too long\n")?;
    let site = found.and_then(|number| Some((number, parse.sites.get(index(number))?)));
    site.ok_or("response  421: no site names this host, and none is the default\n")
}

pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Returns the facts of a request.
pub(crate) fn facts<'a>(head: &'a RequestHead<'_>, client: Option<IpAddr>, listener: u16) -> Facts<'a> {
    let endpoint = client.map_or_else(Endpoint::default, |ip| Endpoint::from_socket((ip, 0).into()));
    Facts {
        client,
        client_bytes: endpoint.addr,
        client_port: 0,
        listener,
        secure: false,
        method: head.method,
        host: head.host.name(),
        host_port: head.host.port().unwrap_or(0),
        request: 0,
        target: head.target,
        handshake: Handshake::default(),
        headers: &head.fields,
    }
}

/// Returns what is evaluated for a policy, and whether request bodies are buffered whole. Where no
/// site needs the filter there is none.
fn waf_profile(plan: &Plan, terms: &ParsePolicy, policy: u32) -> (WafProfile, bool) {
    if plan.blob(Program::WafFilter).is_empty() {
        let body_bytes_max = terms.body_bytes_max;
        return (WafProfile { waf: WafMode::Off, body_bytes_max, ..WafProfile::default() }, false);
    }
    let mut filter = blob::<WafFilter>(plan, Program::WafFilter);
    let found = filter.policies.get(index(policy)).map(|policy| (index(policy.profile), policy.buffer_requests));
    let Some((profile, is_whole)) = found.filter(|(profile, _)| *profile < filter.profiles.len()) else {
        return (WafProfile::default(), false);
    };
    (filter.profiles.swap_remove(profile), is_whole)
}

/// Returns the rule files of a policy, as they are written: those of the route, else of the site.
fn rules(edge: &Edge, site: u32, own: u32, policy: u32) -> Vec<String> {
    let Some(site) = edge.site.get(index(site)) else { return Vec::new() };
    let route = policy.checked_sub(own + 1).and_then(|route| site.route.get(index(route)));
    let of_route = route.and_then(|route| route.rules.value.as_ref());
    of_route.unwrap_or(&site.rules.value).iter().map(|pattern| pattern.0.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const TEXT: &str = r#"
        [[listen]]
        address = "127.0.0.1:80"
        [[site]]
        hosts = ["a.example", "*.a.example"]
        backend = "app"
        waf = "detect"
        inspect_responses = true
        [[site.route]]
        prefix = "/api"
        backend = "api"
        [[site]]
        hosts = ["b.example"]
        waf = "off"
        [[site.route]]
        prefix = "/only"
        backend = "api"
        [[backend]]
        name = "app"
        servers = ["unix:/run/a", "unix:/run/b"]
        [[backend]]
        name = "api"
        servers = ["127.0.0.1:1"]
        buffer_requests = true
    "#;

    pub(super) fn explain(host: &str, path: &str) -> String {
        explain_of(TEXT, host, path)
    }

    pub(super) fn explain_of(text: &str, host: &str, path: &str) -> String {
        explain_with(text, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }

    fn explain_with(text: &str, head: &str) -> String {
        explain_over(text, head, None)
    }

    fn explain_over(text: &str, head: &str, listener: Option<&str>) -> String {
        let (edge, plan) =
            Configuration::of_text("x", text).compiled(&check::accounts()).unwrap_or_else(|report| panic!("{report}"));
        let head = RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap();
        explained(&edge, &plan, &head, (Some("192.0.2.1".parse().unwrap()), listener_number(&edge, listener).unwrap()))
    }

    #[test]
    fn says_what_a_route_does_in_the_words_of_the_configuration() {
        let text = TEXT.replace(
            "[[site.route]]\n        prefix = \"/api\"",
            "[[site.route]]\nregex = \"^/old/(.*)$\"\nredirect = \"https://{host}/new/{1}\"\nredirect_status = 301\n\
             [[site.route]]\nprefix = \"/v1\"\nstrip_prefix = true\nallow_networks = [\"192.0.2.0/24\"]\n\
             request_headers.set = { X-A = \"{client_address}\" }\nwhen = { header = [\"X-Beta=1\"] }\n\
             [[site.route]]\nprefix = \"/api\"",
        );
        let said = explain_of(&text, "a.example", "/old/x%20y?q");
        assert!(said.contains("route     number 1: regex ^/old/(.*)$\n"), "{said}");
        assert!(said.ends_with("response  301: to https://a.example/new/x%20y\n"), "{said}");
        let said = explain_with(&text, "GET /v1/x?y HTTP/1.1\r\nHost: a.example\r\nX-Beta: 1\r\n\r\n");
        assert!(said.contains("prefix /v1, the longest that covers the path, header x-beta=1\n"), "{said}");
        assert!(said.contains("\nrewrite   /x?y\n") && said.contains("\nnetworks  192.0.2.0/24 alone\n"), "{said}");
        assert!(said.contains("\nheader    request X-A: set to {ClientAddress}\n"), "{said}");
        assert!(explain_of(&text, "a.example", "/v1/x").contains("\nroute     the site's own: no route takes"));
    }

    #[test]
    fn says_site_filter_route_and_backend_and_why() {
        let text = explain("a.example", "/api/x?q");
        assert!(text.contains("site      \"a.example\" (number 1): the host is one of its names\n"), "{text}");
        assert!(text.contains("logins    NTLM and Negotiate: each client over its own connection\n"), "{text}");
        assert!(text.contains("waf-filter: logs what it finds and lets it pass; builtin; responses too"), "{text}");
        assert!(text.contains("route     number 1: prefix /api, the longest that covers the path\n"), "{text}");
        assert!(text.contains("backend   \"api\": 127.0.0.1:1\n"), "{text}");
        assert!(text.contains("bodies    buffered whole up to 1048576 bytes"), "{text}");
        let text = explain("x.a.example", "/apis");
        assert!(text.contains("*.a.example covers the host"), "{text}");
        assert!(text.contains("backend   \"app\": unix:/run/a, unix:/run/b\n"), "{text}");
        assert!(text.contains("bodies    sent on with Content-Length once the rules have seen them"), "{text}");
        let text = explain_of(
            &TEXT.replace("waf = \"detect\"\n        inspect_responses = true", "waf = \"off\""),
            "x.a.example",
            "/apis",
        );
        assert!(text.contains("bodies    sent on as they come"), "{text}");
    }

    #[test]
    fn says_for_which_errors_there_are_pages() {
        let pages =
            "error = [{ status = [\"5xx\", 404], text = \"x\" }]\nerror_json = true\nintercept_errors = [404]\n";
        let said = explain_of(&TEXT.replace("inspect_responses = true", pages), "a.example", "/");
        let expected = "\npages     404, 500-599, JSON for those who would rather have it\n\
            pages     also in place of the application's 404\n";
        assert!(said.contains(expected), "{said}");
        assert!(!explain("a.example", "/").contains("\npages "));
    }

    #[test]
    fn says_which_files_the_application_may_name() {
        let files = "send_files = \"disk\"\nsend_files_prefix = \"/p/\"\n";
        let text =
            TEXT.replace("inspect_responses = true", files) + "[[backend]]\nname = \"disk\"\nfiles = \"/srv/d\"\n";
        let said = explain_of(&text, "a.example", "/");
        let expected = "\nfiles     \"disk\": X-Accel-Redirect names them by /p/..., X-Sendfile by /srv/d/...\n";
        assert!(said.contains(expected), "{said}");
        assert!(!explain("a.example", "/").contains("\nfiles "));
    }

    #[test]
    fn says_which_site_is_the_default_of_a_listener_and_which_an_expression_names() {
        let text = TEXT
            .replace("hosts = [\"b.example\"]", "hosts = ['~^b[0-9]+\\.example$']\ndefault_for = [\"inner\"]")
            + "[[listen]]\naddress = \"127.0.0.1:81\"\nname = \"inner\"\n";
        let said = explain_of(&text, "B17.example", "/");
        assert!(said.contains("(number 2): one of its regular expressions is found in the host"), "{said}");
        let head = "GET / HTTP/1.1\r\nHost: other\r\n\r\n";
        assert!(explain_with(&text, head).contains("421: no site names this host"));
        let said = explain_over(&text, head, Some("127.0.0.1:81"));
        assert!(said.contains("(number 2): no site names the host, this one is the default\n"), "{said}");
    }

    #[test]
    fn says_who_is_asked_before_it_goes_on() {
        let auth = "forward_auth = { backend = \"app\", path = \"/auth\", copy_headers = [\"X-User\"] }\n";
        let said = explain_of(&TEXT.replace("inspect_responses = true", auth), "a.example", "/");
        assert!(said.contains("\naccess    \"app\" is asked, by GET /auth, which writes X-User\n"), "{said}");
        assert!(!explain("a.example", "/").contains("\naccess "));
    }

    #[test]
    fn says_how_responses_are_encoded() {
        let text = TEXT
            .replace("waf = \"off\"", "waf = \"off\"\ncompress = [\"br\", \"gzip 9\"]\ncompress_types = [\"text/*\"]");
        let said = explain_of(&text, "b.example", "/only");
        let line = "\ncodings   br 4, gzip 9: from 1024 bytes on, but for pages and data with Cookie or Authorization and a query or \
                    a body; text/*\n";
        assert!(said.contains(line), "{said}");
        assert!(!explain("b.example", "/only").contains("codings"));
    }

    #[test]
    fn says_that_a_request_has_to_come_by_a_signed_link() {
        let table = "backend = \"app\"\n[site.signed_links]\nkeys = [\"k\"]\nbind_client = true\n";
        let said = explain_of(
            &TEXT.replacen("backend = \"app\"\n", table, 1).replacen(
                "waf = \"detect\"\n        inspect_responses = true\n",
                "",
                1,
            ),
            "a.example",
            "/",
        );
        let line =
            "link      signed, for one client: ends in expires and signature, which the application does not get";
        assert!(said.contains(line), "{said}");
    }

    #[test]
    fn says_which_pages_may_make_requests() {
        let table = "backend = \"app\"\ncors = { origins = [\"https://*.b.example\", \"http://c.example:8080\"] }\n";
        let said = explain_of(&TEXT.replacen("backend = \"app\"\n", table, 1), "a.example", "/");
        let line = "\ncors      pages of https://*.b.example http://c.example:8080; preflights get 204 here, with GET HEAD POST\n";
        assert!(said.contains(line), "{said}");
    }

    #[test]
    fn says_whose_password_is_asked_for() {
        let table = "backend = \"app\"\nbasic_auth = { users_file = \"u\", anonymous_networks = [\"10.0.0.0/8\"], \
                     user_header = \"X-User\" }\n";
        let said = explain_of(&TEXT.replacen("backend = \"app\"\n", table, 1), "a.example", "/");
        let line = "\npassword  of a user of \"restricted\"; without one from 10.0.0.0/8; \
                    the application does not get the password, its name in X-User\n";
        assert!(said.contains(line), "{said}");
        assert!(!explain("a.example", "/").contains("password"));
    }

    #[test]
    fn says_what_becomes_of_a_path_that_leads_above_the_root() {
        for path in ["/../x", "/%2e%2e/%2e%2e/etc/passwd", "/a/..%2f../x?q"] {
            let text = explain_of(&TEXT.replace("\"detect\"", "\"block\""), "a.example", path);
            assert!(
                text.ends_with("\nresponse  400: the path leads above the root, which no waf = \"block\" lets pass\n"),
                "{text}"
            );
            let text = explain("a.example", path);
            assert!(text.contains("\npath      leads above the root: logged") && text.contains("\nroute "), "{text}");
            assert!(explain("b.example", path).contains("passed on, as waf is \"off\"\n"));
        }
        assert!(!explain("a.example", "/a/../b?/../..").contains("above the root"));
    }

    #[test]
    fn says_the_status_where_nothing_takes_the_request() {
        assert!(explain("c.example", "/").contains("421"));
        assert!(
            explain("a.example", "/")
                .contains("\nmethods   GET HEAD POST PUT PATCH DELETE OPTIONS, and others but TRACE\n")
        );
        let text = explain("b.example", "/other");
        assert!(text.contains("404") && text.contains("off: nothing is evaluated"), "{text}");
    }
}
