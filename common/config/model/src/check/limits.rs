//! Limits that depend on one another.

use crate::backends::Backends;
use crate::model::{Edge, Limits, OverLimit, Waf};
use crate::policy::Policy;
use crate::problem::{Problems, Span};
use crate::value::Bytes;

/// Notes a target that is longer than a head, a body that is more than the memory for such bodies,
/// and more connections of one address than of all.
pub(crate) fn limits(edge: &Edge, backends: &Backends<'_>, problems: &mut Problems) {
    let Some(limits) = edge.limits.sound() else { return };
    if let (Some(target), Some(head)) = (limits.target_bytes_max.written(), limits.head_bytes_max.sound()) {
        long_target(*target, *head, &limits.target_bytes_max.span, problems);
    }
    edge.site.iter().flat_map(|site| Policy::of(site)).for_each(|policy| of_policy(&policy, limits, problems));
    for listen in edge.listen.iter() {
        if let (Some(one), Some(all)) = (listen.address_connections_max.written(), limits.connections_max.sound())
            && one > all
        {
            let what = format!("address_connections_max is more than connections_max in [limits], which is {all}");
            problems.note(&listen.address_connections_max.span, what);
        }
    }
    cache_disk(limits, problems);
    edge.site.iter().flat_map(|site| Policy::of(site)).for_each(|policy| endless_bodies(&policy, backends, problems));
    let (Some(held), Some(spool)) = (limits.lane_held_bytes_max.sound(), limits.spool_bytes_max.sound()) else {
        return;
    };
    for policy in edge.site.iter().flat_map(|site| Policy::of(site)).filter(|policy| policy.buffers_whole(backends)) {
        let body = &policy.body_bytes_max();
        let span = policy.body_bytes_span();
        // Rules look at a body in memory, wherever it was before.
        let (key, room, why) = match policy.waf() {
            Waf::Off if spool.0 > 0 => ("spool_bytes_max", spool, "the file for bodies has room for"),
            Waf::Off => ("lane_held_bytes_max", held, "a lane may hold of bodies"),
            Waf::Detect | Waf::Block => ("lane_held_bytes_max", held, "a lane may hold for inspection"),
        };
        if body > room {
            let what = format!("body_bytes_max is more than {why}, which is {} bytes", room.0);
            problems.note_with_cure(span, what, format!("raise {key} in [limits]"));
        }
    }
}

/// Notes a disk for kept responses that has no more room than their memory.
fn cache_disk(limits: &Limits, problems: &mut Problems) {
    let (Some(disk), Some(memory)) = (limits.cache_disk_bytes_max.written(), limits.cache_bytes_max.sound()) else {
        return;
    };
    if disk.0 > 0 && disk <= memory {
        let what =
            format!("cache_disk_bytes_max is not more than cache_bytes_max, the memory, which is {} bytes", memory.0);
        let cure = "raise it, or write 0 to keep responses in memory alone";
        problems.note_with_cure(&limits.cache_disk_bytes_max.span, what, cure);
    }
}

/// Notes a target that a site or route makes longer than a head there.
fn of_policy(policy: &Policy<'_>, limits: &Limits, problems: &mut Problems) {
    let own = policy.route.map_or(&policy.site.target_bytes_max, |route| &route.target_bytes_max);
    if let Some(Some(target)) = own.written() {
        let of_all = &limits.head_bytes_max;
        let (head, _) = policy.head_limit(|route| &route.head_bytes_max, |site| &site.head_bytes_max, of_all);
        long_target(*target, head, &own.span, problems);
    }
}

fn long_target(target: Bytes, head: Bytes, span: &Span, problems: &mut Problems) {
    if target > head {
        problems.note(span, format!("target_bytes_max is more than head_bytes_max, which is {} bytes", head.0));
    }
}

/// Notes bodies without an end where a backend wants them whole.
fn endless_bodies(policy: &Policy<'_>, backends: &Backends<'_>, problems: &mut Problems) {
    if policy.body_over_limit() == OverLimit::PassInPart
        && let Some(backend) = policy.whole_for(backends)
    {
        let name = &backend.name.value.0;
        let what = format!("pass-in-part lets bodies of any length through, and backend \"{name}\" wants them whole");
        let cure = "raise body_bytes_max instead, or remove buffer_requests there";
        problems.note_with_cure(policy.over_limit_span(), what, cure);
    }
}
