//! Sites and their policies. Each route of a site, and the site itself for what no route takes, is
//! compiled to one policy: all that holds for a request, defaults of the site included. A policy
//! has the same number in parse, which chooses it, and in waf-filter and dispatch, which obey it.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::template::Template;
use crate::{Access, Coding, Cors, HeadLimits, Net, RespondFile, Retry, SignedLinks};

/// One site as parse sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseSite {
    /// Canonical host names; `*.example.org` matches every name below example.org, `~REGEX` those
    /// in which it is found.
    pub hosts: Vec<String>,
    /// Name in logs.
    pub name: String,
    /// Number of its terms of TLS: a request over a connection to a site of other ones is
    /// misdirected. 0 where it is not served over TLS.
    pub tls_terms: u32,
    /// Its routes.
    pub routes: SiteRoutes,
}

/// The routes of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRoutes {
    /// Number of the policy for requests that no route takes.
    pub policy: u32,
    /// In the order of the file.
    pub routes: Vec<Route>,
    /// Number of the policy for challenges of certificate authorities, before all others, where
    /// they are expected.
    pub challenge: Option<u32>,
    /// Listeners that send its clients to https before any route takes a request.
    pub to_https: Vec<ToHttps>,
}

/// A listener without TLS that sends clients to one that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToHttps {
    /// Its number.
    pub listener: u16,
    /// Number of the policy of the redirect.
    pub policy: u32,
}

/// The requests of a site that have a policy of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Paths it takes.
    pub path: PathMatch,
    /// All of them hold.
    pub conditions: Vec<Condition>,
    /// Number of its policy.
    pub policy: u32,
}

/// The paths that a route takes, compared as the application will understand them: decoded, with
/// dot segments resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathMatch {
    /// Every path.
    #[default]
    Any,
    /// This path alone.
    Exact(String),
    /// This path and everything below its next slash: `/a` takes `/a`, `/a/b` and `/a?q`, not
    /// `/ab`.
    Prefix(String),
    /// Paths of this shape: `*` is anything but a slash, `**` anything, `?` one character but a
    /// slash.
    Glob(String),
    /// Paths in which this regular expression is found.
    Regex(String),
}

/// Something besides the path that a request must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// One of these methods.
    Method(Vec<String>),
    /// A header field.
    Header(Test),
    /// A parameter of the query.
    Query(Test),
    /// A cookie.
    Cookie(Test),
    /// It came in by one of these listeners.
    Listener(Vec<u16>),
    /// Its client is in one of these networks.
    Network(Vec<Net>),
}

/// A test of a named value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// Name; of a header in lower case.
    pub name: String,
    /// The value, in which `*` is anything; `None` for any value.
    pub value: Option<String>,
    /// The test holds where there is no such value.
    pub negated: bool,
}

/// A network that a policy lets in or keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The network.
    pub net: Net,
    /// Its clients are let in.
    pub allow: bool,
}

/// A change of the path before the request goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rewrite {
    /// None.
    #[default]
    None,
    /// A prefix is replaced by another one.
    Prefix(Prefixes),
    /// Another target, with a query of its own where it has a question mark.
    To(Template),
}

/// One policy as parse sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParsePolicy {
    /// Methods that are served, in upper case.
    pub methods: Vec<String>,
    /// Others are served as well, TRACE excepted.
    pub other_methods: bool,
    /// Bytes of a request body that are taken, where waf-filter sets no limit.
    pub body_bytes_max: u64,
    /// Limits of the head, where they are not those by which it is read.
    pub head: Option<HeadLimits>,
    /// Path and query must be UTF-8, where waf-filter does not look at them.
    pub utf8: bool,
    /// The request ends when its client has closed its side.
    pub abort_on_close: bool,
    /// Networks that are let in or kept out: the smallest one that has the client decides. Where
    /// some are let in, all others are kept out.
    pub networks: Vec<Admitted>,
    /// Longest silence within a request body, where it is not that of all.
    pub body_seconds: Option<Duration>,
    /// Regular expression whose groups are used in `rewrite` and `redirect`; empty where none are.
    pub pattern: String,
    /// Change of the path.
    pub rewrite: Rewrite,
    /// Location of a redirect.
    pub redirect: Option<Template>,
    /// Number of its pages, where it has some.
    pub error_pages: Option<u32>,
    /// Responses have the number of their request.
    pub send_request_id: bool,
    /// Bytes a second of a response; 0 for no limit.
    pub response_bytes_per_second: u64,
    /// Bytes of it that are sent before that at full speed.
    pub response_rate_after_bytes: u64,
    /// Bytes a second of all responses of the site to one source; 0 for no limit.
    pub source_bytes_per_second: u64,
    /// File that it responds with.
    pub respond_file: Option<RespondFile>,
}

/// One policy as waf-filter sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WafPolicy {
    /// Number of what is evaluated for it.
    pub profile: u32,
    /// Its backend gets every body whole.
    pub buffer_requests: bool,
    /// Its backend speaks gRPC: a call, which is a stream, is evaluated by its head alone.
    pub streams_calls: bool,
}

/// One site as dispatch sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchSite {
    /// Canonical hosts as parse has them.
    pub hosts: Vec<String>,
    /// It also takes hosts that no site names, of all listeners or of some.
    pub default: bool,
    /// Its routes.
    pub routes: SiteRoutes,
}

/// One policy as dispatch sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchPolicy {
    /// The treatment of its requests.
    pub action: Action,
    /// Header names with underscores.
    pub underscores: Underscores,
    /// A filter evaluates the responses: none is leased, and backends are asked for whole and plain
    /// ones.
    pub inspect_responses: bool,
    /// Requests have to come by a link of these.
    pub signed_links: Option<SignedLinks>,
    /// The cross-origin requests that pages may make, where the application does not say it.
    pub cors: Option<Cors>,
    /// Host that the backend is asked for, where it is another one.
    pub host: Option<Template>,
    /// Changes of the request's header fields.
    pub request_headers: Vec<HeaderEdit>,
    /// Changes of the response's header fields.
    pub response_headers: Vec<HeaderEdit>,
    /// Longest wait for the first byte of a response, where it is not the backend's.
    pub first_byte_seconds: Option<Duration>,
    /// Longest silence within a response, where it is not the backend's.
    pub idle_seconds: Option<Duration>,
    /// Prefixes that the path has lost and got, where it has.
    pub prefixes: Option<Prefixes>,
    /// Statuses of a backend's responses in place of which clients get pages: first and last of
    /// each range.
    pub intercept_errors: Vec<(u16, u16)>,
    /// Checks that its requests have to pass.
    pub access: Option<Access>,
    /// Names of headers, in lower case, that pass from trusted proxies alone.
    pub identity_headers: Vec<String>,
    /// Names of the headers of trusted proxies about their clients that pass, in lower case; `None`
    /// for all.
    pub proxy_headers: Option<Vec<String>>,
    /// Files that the backend may name in place of a body.
    pub send_files: Option<SendFiles>,
    /// Treatment of its responses by the cache; `None` where they are not kept.
    pub cache: Option<CachePolicy>,
    /// Coding of responses; none where they stay as they are.
    pub compress: Option<Compress>,
    /// The terms on which its requests go to another server, where they are not the backend's.
    pub retry: Option<Retry>,
    /// The copies of its requests, where another backend gets some.
    pub mirror: Option<Mirror>,
}

/// Copies of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Number of the backend that gets them.
    pub backend: u32,
    /// Of a hundred requests those that are copied.
    pub percent: u32,
}

/// A directory whose files applications name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendFiles {
    /// Number of the backend that serves it.
    pub send_files: u32,
    /// The beginning of the paths by which X-Accel-Redirect names files, without a slash at its
    /// end.
    pub send_files_prefix: String,
    /// The directory's own path, by which X-Sendfile names them.
    pub root: String,
}

/// Treatment of the responses of a policy by the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachePolicy {
    /// Number of all of the configuration that a response depends on: what was kept under another
    /// one is not found.
    pub tag: u64,
    /// Names of the header fields that are in the key, in lower case.
    pub cache_key_headers: Vec<String>,
    /// Names of the cookies that are in the key, where others are left out; `None` where requests
    /// with cookies pass the cache by.
    pub cache_key_cookies: Option<Vec<String>>,
    /// Names of the parameters that are in the key, where others are left out; `None` for the whole
    /// query.
    pub cache_key_query: Option<Vec<String>>,
    /// Time for which responses are fresh that do not say it; zero where those are not kept.
    pub cache_seconds: Duration,
    /// Responses with a status of 400 and more are kept.
    pub cache_errors: bool,
    /// Responses with Set-Cookie are kept.
    pub cache_set_cookie: bool,
    /// Responses to authorised requests are kept, by what authorises them.
    pub cache_authorized: bool,
    /// Applications are asked with what is in the key alone.
    pub cache_key_only: bool,
}

/// The responses that fosse-encode encodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compress {
    /// The codings, each with its level; among those that a client likes as much the first.
    pub compress: Vec<(Coding, u8)>,
    /// Media types in lower case: `text/html`, `text/*`, `*+json`.
    pub compress_types: Vec<String>,
    /// Bytes of a body from which on it is encoded.
    pub compress_bytes_min: u32,
    /// Also where a secret and a text of the client may be in one response.
    pub compress_secrets: bool,
}

/// Prefixes by which the paths of clients and those of an application differ. Both are without a
/// slash at their end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefixes {
    /// Prefix that is taken off, which applications learn by X-Forwarded-Prefix; empty for none.
    pub strip: String,
    /// Prefix that is put before; empty for none.
    pub add: String,
}

/// The goal of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Number of a backend.
    Backend(u32),
    /// A response that is written here.
    Respond(Page),
    /// A redirect with this status, to the location that parse has made.
    Redirect(u16),
}

impl Default for Action {
    fn default() -> Self {
        Self::Respond(Page { status: 404, ..Page::default() })
    }
}

/// A local response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its status.
    pub status: u16,
    /// Its Content-Type; empty for the usual page of the status.
    pub content_type: String,
    /// Its body.
    pub body: String,
    /// Its body is a file, which parse has.
    pub is_file: bool,
}

/// Treatment of header fields with an underscore in their name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Underscores {
    /// Left out.
    #[default]
    Drop,
    /// Passed on.
    Pass,
    /// The request is refused with 400.
    Refuse,
}

/// A change of header fields. Names are compared without case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderEdit {
    /// Name as it is written.
    pub name: String,
    /// The change.
    pub change: HeaderChange,
}

/// A kind of change of header fields of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderChange {
    /// All are left out.
    Remove,
    /// One with this value in place of all.
    Set(Template),
    /// One more with this value.
    Add(Template),
    /// One with this value where there is none.
    Default(Template),
    /// The same, where the client came by https.
    DefaultOverHttps(Template),
    /// In each, the first part in which an expression is found becomes this; its groups are those
    /// of the expression.
    Replace(String, Template),
}
