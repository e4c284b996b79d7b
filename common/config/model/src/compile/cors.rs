//! Cross-origin requests: what a preflight is told, and the headers of all responses.

use fosse_settings as blobs;
use fosse_settings::{ForOrigin, HeaderChange, HeaderEdit, Origin, Part, Template};

use crate::check::cors::CORS_HEADERS;
use crate::model::Cors;
use crate::names::OriginPattern;
use crate::policy::Policy;

/// Returns what preflights of a policy are told, if they are told anything here.
pub(super) fn cors(policy: &Policy<'_>) -> Option<blobs::Cors> {
    let cors = policy.cors()?;
    let names =
        |names: &[crate::section::At<crate::names::FieldName>]| names.iter().map(|name| name.0.clone()).collect();
    Some(blobs::Cors {
        origins: origins(cors),
        methods: cors.methods.iter().map(|method| method.0.clone()).collect(),
        headers: names(&cors.headers),
        max_age_seconds: cors.max_age_seconds.milliseconds / 1000,
    })
}

/// Returns the origins that are listed; none for every one.
fn origins(cors: &Cors) -> Vec<Origin> {
    let listed = cors.origins.iter().filter_map(|origin| match &origin.value {
        OriginPattern::Any => None,
        OriginPattern::Of(origin) => Some(origin.clone()),
    });
    listed.collect()
}

/// Returns the changes of the headers of responses: those of the application are left out.
pub(super) fn edits(cors: &Cors) -> Vec<HeaderEdit> {
    let origins = origins(cors);
    let exposed: Vec<&str> = cors.expose_headers.iter().map(|name| name.0.as_str()).collect();
    let for_origin = |text: Option<String>| match (&text, origins.is_empty()) {
        (_, false) => Part::ForOrigin(ForOrigin { origins: origins.clone(), text }),
        (None, true) => Part::Text("*".to_owned()),
        (Some(text), true) => Part::Text(text.clone()),
    };
    let change = |name: &&str| match *name {
        "Access-Control-Allow-Origin" => HeaderChange::Set(Template(vec![for_origin(None)])),
        "Access-Control-Allow-Credentials" if cors.credentials.value => {
            HeaderChange::Set(Template(vec![for_origin(Some("true".to_owned()))]))
        }
        "Access-Control-Expose-Headers" if !exposed.is_empty() => {
            HeaderChange::Set(Template(vec![for_origin(Some(exposed.join(", ")))]))
        }
        _ => HeaderChange::Remove,
    };
    let edits = CORS_HEADERS.iter().map(|name| HeaderEdit { name: (*name).to_owned(), change: change(name) });
    // A cache must not give one origin what another one got, also where that was no header.
    let vary = HeaderChange::Add(Template(vec![Part::Text("Origin".to_owned())]));
    let vary = HeaderEdit { name: "Vary".to_owned(), change: vary };
    edits.chain((!origins.is_empty()).then_some(vary)).collect()
}
