//! Limits that depend on one another.

use crate::model::{Edge, OverLimit, Waf};
use crate::problem::Problems;

/// A target must fit the head, and a held body the memory for held bodies.
pub fn limits(edge: &Edge, problems: &mut Problems) {
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
