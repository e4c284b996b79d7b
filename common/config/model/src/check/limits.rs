//! Limits that depend on one another.

use crate::model::{Backend, Edge, OverLimit, Site, Waf};
use crate::names::Name;
use crate::problem::Problems;
use crate::section::At;

/// Notes a target that is longer than a head, a body that is more than the memory for such bodies,
/// and more connections of one address than of all.
pub(crate) fn limits(edge: &Edge, problems: &mut Problems) {
    let Some(limits) = edge.limits.sound() else { return };
    if let (Some(target), Some(head)) = (limits.target_bytes_max.written(), limits.head_bytes_max.sound())
        && target > head
    {
        let what = format!("target_bytes_max is more than head_bytes_max, which is {} bytes", head.0);
        problems.note(&limits.target_bytes_max.span, what);
    }
    for listen in edge.listen.iter() {
        if let (Some(one), Some(all)) = (listen.address_connections_max.written(), limits.connections_max.sound())
            && one > all
        {
            let what = format!("address_connections_max is more than connections_max in [limits], which is {all}");
            problems.note(&listen.address_connections_max.span, what);
        }
    }
    if let Some(buffered) = limits.lane_buffered_bytes_max.sound() {
        edge.site.iter().for_each(|site| buffered_bodies(site, &edge.backend, buffered.0, problems));
    }
    let Some(held) = limits.lane_held_bytes_max.sound() else { return };
    for site in edge.site.iter() {
        let held_in_full = site.waf.value != Waf::Off && site.body_over_limit.value == OverLimit::Reject;
        if let Some(body) = site.body_bytes_max.sound()
            && held_in_full
            && body > held
        {
            let what = format!("body_bytes_max is more than a lane may hold for inspection, which is {} bytes", held.0);
            problems.note_with_cure(&site.body_bytes_max.span, what, "raise lane_held_bytes_max in [limits]");
        }
    }
}

/// Notes a body without an end, or one that a lane has no memory for, where a backend wants it
/// whole.
fn buffered_bodies(site: &Site, backends: &[At<Backend>], lane_bytes: u64, problems: &mut Problems) {
    let routed = site.route.iter().map(|route| &route.backend.value);
    let mut names = site.backend.value.iter().chain(routed);
    let buffers = |name: &Name| backends.iter().find(|b| b.name.value == *name && b.buffer_requests.value);
    let Some(backend) = names.find_map(buffers) else { return };
    let name = &backend.name.value.0;
    if site.body_over_limit.written() == Some(&OverLimit::PassInPart) {
        let what = format!("pass-in-part lets bodies of any length through, and backend \"{name}\" wants them whole");
        let cure = "raise body_bytes_max instead, or remove buffer_requests there";
        problems.note_with_cure(&site.body_over_limit.span, what, cure);
    }
    if let Some(body) = site.body_bytes_max.sound()
        && body.0 > lane_bytes
    {
        let what = format!(
            "body_bytes_max is more than a lane may buffer for backend \"{name}\" (buffer_requests), which is {lane_bytes} bytes"
        );
        problems.note_with_cure(&site.body_bytes_max.span, what, "raise lane_buffered_bytes_max in [limits]");
    }
}
