//! The words of `fosse explain`.

mod bodies;
mod heads;
mod mirror;
mod retry;
mod scripts;
mod source;

use std::fmt::Write as _;

use fosse_model::{Edge, model::Listen};
use fosse_settings::{
    Action, Coding, Condition, Dispatch, DispatchPolicy, ErrorPages, HeaderChange, HeaderEdit, Net, Origin, Parse,
    ParsePolicy, ParseSite, Part, PathMatch, Template, Test, WafMode, WafProfile,
};

use self::bodies::bodies;
use self::heads::head_limits;
use self::mirror::mirror;
use self::retry::retry;
use self::scripts::script;
use self::source::source_address;

/// Returns what becomes of a path that leads above the root: a check of the firewall that needs no
/// rules.
pub(super) fn above_root(site: &WafProfile, path: &[u8]) -> Option<&'static str> {
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    fosse_http1::percent::leads_above_root(path).then_some(match site.waf {
        WafMode::Block => "response  400: the path leads above the root, which no waf = \"block\" lets pass\n",
        WafMode::Detect => "path      leads above the root: logged and passed on; with waf = \"block\" it gets 400\n",
        WafMode::Off => "path      leads above the root: passed on, as waf is \"off\"\n",
    })
}

/// The protocol of a backend, where it is another one than HTTP/1.1 or FastCGI.
const PROTOCOL_HTTP2: &str =
    "protocol  HTTP/2: requests share connections, and calls of gRPC pass without being held\n";

/// Returns which clients can log in where a login is bound to a connection.
fn logins(edge: &Edge, backend: &fosse_settings::Backend) -> String {
    if backend.fastcgi.is_some() {
        return "no connection of FastCGI is logged in".to_owned();
    }
    if backend.http2 {
        return "no connection of HTTP/2 is logged in, as many share it".to_owned();
    }
    if backend.proxy_protocol > 0 {
        return "not over several requests, since proxy_protocol closes the connection after each".to_owned();
    }
    let shares = |listen: &Listen| !listen.trusted.is_empty() && !listen.connection_per_client.value;
    let shared: Vec<String> =
        edge.listen.iter().filter(|listen| shares(listen)).map(|l| l.address.value.written()).collect();
    match shared.as_slice() {
        [] => "each client over its own connection".to_owned(),
        shared => format!(
            "each client over its own connection; not through the trusted sources of {}, as connection_per_client is false",
            shared.join(" and ")
        ),
    }
}

/// Returns why a site takes a host.
pub(super) fn why_site(hosts: &[String], host: &str, is_named: bool) -> String {
    if hosts.iter().any(|h| h == host) {
        return "the host is one of its names".to_owned();
    }
    let star = hosts.iter().filter(|h| h.strip_prefix('*').is_some_and(|rest| host.ends_with(rest)));
    if let Some(star) = star.max_by_key(|h| h.len()) {
        return format!("{star} covers the host, and no longer name does");
    }
    if is_named {
        return "one of its regular expressions is found in the host, and no name covers it".to_owned();
    }
    "no site names the host, this one is the default".to_owned()
}

/// Returns which route of a site has a policy, and by what.
pub(super) fn why_route(site: &ParseSite, policy: u32) -> String {
    if site.routes.challenge == Some(policy) {
        return "challenges of certificate authorities, before every route: fosse-acme responds to them".to_owned();
    }
    if site.routes.to_https.iter().any(|one| one.policy == policy) {
        return "the redirect to https, before every route: its listener has no TLS, and another one has".to_owned();
    }
    let Some((at, route)) = site.routes.routes.iter().enumerate().find(|(_, route)| route.policy == policy) else {
        let why = if site.routes.routes.is_empty() { "it has no routes" } else { "no route takes the request" };
        return format!("the site's own: {why}");
    };
    let path = match &route.path {
        PathMatch::Any => "every path".to_owned(),
        PathMatch::Exact(path) => format!("the path {path}"),
        PathMatch::Prefix(prefix) => format!("prefix {prefix}, the longest that covers the path"),
        PathMatch::Glob(glob) => format!("glob {glob}"),
        PathMatch::Regex(regex) => format!("regex {regex}"),
    };
    let conditions: String = route.conditions.iter().map(|one| format!(", {}", condition(one))).collect();
    format!("number {}: {path}{conditions}", at + 1)
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Method(methods) => format!("method {}", methods.join(" or ")),
        Condition::Header(test) => format!("header {}", tested(test)),
        Condition::Query(test) => format!("query {}", tested(test)),
        Condition::Cookie(test) => format!("cookie {}", tested(test)),
        Condition::Listener(_) => "its listener".to_owned(),
        Condition::Network(nets) => format!("network {}", nets.iter().map(net).collect::<Vec<_>>().join(" or ")),
    }
}

fn tested(test: &Test) -> String {
    let not = if test.negated { "!" } else { "" };
    let value = test.value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
    format!("{not}{}{value}", test.name)
}

fn net(net: &Net) -> String {
    let address = std::net::Ipv6Addr::from(net.addr);
    match address.to_ipv4_mapped().filter(|_| net.prefix >= 96) {
        Some(v4) => format!("{v4}/{}", net.prefix - 96),
        None => format!("{address}/{}", net.prefix),
    }
}

/// Returns a line for the methods that a policy serves, one for the networks that it lets in, and
/// one for the limits of heads.
pub(super) fn who_may(parse: &Parse, policy: &ParsePolicy) -> String {
    let others = if policy.other_methods { ", and others but TRACE" } else { "" };
    let methods = format!("methods   {}{others}\n", policy.methods.join(" "));
    let networks = match policy.networks.is_empty() {
        true => String::new(),
        false => format!("networks  {}\n", networks(policy)),
    };
    methods + &networks + &head_limits(parse, policy)
}

/// Returns the networks whose clients a policy lets in or keeps out.
fn networks(policy: &ParsePolicy) -> String {
    let named = |allow| policy.networks.iter().filter(move |one| one.allow == allow).map(|one| net(&one.net));
    let (allowed, denied): (Vec<_>, Vec<_>) = (named(true).collect(), named(false).collect());
    match (allowed.is_empty(), denied.is_empty()) {
        (true, _) => format!("all but {}", denied.join(" ")),
        (false, true) => format!("{} alone", allowed.join(" ")),
        (false, false) => format!("{} but {}", allowed.join(" "), denied.join(" ")),
    }
}

/// Returns the lines for all that takes the place of a response: pages, and files.
pub(super) fn in_place(dispatch: &Dispatch, policy: &DispatchPolicy, error_pages: Option<&ErrorPages>) -> String {
    pages(error_pages, &policy.intercept_errors) + &named_files(dispatch, policy)
}

/// Returns a line for the pages that take the place of the usual ones of errors, and one for the
/// statuses of the application in whose place clients get them.
fn pages(pages: Option<&ErrorPages>, intercepted: &[(u16, u16)]) -> String {
    let range = |first: u16, last: u16| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let mut out = String::new();
    if let Some(pages) = pages {
        let of = |page: &fosse_settings::ErrorPage| range(page.first, page.last);
        let mut for_whom: Vec<String> = pages.error.iter().map(of).collect();
        for_whom.extend(pages.error_json.then(|| "JSON for those who would rather have it".to_owned()));
        let _ = writeln!(out, "pages     {}", for_whom.join(", "));
    }
    if !intercepted.is_empty() {
        let statuses: Vec<String> = intercepted.iter().map(|(first, last)| range(*first, *last)).collect();
        let _ = writeln!(out, "pages     also in place of the application's {}", statuses.join(", "));
    }
    out
}

/// Returns a line for the files that the application may name.
fn named_files(dispatch: &Dispatch, policy: &DispatchPolicy) -> String {
    let Some(files) = &policy.send_files else { return String::new() };
    let number = usize::try_from(files.send_files).unwrap_or(usize::MAX);
    let name = dispatch.backends.get(number).map_or("", |backend| &backend.name);
    let (root, prefix) = (&files.root, &files.send_files_prefix);
    format!("files     \"{name}\": X-Accel-Redirect names them by {prefix}/..., X-Sendfile by {root}/...\n")
}

/// Returns what the filter does.
pub(super) fn filter(site: &WafProfile, rules: &[String]) -> String {
    let does = match site.waf {
        WafMode::Off => return format!("off: nothing is evaluated; bodies up to {} bytes", site.body_bytes_max),
        WafMode::Detect => "logs what it finds and lets it pass",
        WafMode::Block => "denies what it finds",
    };
    let rules = if rules.is_empty() { "the protocol checks alone".to_owned() } else { rules.join(", ") };
    let responses = if site.inspect_responses { "; responses too" } else { "" };
    format!("{does}; {rules}{responses}; bodies up to {} bytes", site.body_bytes_max)
}

/// Returns a line for the links by which requests have to come.
fn links(policy: &DispatchPolicy) -> String {
    let Some(links) = &policy.signed_links else { return String::new() };
    let client = if links.bind_client { ", for one client" } else { "" };
    let gets = if links.keep_arguments { "gets too" } else { "does not get" };
    let (expires, signature) = (&links.expires_argument, &links.signature_argument);
    format!("link      signed{client}: ends in {expires} and {signature}, which the application {gets}; GET and HEAD\n")
}

/// Returns a line for each of what is asked of those who make requests.
pub(super) fn access(dispatch: &Dispatch, policy: &DispatchPolicy) -> String {
    [cors(policy), links(policy), users(policy), asked(dispatch, policy)].concat()
}

/// Returns a line for the pages of other origins.
fn cors(policy: &DispatchPolicy) -> String {
    let Some(cors) = &policy.cors else { return String::new() };
    let origins = cors.origins.iter().map(|origin| match origin {
        Origin::Exact(origin) => origin.clone(),
        Origin::Below(scheme, end) => format!("{scheme}*{end}"),
    });
    let origins =
        if cors.origins.is_empty() { "every origin".to_owned() } else { origins.collect::<Vec<_>>().join(" ") };
    format!("cors      pages of {origins}; preflights get 204 here, with {}\n", cors.methods.join(" "))
}

/// Returns a line for the users that are let in.
fn users(policy: &DispatchPolicy) -> String {
    let Some(auth) = policy.access.as_ref().and_then(|access| access.basic_auth.as_ref()) else {
        return String::new();
    };
    let without: Vec<String> = auth.anonymous_networks.iter().map(net).collect();
    let without = if without.is_empty() { String::new() } else { format!("; without one from {}", without.join(" ")) };
    let header =
        if auth.user_header.is_empty() { String::new() } else { format!(", its name in {}", auth.user_header) };
    let password = if auth.keep_authorization { "gets the password too" } else { "does not get the password" };
    format!("password  of a user of \"{}\"{without}; the application {password}{header}\n", auth.realm)
}

/// Returns a line for each change of headers.
pub(super) fn edits(policy: &DispatchPolicy) -> String {
    headers("request", &policy.request_headers) + &headers("response", &policy.response_headers)
}

/// Returns a line for the codings of responses; none where they stay as they are.
pub(super) fn codings(policy: &DispatchPolicy) -> String {
    let Some(compress) = &policy.compress else { return String::new() };
    let name = |coding: &Coding| match coding {
        Coding::Brotli => "br",
        Coding::Zstd => "zstd",
        Coding::Gzip => "gzip",
    };
    let codings: Vec<String> =
        compress.compress.iter().map(|(coding, level)| format!("{} {level}", name(coding))).collect();
    let secrets = match compress.compress_secrets {
        true => "also where they may show a secret beside a client's text",
        false => "but for pages and data with Cookie or Authorization and a query or a body",
    };
    let (bytes, types) = (compress.compress_bytes_min, compress.compress_types.join(" "));
    format!("codings   {}: from {bytes} bytes on, {secrets}; {types}\n", codings.join(", "))
}

/// Returns a line for each change of headers of a message.
fn headers(of: &str, edits: &[HeaderEdit]) -> String {
    let mut out = String::new();
    for edit in edits {
        let (does, value) = match &edit.change {
            HeaderChange::Remove => ("removed", None),
            HeaderChange::Set(value) => ("set to", Some(value)),
            HeaderChange::Add(value) => ("one more:", Some(value)),
            HeaderChange::Default(value) => ("unless there is one:", Some(value)),
            HeaderChange::DefaultOverHttps(value) => ("over https, unless there is one:", Some(value)),
            HeaderChange::Replace(_, value) => ("a part of it becomes", Some(value)),
        };
        let value = value.map(|value| format!(" {}", text(value))).unwrap_or_default();
        let _ = writeln!(out, "header    {of} {}: {does}{value}", edit.name);
    }
    out
}

fn text(template: &Template) -> String {
    let parts = template.0.iter().map(|part| match part {
        Part::Text(text) => text.clone(),
        Part::Variable(variable) => format!("{{{variable:?}}}"),
        Part::Header(name) => format!("{{header.{name}}}"),
        Part::ForOrigin(of) => of.text.as_ref().map_or("{origin}".to_owned(), |text| format!("{text} for its origins")),
        Part::Group(group) => format!("{{{group}}}"),
    });
    parts.collect()
}

/// Returns a line for the server that is asked before a request goes on.
fn asked(dispatch: &Dispatch, policy: &DispatchPolicy) -> String {
    let Some(auth) = policy.access.as_ref().and_then(|access| access.forward_auth.as_ref()) else {
        return String::new();
    };
    let number = usize::try_from(auth.backend).unwrap_or(usize::MAX);
    let name = dispatch.backends.get(number).map_or("", |backend| backend.name.as_str());
    let names = auth.copy_headers.join(", ");
    let copied = if names.is_empty() { String::new() } else { format!(", which writes {names}") };
    format!("access    \"{name}\" is asked, by GET {}{copied}\n", auth.path)
}

/// Returns where a request goes, or what it gets.
pub(super) fn goal(
    edge: &Edge,
    dispatch: &Dispatch,
    policy: &DispatchPolicy,
    (waf, is_whole): (&WafProfile, bool),
    (target, location): (&[u8], Option<&[u8]>),
) -> String {
    let number = match &policy.action {
        Action::Backend(number) => usize::try_from(*number).unwrap_or(usize::MAX),
        Action::Redirect(status) => {
            return format!("response  {status}: to {}\n", String::from_utf8_lossy(location.unwrap_or_default()));
        }
        Action::Respond(page) if page.status == 404 && page.body.is_empty() => {
            return "response  404: no route of the site takes it, and it has no backend of its own\n".to_owned();
        }
        Action::Respond(page) => return format!("response  {}: given by the configuration\n", page.status),
    };
    let Some(backend) = dispatch.backends.get(number) else { return String::new() };
    let first = usize::try_from(backend.server_first).unwrap_or(usize::MAX);
    let count = usize::try_from(backend.server_count).unwrap_or(0);
    let servers: Vec<&str> = dispatch.servers.iter().skip(first).take(count).map(|s| s.name.as_str()).collect();
    let (name, bodies, logins) = (&backend.name, bodies(waf, is_whole), logins(edge, backend));
    let protocol = if backend.http2 { PROTOCOL_HTTP2 } else { "" };
    let script = backend.fastcgi.as_ref().map(|fastcgi| script(fastcgi, target)).unwrap_or_default();
    let retry = retry(policy, backend) + &mirror(dispatch, policy);
    let source = source_address(edge, name);
    format!(
        "backend   \"{name}\": {}\n{protocol}{source}{script}bodies    {bodies}\nlogins    NTLM and Negotiate: {logins}\n{retry}",
        servers.join(", ")
    )
}
