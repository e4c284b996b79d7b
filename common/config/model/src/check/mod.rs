//! Checks of several values: whether the tables fit together.

mod acme;
mod auth;
mod backend;
mod backend_tls;
mod cache;
mod cookies;
pub(crate) mod cors;
mod fastcgi;
mod files;
mod http2;
mod limits;
mod links;
mod listen;
mod mirror;
mod password;
mod rates;
mod retry;
mod routes;
mod site;
mod source;
mod status;
mod tls;

use crate::backends::Backends;
use crate::model::{AccessFormat, Edge};
use crate::problem::Problems;

/// Notes everything that does not fit together.
pub(crate) fn edge(edge: &Edge, problems: &mut Problems) {
    let by_name = Backends::of(&edge.backend);
    limits::limits(edge, &by_name, problems);
    listen::listeners(&edge.listen, problems);
    rates::rates(edge, problems);
    tls::tls(edge, problems);
    acme::acme(edge, problems);
    site::sites(&edge.site, (&edge.backend, &by_name), problems);
    backend::backends(&edge.backend, problems);
    cookies::sticky_cookies(&edge.site, &by_name, problems);
    mirror::mirrors(&edge.site, &by_name, problems);
    files::files(&edge.backend, problems);
    access_log(edge, problems);
    status::status(edge, problems);
}

/// The Combined Log Format has its own fields.
fn access_log(edge: &Edge, problems: &mut Problems) {
    let fields = &edge.access_log_fields;
    if fields.written().is_some() && edge.access_log_format.value == AccessFormat::Combined {
        let what = "access_log_fields chooses fields of JSON objects, and access_log_format is \"combined\"";
        problems.note_with_cure(&fields.span, what, "remove one of the two");
    }
}
