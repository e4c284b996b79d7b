//! Preflights: the questions of browsers before they let a page of another origin make a request
//! (the Fetch standard, CORS protocol).

use fosse_settings::Cors;
use fosse_wire::request::RequestHead;

use super::{access::Field, headers::with_facts};

/// Returns whether a request is such a question.
pub(super) fn is_preflight(head: &RequestHead<'_>) -> bool {
    head.method == b"OPTIONS" && head.fields.has(b"origin") && head.fields.has(b"access-control-request-method")
}

/// Returns the fields of the response, beside those of every response to that origin; none for an
/// origin whose pages may make no request.
pub(super) fn fields(head: &RequestHead<'_>, cors: &Cors) -> Vec<Field> {
    let Some(sent) = with_facts(head, fosse_routing::origin) else { return Vec::new() };
    if !cors.origins.is_empty() && !cors.origins.iter().any(|origin| origin.covers(&sent)) {
        return Vec::new();
    }
    let listed = [
        (&b"Access-Control-Allow-Methods"[..], cors.methods.join(", ")),
        (b"Access-Control-Allow-Headers", cors.headers.join(", ")),
        (b"Access-Control-Max-Age", cors.max_age_seconds.to_string()),
    ];
    let listed = listed.into_iter().filter(|(_, value)| !value.is_empty());
    listed.map(|(name, value)| (name.to_vec(), value.into_bytes())).collect()
}
