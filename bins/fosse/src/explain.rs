//! `fosse explain`: the way of a request, found in the same compiled blobs and by the same
//! functions that parse and dispatch decide with.

use std::fmt::Write as _;

use fosse_args::Args;
use fosse_die::{fatal, usage};
use fosse_http1::{Host, Target};
use fosse_model::{Edge, address::ListenAddress, model::Listen};
use fosse_plan::Plan;
use fosse_routing::Sites;
use fosse_settings::{Dispatch, DispatchSite, Parse, ParseSite, WafFilter, WafMode, WafSite};
use fosse_wire::launch::Program;

use crate::configuration::Configuration;
use crate::output::print;
use crate::{PROGRAM, check};

/// Explains one request.
pub(crate) fn run(words: &Args) -> i32 {
    let (host, path) = (words.positional(0).unwrap_or_default(), words.positional(1).unwrap_or_default());
    let Ok(host) = Host::parse(host.as_bytes()) else {
        usage(PROGRAM, &format!("explain: '{}' is not a host: it gets 400", fosse_die::Escaped(host.as_bytes())))
    };
    let Ok(Target { path, host: None }) = Target::parse(b"GET", path.as_bytes()) else {
        usage(PROGRAM, &format!("explain: '{}' is not a path: write /PATH", fosse_die::Escaped(path.as_bytes())))
    };
    let file = words.value("--config").unwrap_or(check::DEFAULT_FILE);
    match Configuration::load(file, words.values("--dir")).compiled(&check::accounts()) {
        Ok((edge, plan)) => print(&explained(&edge, &plan, host.as_str(), path)),
        Err(report) => check::refuse(&report),
    }
}

fn blob<T: serde::de::DeserializeOwned>(plan: &Plan, program: Program) -> T {
    fosse_wire::blob::decode(plan.blob(program))
        .unwrap_or_else(|error| fatal(PROGRAM, format_args!("{}: {error}", program.name())))
}

fn explained(edge: &Edge, plan: &Plan, host: &str, path: &[u8]) -> String {
    let parse = blob::<Parse>(plan, Program::Parse);
    let mut out = format!("request   http://{host}{}\n", String::from_utf8_lossy(path));
    let Some(number) = Sites::new(&parse).of_host(host.as_bytes()).and_then(|n| usize::try_from(n).ok()) else {
        out.push_str("response  421: no site names this host, and none is the default\n");
        return out;
    };
    let site = parse.sites.get(number);
    let hosts = site.map(|site| site.hosts.as_slice()).unwrap_or_default();
    let label = site.map_or("", |site| site.name.as_str());
    let ordinal = number + 1;
    let _ = writeln!(out, "site      \"{label}\" (number {ordinal}): {}", why_site(hosts, host));
    let others = if site.is_some_and(|site| site.other_methods) { ", and others but TRACE" } else { "" };
    let _ = writeln!(out, "methods   {}{others}", site.map(|site| site.methods.join(" ")).unwrap_or_default());
    let waf = waf_site(plan, site, number);
    if let Some(site) = &waf {
        if let Some(words) = above_root(site, path) {
            out.push_str(words);
            if site.waf == WafMode::Block {
                return out;
            }
        }
        let rules = edge.site.get(number).map(|s| s.rules.iter().map(|r| r.0.clone()).collect::<Vec<_>>());
        let _ = writeln!(out, "filters   waf-filter: {}", filter(site, &rules.unwrap_or_default()));
    }
    let dispatch = blob::<Dispatch>(plan, Program::Dispatch);
    if let Some(site) = dispatch.sites.get(number) {
        out.push_str(&backend(&dispatch, site, path, |backend| bodies(edge, waf.as_ref(), backend)));
        if let Some(backend) = fosse_routing::backend(site, path).and_then(|number| dispatch.backends.get(number)) {
            let _ = writeln!(out, "logins    NTLM and Negotiate: {}", logins(edge, backend));
        }
    }
    out
}

/// Returns a site as waf-filter sees it. Where no site needs the filter there is none.
fn waf_site(plan: &Plan, site: Option<&ParseSite>, number: usize) -> Option<WafSite> {
    if plan.blob(Program::WafFilter).is_empty() {
        let off =
            |site: &ParseSite| WafSite { waf: WafMode::Off, body_bytes_max: site.body_bytes_max, ..WafSite::default() };
        return site.map(off);
    }
    blob::<WafFilter>(plan, Program::WafFilter).sites.into_iter().nth(number)
}

/// Returns what becomes of a path that leads above the root: a check of the firewall that needs no
/// rules.
fn above_root(site: &WafSite, path: &[u8]) -> Option<&'static str> {
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    fosse_http1::percent::leads_above_root(path).then_some(match site.waf {
        WafMode::Block => "response  400: the path leads above the root, which no waf = \"block\" lets pass\n",
        WafMode::Detect => "path      leads above the root: logged and passed on; with waf = \"block\" it gets 400\n",
        WafMode::Off => "path      leads above the root: passed on, as waf is \"off\"\n",
    })
}

/// Returns which clients can log in where a login is bound to a connection.
fn logins(edge: &Edge, backend: &fosse_settings::Backend) -> String {
    if backend.proxy_protocol > 0 {
        return "not over several requests, since proxy_protocol closes the connection after each".to_owned();
    }
    let shares = |listen: &Listen| !listen.trusted.is_empty() && !listen.connection_per_client.value;
    let shared: Vec<String> = edge.listen.iter().filter(|listen| shares(listen)).map(|l| address(&l.address)).collect();
    match shared.as_slice() {
        [] => "each client over its own connection".to_owned(),
        shared => format!(
            "each client over its own connection; not through the trusted sources of {}, as connection_per_client is false",
            shared.join(" and ")
        ),
    }
}

fn address(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(tcp) => tcp.to_string(),
        ListenAddress::Unix(path) => format!("unix:{path}"),
    }
}

fn why_site(hosts: &[String], host: &str) -> String {
    if hosts.iter().any(|h| h == host) {
        return "the host is one of its names".to_owned();
    }
    let star = hosts.iter().filter(|h| h.strip_prefix('*').is_some_and(|rest| host.ends_with(rest)));
    match star.max_by_key(|h| h.len()) {
        Some(star) => format!("{star} covers the host, and no longer name does"),
        None => "no site names the host, this one is the default".to_owned(),
    }
}

fn filter(site: &WafSite, rules: &[String]) -> String {
    let does = match site.waf {
        WafMode::Off => return format!("off: nothing is evaluated; bodies up to {} bytes", site.body_bytes_max),
        WafMode::Detect => "logs what it finds and lets it pass",
        WafMode::Block => "denies what it finds",
    };
    let rules = if rules.is_empty() { "the protocol checks alone".to_owned() } else { rules.join(", ") };
    let responses = if site.inspect_responses { "; responses too" } else { "" };
    format!("{does}; {rules}{responses}; bodies up to {} bytes", site.body_bytes_max)
}

/// Returns what becomes of request bodies of a site that go to a backend.
fn bodies(edge: &Edge, site: Option<&WafSite>, backend: usize) -> String {
    match (site, edge.backend.get(backend)) {
        (Some(site), Some(backend)) if backend.buffer_requests.value => {
            format!("buffered whole up to {} bytes, sent with Content-Length (buffer_requests)", site.body_bytes_max)
        }
        (Some(site), _) if site.waf != WafMode::Off => {
            "sent on with Content-Length once the rules have seen them".to_owned()
        }
        _ => "sent on as they come; a short chunked one with Content-Length".to_owned(),
    }
}

fn backend(dispatch: &Dispatch, site: &DispatchSite, path: &[u8], bodies: impl FnOnce(usize) -> String) -> String {
    let chosen = fosse_routing::backend(site, path).and_then(|n| Some((n, dispatch.backends.get(n)?)));
    let Some((number, backend)) = chosen else {
        return "response  404: no route of the site covers this path, and it has no backend of its own\n".to_owned();
    };
    // Routes are sorted longest first; the one that decided is the first that, alone, decides so.
    let alone = |r: &fosse_settings::Route| DispatchSite { routes: vec![r.clone()], ..DispatchSite::default() };
    let decided = site.routes.iter().find(|r| fosse_routing::backend(&alone(r), path).is_some());
    let prefix = decided.map_or("/", |r| r.prefix.as_str());
    let why = if prefix == "/" { "the backend of all other paths" } else { "the longest prefix that covers the path" };
    let first = usize::try_from(backend.server_first).unwrap_or(usize::MAX);
    let count = usize::try_from(backend.server_count).unwrap_or(0);
    let servers: Vec<&str> = dispatch.servers.iter().skip(first).take(count).map(|s| s.name.as_str()).collect();
    let (name, bodies) = (&backend.name, bodies(number));
    format!("route     {prefix}: {why}\nbackend   \"{name}\": {}\nbodies    {bodies}\n", servers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
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

    fn explain(host: &str, path: &str) -> String {
        explain_of(TEXT, host, path)
    }

    fn explain_of(text: &str, host: &str, path: &str) -> String {
        let (edge, plan) =
            Configuration::of_text("x", text).compiled(&check::accounts()).unwrap_or_else(|report| panic!("{report}"));
        explained(&edge, &plan, host, path.as_bytes())
    }

    #[test]
    fn says_site_filter_route_and_backend_and_why() {
        let text = explain("a.example", "/api/x?q");
        assert!(text.contains("site      \"a.example\" (number 1): the host is one of its names\n"), "{text}");
        assert!(text.contains("logins    NTLM and Negotiate: each client over its own connection\n"), "{text}");
        assert!(text.contains("waf-filter: logs what it finds and lets it pass; builtin; responses too"), "{text}");
        assert!(text.contains("route     /api: the longest prefix that covers the path\n"), "{text}");
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
