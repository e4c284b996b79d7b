//! Changes of header fields: those of the site, then those of the route, then what browsers obey.

use fosse_settings::{HeaderChange, HeaderEdit, Part, Template, TlsFact, Variable};

use super::cors;
use crate::choices::SecurityHeaders;
use crate::model::HeaderEdits;
use crate::policy::Policy;

/// Headers that break hardly any application. Over https alone Strict-Transport-Security: a year,
/// without the names below the site's, which others may serve.
const BASIC: &[(&str, &str)] = &[
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
];
const OVER_HTTPS: &[(&str, &str)] = &[("Strict-Transport-Security", "max-age=31536000")];

/// Headers that an application has to be written for.
const STRICT: &[(&str, &str)] = &[
    (
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'; object-src 'none'",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Makes a change of a value.
type Change = fn(Template) -> HeaderChange;

/// Headers that say who a client has shown to be, where a site asks for certificates. They are set,
/// empty ones to nothing: whatever a client sends under these names does not pass.
const OF_CERTIFICATE: [(&str, TlsFact); 5] = [
    ("X-SSL-Client-Verify", TlsFact::ClientVerify),
    ("X-SSL-Client-S-DN", TlsFact::ClientSubject),
    ("X-SSL-Client-I-DN", TlsFact::ClientIssuer),
    ("X-SSL-Client-Serial", TlsFact::ClientSerial),
    ("X-SSL-Client-Fingerprint", TlsFact::ClientFingerprint),
];

/// Returns the changes of the headers that the application gets.
pub(super) fn of_requests(policy: &Policy<'_>) -> Vec<HeaderEdit> {
    let (site, route) = policy.edits(|site| &site.request_headers.value, |route| &route.request_headers.value);
    let mut edits = joined(site, route);
    let of_certificate = OF_CERTIFICATE.iter().filter(|_| policy.asks_for_certificates());
    for (name, fact) in of_certificate {
        if !edits.iter().any(|edit| edit.name.eq_ignore_ascii_case(name)) {
            let change = HeaderChange::Set(Template(vec![Part::Variable(Variable::Tls(*fact))]));
            edits.push(HeaderEdit { name: (*name).to_owned(), change });
        }
    }
    edits
}

/// Returns the changes of the headers that clients get.
pub(super) fn of_responses(policy: &Policy<'_>) -> Vec<HeaderEdit> {
    let (site, route) = policy.edits(|site| &site.response_headers.value, |route| &route.response_headers.value);
    let mut edits = joined(site, route);
    edits.extend(policy.cors().into_iter().flat_map(cors::edits));
    let (basic, strict) = match policy.security_headers() {
        SecurityHeaders::Off => (false, false),
        SecurityHeaders::Basic => (true, false),
        SecurityHeaders::Strict => (true, true),
    };
    let plain = |text: &str| Template(vec![Part::Text(text.to_owned())]);
    let wanted = BASIC.iter().filter(|_| basic).chain(STRICT.iter().filter(|_| strict));
    let wanted = wanted.map(|(name, value)| (name, HeaderChange::Default(plain(value))));
    let over_https = OVER_HTTPS.iter().filter(|_| basic);
    let over_https = over_https.map(|(name, value)| (name, HeaderChange::DefaultOverHttps(plain(value))));
    for (name, change) in wanted.chain(over_https) {
        // What somebody wrote down counts, also that there is to be none.
        if !edits.iter().any(|edit| edit.name.eq_ignore_ascii_case(name)) {
            edits.push(HeaderEdit { name: (*name).to_owned(), change });
        }
    }
    edits
}

/// Joins the changes of a site and a route: a name that the route changes, other than by one header
/// more, is changed as there.
fn joined(site: &HeaderEdits, route: Option<&HeaderEdits>) -> Vec<HeaderEdit> {
    let of_route = route.map(edits).unwrap_or_default();
    let replaced = |name: &str| {
        of_route.iter().any(|edit| !matches!(edit.change, HeaderChange::Add(_)) && edit.name.eq_ignore_ascii_case(name))
    };
    let mut joined: Vec<HeaderEdit> = edits(site).into_iter().filter(|edit| !replaced(&edit.name)).collect();
    joined.extend(of_route);
    joined
}

fn edits(table: &HeaderEdits) -> Vec<HeaderEdit> {
    let changes: [(&[(String, Template)], Change); 3] = [
        (&table.set.0, HeaderChange::Set),
        (&table.add.0, HeaderChange::Add),
        (&table.default.0, HeaderChange::Default),
    ];
    let removed = table.remove.iter().map(|name| HeaderEdit { name: name.0.clone(), change: HeaderChange::Remove });
    let changed = changes.iter().flat_map(|(texts, change)| {
        texts.iter().map(|(name, text)| HeaderEdit { name: name.clone(), change: change(text.clone()) })
    });
    let replaced = table.replace.iter().map(|one| HeaderEdit {
        name: one.header.0.clone(),
        change: HeaderChange::Replace(one.regex.pattern.clone(), one.value.value.0.clone()),
    });
    removed.chain(changed).chain(replaced).collect()
}
