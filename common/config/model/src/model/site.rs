//! What is done for a host.

use super::auth::{Check, ForwardAuth};
use super::cors::Cors;
use super::exclude::Exclude;
use super::headers::HeaderEdits;
use super::links::SignedLinks;
use super::mirror::Mirror;
use super::password::BasicAuth;
use super::retry::Retries;
use super::tls::SiteTls;
use super::when::When;
use crate::choices::{OverLimit, SecurityHeaders, Underscores, Utf8, Waf};
use crate::names::{
    BodyText, Codings, CookieName, ErrorStatus, ExactPath, FieldName, FilePath, FilePattern, HeaderText, HostPattern,
    ListenerName, LocationText, MediaType, Method, Name, Network, ParameterName, PathGlob, PathPrefix, PathRegex,
    RedirectStatus, TargetText, TypePattern,
};
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, section};
use crate::value::{Bytes, Seconds};

section! {
    /// Host names and what is done for their requests.
    Site "[[site]]" {
        /// The template whose keys it takes, where it does not write them itself.
        template: Option<Name>, Absent("it has its own keys alone");
        /// Names of the site; a leading "*." matches one or more labels. What begins with "~" is a
        /// regular expression that is looked for in a host, in any case: '~^shop-[0-9]+\.example$'.
        /// A name is taken before a star, the longest star before an expression, and the first
        /// expression before the others.
        hosts: Vec<At<HostPattern>>, Default("[]"), 0..=1000;
        /// Takes the requests for hosts that no site names.
        default: bool, Default("false");
        /// Takes them from these listeners, each by its address as written there or by its name,
        /// whichever site is the default of the others.
        default_for: Vec<At<ListenerName>>, Default("[]"), 0..=64;
        /// The backend of all paths that no route names.
        backend: Option<Name>, Absent("paths that no route names get 404");
        /// The place that clients are sent to instead, for all paths that no route names:
        /// "https://example.org{target}".
        redirect: Option<LocationText>, Absent("there is no redirect");
        /// Status of that redirect.
        redirect_status: RedirectStatus, Default("302");
        /// Status of a response that fosse gives itself, for all paths that no route names.
        respond: Option<u32>, Absent("there is no such response"), 200..=599;
        /// Body of that response.
        respond_body: Option<BodyText>, Absent("a page that names the status"), 0..=16384;
        /// File of at most 32 KiB that is that body, relative to the directory of the
        /// configuration.
        respond_file: Option<FilePath>, Absent("respond_body is the body");
        /// Content-Type of that body; of a file the one of its name, where this is not written.
        respond_type: MediaType, Default("\"text/plain; charset=utf-8\"");
        /// Pages in place of the usual ones of responses that fosse gives itself.
        error: Vec<At<ErrorPage>>, Default("[]"), 0..=64;
        /// Clients that would rather have JSON get a problem (RFC 9457) with status, title and the
        /// number of the request in place of a page.
        error_json: bool, Default("false");
        /// Statuses in place of whose responses, where the application sends them, clients get a
        /// page, as for those of fosse itself. Of the application's headers WWW-Authenticate,
        /// Allow, Retry-After and Set-Cookie pass then.
        intercept_errors: Vec<At<ErrorStatus>>, Default("[]"), 0..=64;
        /// A backend with files, of whose directory clients get the file that the application names
        /// in place of a body: in X-Accel-Redirect by its path, in X-Sendfile by that on the
        /// machine. Of the application's headers Content-Type, Content-Disposition, Set-Cookie,
        /// Cache-Control and Expires go with it. These two headers never reach a client.
        send_files: Option<Name>, Absent("applications name no files");
        /// The beginning of the paths in X-Accel-Redirect, which names no directory.
        send_files_prefix: Option<PathPrefix>, Absent("the whole path is that of the file");
        /// Requests that something else is done for.
        route: Vec<At<Route>>, Default("[]"), 0..=1000;
        /// Mode of the web application firewall.
        waf: Waf, Default("\"block\"");
        /// Rule files in SecLang, in this order, relative to the directory of the configuration.
        /// Two words mean files that fosse brings along: "builtin" its own rules, "engine" the
        /// settings that the Core Rule Set wants before it. An empty list leaves
        /// the protocol checks alone.
        rules: Vec<At<FilePattern>>, Default("[\"builtin\"]"), 0..=64;
        /// Rules that do not apply to everything.
        exclude: Vec<At<Exclude>>, Default("[]"), 0..=1000;
        /// CPU time the rules may take for one request, and once more for every 256 KiB of its
        /// body; beyond it the request is denied.
        rules_milliseconds_max: u32, Default("50"), 1..=10000;
        /// The rules see responses too: status, headers, and the body where a rule looks at it,
        /// SecResponseBodyAccess is not switched off, and its type is one of
        /// SecResponseBodyMimeType. Such a body is buffered up to SecResponseBodyLimit until it is
        /// evaluated. Applications are asked for uncompressed and whole responses then:
        /// Accept-Encoding becomes identity, and Range is left out.
        inspect_responses: bool, Default("false");
        /// Codings of responses for clients that accept one, the better ones first: "zstd", "br"
        /// and "gzip", each with its level after it where that is not 3, 4 or 5: "gzip 6". true is
        /// all three. The firewall sees responses before they are encoded. What the application
        /// has encoded itself, or forbids to transform, stays as it is.
        compress: Codings, Default("false");
        /// Media types that are encoded: "text/html", all of a kind ("text/*"), or all of a syntax
        /// ("*+json").
        compress_types: Vec<At<TypePattern>>, Default("[\"text/*\", \"application/javascript\", \"application/json\", \"application/xml\", \"application/wasm\", \"application/x-javascript\", \"application/vnd.ms-fontobject\", \"*+json\", \"*+xml\", \"font/otf\", \"font/ttf\", \"image/bmp\", \"image/x-icon\", \"image/vnd.microsoft.icon\"]"), 1..=64;
        /// Bytes of a body from which on it is encoded.
        compress_bytes_min: Bytes, Default("\"1 KiB\""), 0..=16384;
        /// Encodes also where the length of a response could tell a secret in it to others: without
        /// this, pages, JSON and the like are left as they are where the request has a Cookie or an
        /// Authorization, and a query or a body. Whoever can make a browser send requests with a
        /// text of his own, and sees how long the responses are, can guess what is in them
        /// beside that text, letter by letter (BREACH).
        compress_secrets: bool, Default("false");
        /// Methods that are served, whatever the firewall does; others get 405. Where this is left
        /// out and the firewall is "off" or "detect", every method but TRACE is served.
        methods: Vec<At<Method>>, Default("[\"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"OPTIONS\"]"), 1..=64;
        /// Networks whose clients are let in; others get 403. The smallest network of
        /// allow_networks and deny_networks that has the client decides.
        allow_networks: Vec<At<Network>>, Default("[]"), 0..=256;
        /// Networks whose clients get 403.
        deny_networks: Vec<At<Network>>, Default("[]"), 0..=256;
        /// A server that is asked about each request.
        forward_auth: Option<Check<ForwardAuth>>, Absent("nobody is asked");
        /// Requests have to come by a signed link.
        signed_links: Option<Check<SignedLinks>>, Absent("any link will do");
        /// Users with passwords.
        basic_auth: Option<Check<BasicAuth>>, Absent("nobody is asked for a password");
        /// Treatment of request headers with an underscore in their name. "pass" is not for names
        /// that with hyphens would be removed, such as X_Forwarded_For: many applications read
        /// both as one.
        underscores: Underscores, Default("\"drop\"");
        /// Headers by which a proxy in front says who the client is, such as "Remote-User". They
        /// pass as a trusted source wrote them; from everybody else they are removed, also with
        /// underscores for their hyphens. So a trusted proxy has to remove those that its own
        /// clients send. X-Forwarded-User and all that begins so need not be named.
        identity_headers: Vec<At<FieldName>>, Default("[]"), 0..=64;
        /// Of the headers in which a trusted source says what its client asked for
        /// (X-Forwarded-Host, -Port, -Prefix, -User, X-Real-IP, ...) those that pass; in place of
        /// others the application gets what fosse knows, or none.
        proxy_headers: Option<Vec<At<FieldName>>>, Absent("all of them pass"), 0..=64;
        /// Clients get the number of their request, or the name that a trusted source has given it,
        /// in X-Request-ID, as the application does.
        send_request_id: bool, Default("false");
        /// Host that the application is asked for, in place of the one that the client named; it
        /// may hold variables.
        backend_host: Option<HeaderText>, Absent("the host that the client named");
        /// Changes of the headers that the application gets.
        request_headers: HeaderEdits, Default("{}");
        /// Changes of the headers that clients get. Server, X-Powered-By and the like are left out
        /// anyway.
        response_headers: HeaderEdits, Default("{}");
        /// Pages of other origins may make requests.
        cors: Option<Check<Cors>>, Absent("the application says which may");
        /// TLS of the site.
        tls: SiteTls, Default("{}");
        /// Response headers that browsers obey, where the application sends none of the name:
        /// X-Content-Type-Options, X-Frame-Options, Referrer-Policy, and over https
        /// Strict-Transport-Security; with "strict" a Content-Security-Policy, a Permissions-Policy
        /// and a Cross-Origin-Opener-Policy too.
        security_headers: SecurityHeaders, Default("\"off\"");
        /// Bytes that the decoded path and query may hold, also where the firewall is off.
        utf8: Utf8, Default("\"any\"");
        /// Request body that is taken (and inspected, where the firewall is not off); more gets
        /// 413.
        body_bytes_max: Bytes, Default("\"1 MiB\""), 0..=17179869184;
        /// Request bodies are received whole before a server is chosen, or go on as they come,
        /// whatever the backend says of it.
        buffer_requests: Option<bool>, Absent("as for the backend");
        /// Treatment of a longer body. Of one that passes in part the first body_bytes_max bytes
        /// are inspected, its last value as far as it is there: that it is cut makes no form, JSON,
        /// XML or multipart body malformed.
        body_over_limit: OverLimit, Default("\"reject\"");
        /// Request line and headers together; more gets 431. Whose head is longer than that of
        /// [limits] and of all sites is not read to its end.
        head_bytes_max: Option<Bytes>, Absent("that of [limits]"), 1024..=65536;
        /// The target of a request; more gets 414.
        target_bytes_max: Option<Bytes>, Absent("that of [limits]"), 256..=8192;
        /// One header of a request, name and value; a longer one gets 431.
        header_bytes_max: Option<Bytes>, Absent("that of [limits]"), 1024..=65536;
        /// Headers of a request; more gets 431.
        header_count_max: Option<u32>, Absent("that of [limits]"), 8..=250;
        /// For each 8 KiB of a request body, or what is left of it.
        body_seconds: Option<Seconds>, Absent("that of [timeouts]"), 1..=3600;
        /// From the end of the request to the first byte of the response.
        first_byte_seconds: Option<Seconds>, Absent("that of the backend"), 1..=3600;
        /// Without a byte either way during a request or an upgraded connection.
        idle_seconds: Option<Seconds>, Absent("that of the backend"), 1..=86400;
        /// Bytes a second at which a response is sent at most, however fast its client could take
        /// it, as nginx's limit_rate; 0 is no limit. That a client is slow by this never ends its
        /// connection. An upgraded connection has no rate.
        response_bytes_per_second: Bytes, Default("0"), 0..=17179869184;
        /// Bytes of each response that are sent before that at full speed.
        response_rate_after_bytes: Bytes, Default("0"), 0..=17179869184;
        /// Bytes a second of all responses of the site to one address (or IPv6 /64) together, over
        /// all connections and lanes, in place of that of the listener; of a /56 four times as
        /// many, of a /48 16 times. 0 leaves it to the listener.
        source_bytes_per_second: Bytes, Default("0"), 0..=17179869184;
        /// The terms on which a request goes to another server.
        retry: Option<Retries>, Absent("those of the backend");
        /// Another backend gets a copy of requests.
        mirror: Option<Check<Mirror>>, Absent("there are no copies");
        /// Responses to GET that say for how long they are fresh are kept for others
        /// (RFC 9111). The key tells them apart: scheme, host, path and query, and what the
        /// cache_key keys name. Requests with a cookie or Authorization pass by, unless those keys
        /// say otherwise. The application is asked with the first request for it; where that has a
        /// header that is not in the key and that applications may go by (Forwarded, Origin,
        /// Range, all that begin with X-, and their like), with what is in the key alone.
        cache: bool, Default("false");
        /// Request headers that are in the key, and that the application gets. Of Accept-Encoding
        /// br, deflate, gzip and zstd count. One that an application goes by without a word in
        /// Vary, as Accept-Language, belongs here, or what the first client gets is what all get.
        cache_key_headers: Vec<At<FieldName>>, Default("[\"Accept-Encoding\"]"), 0..=16;
        /// Cookies that are in the key, and that the application gets; all others are left out.
        /// [] keeps responses whatever cookies a request has.
        cache_key_cookies: Option<Vec<At<CookieName>>>, Absent("requests with cookies pass by"), 0..=16;
        /// Parameters of the query that are in the key, and that the application gets; all others
        /// are left out.
        cache_key_query: Option<Vec<At<ParameterName>>>, Absent("the whole query as it is written"), 0..=64;
        /// For how long responses are fresh that do not say it; with 0 those are not kept.
        cache_seconds: Seconds, Default("0"), 0..=2592000;
        /// Responses with a status of 400 and more are kept too, where they say for how long they
        /// are fresh.
        cache_errors: bool, Default("false");
        /// Responses with Set-Cookie are kept too: everybody gets that cookie.
        cache_set_cookie: bool, Default("false");
        /// Responses to requests with Authorization are kept too, where they say public,
        /// must-revalidate or s-maxage. Authorization is in the key.
        cache_authorized: bool, Default("false");
        /// The application is asked with what is in the key alone, whatever the request is: nothing
        /// else of one changes what others get. Where the response turns out not to be kept, the
        /// request itself goes on as well, so that the application has two.
        cache_key_only: bool, Default("false");
    }
}

section! {
    /// Requests of a site that something else is done for. It names paths in one of four ways, or
    /// none for every path, and may ask for more with "when". A path as a whole comes before the
    /// longest prefix, that before a glob, that before a regular expression, that before a route
    /// without a path; of those with the same path the one with more conditions, then the order of
    /// the file decides. Keys that are not written are those of the site. Paths are compared as
    /// applications understand them: decoded, and without "." and ".." parts.
    Route "[[site.route]]" {
        /// This path alone: "/robots.txt".
        path: Option<ExactPath>, Absent("prefix, glob, regex or when says which");
        /// The path itself and everything below its next slash: "/api" covers /api and /api/x, not
        /// /apix.
        prefix: Option<PathPrefix>, Absent("path, glob, regex or when says which");
        /// Paths of this shape: * is anything but a slash, ** anything, ? one character.
        glob: Option<PathGlob>, Absent("path, prefix, regex or when says which");
        /// Paths in which this regular expression is found. Its groups may stand in rewrite and
        /// redirect.
        regex: Option<PathRegex>, Absent("path, prefix, glob or when says which");
        /// Further conditions that a request must meet.
        when: When, Default("{}");
        /// The backend that serves it.
        backend: Option<Name>, Absent("what is done is that of the site");
        /// The place that clients are sent to.
        redirect: Option<LocationText>, Absent("there is no redirect");
        /// Status of that redirect.
        redirect_status: RedirectStatus, Default("302");
        /// Status of a response that fosse gives itself.
        respond: Option<u32>, Absent("there is no such response"), 200..=599;
        /// Body of that response.
        respond_body: Option<BodyText>, Absent("a page that names the status"), 0..=16384;
        /// File of at most 32 KiB that is that body, relative to the directory of the
        /// configuration.
        respond_file: Option<FilePath>, Absent("respond_body is the body");
        /// Content-Type of that body; of a file the one of its name, where this is not written.
        respond_type: MediaType, Default("\"text/plain; charset=utf-8\"");
        /// Pages in place of the usual ones, before those of the site.
        error: Vec<At<ErrorPage>>, Default("[]"), 0..=64;
        /// Clients that would rather have JSON get a problem (RFC 9457) in place of a page.
        error_json: Option<bool>, Absent("as for the site");
        /// Statuses in place of whose responses, where the application sends them, clients get a
        /// page.
        intercept_errors: Option<Vec<At<ErrorStatus>>>, Absent("those of the site"), 0..=64;
        /// A backend with files, of whose directory clients get the file that the application
        /// names.
        send_files: Option<Name>, Absent("that of the site");
        /// The beginning of the paths in X-Accel-Redirect.
        send_files_prefix: Option<PathPrefix>, Absent("that of the site");
        /// The application gets the path without the prefix of this route, and the prefix in
        /// X-Forwarded-Prefix. Paths of Location, Content-Location and cookies in its responses get
        /// it back.
        strip_prefix: bool, Default("false");
        /// Put before the path, after strip_prefix.
        add_prefix: Option<PathPrefix>, Absent("nothing is put before it");
        /// The path that the application gets instead, with a query of its own where it has a
        /// question mark: "/index.php?page={1}". The firewall evaluates what the application gets.
        rewrite: Option<TargetText>, Absent("the path stays as it is");
        /// Mode of the web application firewall.
        waf: Option<Waf>, Absent("that of the site");
        /// Rule files, as those of the site.
        rules: Option<Vec<At<FilePattern>>>, Absent("those of the site"), 0..=64;
        /// CPU time the rules may take for one request.
        rules_milliseconds_max: Option<u32>, Absent("that of the site"), 1..=10000;
        /// The rules see responses too.
        inspect_responses: Option<bool>, Absent("as for the site");
        /// Codings of responses.
        compress: Option<Codings>, Absent("those of the site");
        /// Media types that are encoded.
        compress_types: Option<Vec<At<TypePattern>>>, Absent("those of the site"), 1..=64;
        /// Bytes of a body from which on it is encoded.
        compress_bytes_min: Option<Bytes>, Absent("that of the site"), 0..=16384;
        /// Encodes also where the length of a response could tell a secret in it to others.
        compress_secrets: Option<bool>, Absent("as for the site");
        /// Methods that are served; others get 405. To have something else done for a method, name
        /// it in when.
        methods: Option<Vec<At<Method>>>, Absent("those of the site"), 1..=64;
        /// Networks whose clients are let in; others get 403.
        allow_networks: Option<Vec<At<Network>>>, Absent("those of the site"), 0..=256;
        /// Networks whose clients get 403.
        deny_networks: Option<Vec<At<Network>>>, Absent("those of the site"), 0..=256;
        /// A server that is asked about each request; false for none.
        forward_auth: Option<Check<ForwardAuth>>, Absent("that of the site");
        /// Requests have to come by a signed link; false for any link.
        signed_links: Option<Check<SignedLinks>>, Absent("as for the site");
        /// Users with passwords; false for anybody.
        basic_auth: Option<Check<BasicAuth>>, Absent("those of the site");
        /// Treatment of request headers with an underscore in their name.
        underscores: Option<Underscores>, Absent("that of the site");
        /// Headers by which a proxy in front says who the client is.
        identity_headers: Option<Vec<At<FieldName>>>, Absent("those of the site"), 0..=64;
        /// Of the headers of a trusted source about its client those that pass.
        proxy_headers: Option<Vec<At<FieldName>>>, Absent("those of the site"), 0..=64;
        /// Clients get the number of their request in X-Request-ID.
        send_request_id: Option<bool>, Absent("as for the site");
        /// Host that the application is asked for.
        backend_host: Option<HeaderText>, Absent("that of the site");
        /// Changes of the headers that the application gets, after those of the site. A name that
        /// both have is changed as here.
        request_headers: HeaderEdits, Default("{}");
        /// Changes of the headers that clients get, after those of the site.
        response_headers: HeaderEdits, Default("{}");
        /// Pages of other origins may make requests; false where the application says which.
        cors: Option<Check<Cors>>, Absent("as for the site");
        /// Response headers that browsers obey.
        security_headers: Option<SecurityHeaders>, Absent("as for the site");
        /// Bytes that the decoded path and query may hold.
        utf8: Option<Utf8>, Absent("as for the site");
        /// Request body that is taken; more gets 413.
        body_bytes_max: Option<Bytes>, Absent("that of the site"), 0..=17179869184;
        /// Request bodies are received whole before a server is chosen.
        buffer_requests: Option<bool>, Absent("as for the site");
        /// Treatment of a longer body.
        body_over_limit: Option<OverLimit>, Absent("that of the site");
        /// Request line and headers together; more gets 431.
        head_bytes_max: Option<Bytes>, Absent("that of the site"), 1024..=65536;
        /// The target of a request; more gets 414.
        target_bytes_max: Option<Bytes>, Absent("that of the site"), 256..=8192;
        /// One header of a request, name and value; a longer one gets 431.
        header_bytes_max: Option<Bytes>, Absent("that of the site"), 1024..=65536;
        /// Headers of a request; more gets 431.
        header_count_max: Option<u32>, Absent("that of the site"), 8..=250;
        /// For each 8 KiB of a request body, or what is left of it.
        body_seconds: Option<Seconds>, Absent("that of the site"), 1..=3600;
        /// From the end of the request to the first byte of the response.
        first_byte_seconds: Option<Seconds>, Absent("that of the site"), 1..=3600;
        /// Without a byte either way during a request or an upgraded connection.
        idle_seconds: Option<Seconds>, Absent("that of the site"), 1..=86400;
        /// Bytes a second at which a response is sent at most; 0 is no limit.
        response_bytes_per_second: Option<Bytes>, Absent("that of the site"), 0..=17179869184;
        /// Bytes of each response that are sent before that at full speed.
        response_rate_after_bytes: Option<Bytes>, Absent("that of the site"), 0..=17179869184;
        /// The terms on which a request goes to another server.
        retry: Option<Retries>, Absent("those of the site");
        /// Another backend gets a copy of requests; false where none does.
        mirror: Option<Check<Mirror>>, Absent("as for the site");
        /// Responses are kept for others.
        cache: Option<bool>, Absent("as for the site");
        /// Request headers that are in the key.
        cache_key_headers: Option<Vec<At<FieldName>>>, Absent("those of the site"), 0..=16;
        /// Cookies that are in the key.
        cache_key_cookies: Option<Vec<At<CookieName>>>, Absent("those of the site"), 0..=16;
        /// Parameters of the query that are in the key.
        cache_key_query: Option<Vec<At<ParameterName>>>, Absent("those of the site"), 0..=64;
        /// For how long responses are fresh that do not say it.
        cache_seconds: Option<Seconds>, Absent("as for the site"), 0..=2592000;
        /// Responses with a status of 400 and more are kept too.
        cache_errors: Option<bool>, Absent("as for the site");
        /// Responses with Set-Cookie are kept too.
        cache_set_cookie: Option<bool>, Absent("as for the site");
        /// Responses to requests with Authorization are kept too.
        cache_authorized: Option<bool>, Absent("as for the site");
        /// The application is asked with what is in the key alone.
        cache_key_only: Option<bool>, Absent("as for the site");
    }
}

section! {
    /// A page in place of the usual one of some statuses, for responses that fosse gives itself: a
    /// denial, a limit, a server that is away; and with intercept_errors for those of applications.
    /// Of several pages for a status the one with the smallest range counts, then the order of the
    /// file. The words {status}, {reason}, {request_id} and {host} in it are variables, whose
    /// values are escaped for HTML; all other braces stay as they are.
    ErrorPage "[[site.error]]" {
        /// Statuses from 400 to 599 that it is for.
        status: Vec<At<ErrorStatus>>, Required, 1..=64;
        /// File of at most 32 KiB, relative to the directory of the configuration.
        file: Option<FilePath>, Absent("text is the page");
        /// The page itself.
        text: Option<BodyText>, Absent("file has the page"), 0..=16384;
        /// Content-Type of the page.
        content_type: Option<MediaType>, Absent("the one of the file's name; of a text that of HTML");
    }
}
