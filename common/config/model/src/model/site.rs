//! What is done for a host, and the rules that leave parts of it alone.

use crate::choices::{OverLimit, Underscores, Utf8, Waf};
use crate::names::{ArgumentName, FieldName, FilePattern, HostPattern, Method, Name, PathPrefix, RuleRange, RuleTag};
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, section};
use crate::value::Bytes;

section! {
    /// Host names and what is done for their requests.
    Site "[[site]]" {
        /// The template whose keys it takes, where it does not write them itself.
        template: Option<Name>, Absent("it has its own keys alone");
        /// Names of the site; a leading "*." matches one or more labels.
        hosts: Vec<At<HostPattern>>, Default("[]"), 0..=1000;
        /// Takes the requests for hosts that no site names.
        default: bool, Default("false");
        /// The backend of all paths that no route names.
        backend: Option<Name>, Absent("paths that no route names get 404");
        /// Paths that go elsewhere.
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
        /// Methods that are served, whatever the firewall does; others get 405. Where this is left
        /// out and the firewall is "off" or "detect", every method but TRACE is served.
        methods: Vec<At<Method>>, Default("[\"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"OPTIONS\"]"), 1..=64;
        /// Treatment of request headers with an underscore in their name. "pass" is not for names
        /// that with hyphens would be removed, such as X_Forwarded_For: many applications read
        /// both as one.
        underscores: Underscores, Default("\"drop\"");
        /// Response headers that are left out, besides Server, X-Powered-By and the like.
        remove_response_headers: Vec<At<FieldName>>, Default("[]"), 0..=64;
        /// Bytes that the decoded path and query may hold, also where the firewall is off.
        utf8: Utf8, Default("\"any\"");
        /// Request body that is taken (and inspected, where the firewall is not off); more gets
        /// 413.
        body_bytes_max: Bytes, Default("\"1 MiB\""), 0..=17179869184;
        /// Treatment of a longer body. Of one that passes in part the first body_bytes_max bytes
        /// are inspected, its last value as far as it is there: that it is cut makes no form, JSON,
        /// XML or multipart body malformed.
        body_over_limit: OverLimit, Default("\"reject\"");
    }
}

section! {
    /// A part of a site's paths; the longest prefix decides.
    Route "[[site.route]]" {
        /// The path itself and everything below its next slash: "/api" covers /api and /api/x, not
        /// /apix.
        prefix: PathPrefix, Required;
        /// The backend that serves it.
        backend: Name, Required;
    }
}

section! {
    /// Rules, by number or by tag, that leave something alone: a part of the paths, an argument, or
    /// the whole site.
    Exclude "[[site.exclude]]" {
        /// Numbers of the rules: "942100", or "942100-942190".
        rules: Vec<At<RuleRange>>, Default("[]"), 0..=100;
        /// A tag of the rules, such as "attack-sqli".
        tag: Option<RuleTag>, Absent("rules are chosen by number");
        /// Only for this path and everything below it.
        path: Option<PathPrefix>, Absent("for all paths");
        /// Only this argument, by name; the rules still look at everything else.
        argument: Option<ArgumentName>, Absent("the rules do not apply at all");
    }
}
