//! Cross-origin requests: that what is written does what it says.

use crate::model::{Cors, HeaderEdits, Site};
use crate::names::{OriginPattern, named};
use crate::policy::Policy;
use crate::problem::Problems;

/// The headers of responses that the table writes.
pub(crate) const CORS_HEADERS: &[&str] = &[
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Max-Age",
];

/// Notes the problems of the cross-origin requests of a site and of its routes.
pub(super) fn cors(site: &Site, problems: &mut Problems) {
    let own = [&site.cors].into_iter().chain(site.route.iter().map(|route| &route.cors));
    own.filter_map(|cors| cors.value.as_ref()?.on()).for_each(|cors| table(cors, problems));
    for policy in Policy::of(site) {
        let Some(cors) = policy.cors() else { continue };
        // What the site says of both is said once.
        let is_first = policy.route.is_none_or(|route| route.cors.value.is_some() || route.methods.value.is_some());
        let (methods, is_written) = policy.methods();
        if is_first && is_written && !methods.iter().any(|method| method.0 == "OPTIONS") {
            let what = "browsers ask by OPTIONS before such a request, and methods leaves it out";
            problems.note_with_cure(&cors.span, what, "add \"OPTIONS\" to methods");
        }
        let of_site = is_first.then_some(&site.response_headers);
        let of_route = policy.route.map(|route| &route.response_headers);
        of_site.into_iter().chain(of_route).for_each(|table| written_once(table, problems));
    }
}

fn table(cors: &Cors, problems: &mut Problems) {
    let Some(origins) = cors.origins.sound() else { return };
    let is_any = |at: &crate::section::At<OriginPattern>| at.sound() == Some(&OriginPattern::Any);
    let Some(any) = origins.iter().find(|origin| is_any(origin)) else { return };
    if origins.len() > 1 {
        problems.note_with_cure(&any.span, "\"*\" covers all origins", "remove the others, or \"*\"");
    }
    if cors.credentials.sound() == Some(&true) {
        let what = "with \"*\" every page of the web could act as whoever looks at it";
        problems.note_with_cure(&cors.credentials.span, what, "list the origins, or remove credentials");
    }
}

fn written_once(edits: &HeaderEdits, problems: &mut Problems) {
    for texts in [&edits.set, &edits.add, &edits.default] {
        if let Some(name) = CORS_HEADERS.iter().find(|name| named(texts, name).is_some()) {
            problems.note_with_cure(&texts.span, format!("{name} is written by cors"), "remove it from one of the two");
        }
    }
}
