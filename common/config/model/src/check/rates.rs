//! Rates: slow ones that would be none, and what is said of a rate that is not there.

use crate::address::ListenAddress;
use crate::model::{Edge, Listen, Route, Site};
use crate::problem::{Problems, Span};
use crate::section::At;
use crate::value::Bytes;

/// The lowest rate: pieces of 8 KiB come often enough by it for clients to wait for the next one.
const RATE_BYTES_MIN: u64 = 1024;

/// Notes the problems of all rates.
pub(crate) fn rates(edge: &Edge, problems: &mut Problems) {
    for listen in edge.listen.iter() {
        slow("source_bytes_per_second", &listen.source_bytes_per_second, problems);
        without_addresses(listen, problems);
    }
    for site in edge.site.iter() {
        slow("response_bytes_per_second", &site.response_bytes_per_second, problems);
        slow("source_bytes_per_second", &site.source_bytes_per_second, problems);
        site.route.iter().for_each(|route| of_route(route, site, problems));
        let has_rate = has_rate(&site.response_bytes_per_second)
            || site.route.iter().any(|route| route.response_bytes_per_second.value.is_some_and(|rate| rate.0 > 0));
        if !has_rate && is_written(site.response_rate_after_bytes.written()) {
            without_rate(&site.response_rate_after_bytes.span, problems);
        }
    }
}

fn of_route(route: &Route, site: &Site, problems: &mut Problems) {
    let own = &route.response_bytes_per_second;
    if let Some(Some(rate)) = own.written() {
        too_slow("response_bytes_per_second", *rate, &own.span, problems);
    }
    let has_rate = own.value.map_or_else(|| has_rate(&site.response_bytes_per_second), |rate| rate.0 > 0);
    if !has_rate && is_written(route.response_rate_after_bytes.written().and_then(Option::as_ref)) {
        without_rate(&route.response_rate_after_bytes.span, problems);
    }
}

/// Returns whether there is a rate, or a mistake in its place.
fn has_rate(rate: &At<Bytes>) -> bool {
    rate.sound().is_none_or(|rate| rate.0 > 0)
}

fn is_written(bytes: Option<&Bytes>) -> bool {
    bytes.is_some_and(|bytes| bytes.0 > 0)
}

fn slow(key: &str, rate: &At<Bytes>, problems: &mut Problems) {
    if let Some(written) = rate.written() {
        too_slow(key, *written, &rate.span, problems);
    }
}

fn too_slow(key: &str, rate: Bytes, span: &Span, problems: &mut Problems) {
    if (1..RATE_BYTES_MIN).contains(&rate.0) {
        let what = format!("{key} is less than {RATE_BYTES_MIN}: clients would take such a response for dead");
        problems.note_with_cure(span, what, format!("write {RATE_BYTES_MIN} or more, or 0 for no limit"));
    }
}

fn without_rate(span: &Span, problems: &mut Problems) {
    let what = "response_rate_after_bytes, but there is no rate after them";
    problems.note_with_cure(span, what, "add response_bytes_per_second");
}

/// Notes a rate of sources where no client has an address.
fn without_addresses(listen: &Listen, problems: &mut Problems) {
    if let (Some(ListenAddress::Unix(_)), Some(Bytes(1..)), Some(true)) = (
        listen.address.sound(),
        listen.source_bytes_per_second.written(),
        listen.trusted.sound().map(|trusted| trusted.is_empty()),
    ) {
        let what = "the peers of a unix socket have no address, and none is trusted to name its clients";
        problems.note_with_cure(&listen.source_bytes_per_second.span, what, "add trusted = [\"unix\"]");
    }
}
