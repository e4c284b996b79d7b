//! The limits of heads: those of each policy, and those by which heads are read before they have
//! one.

use fosse_settings::HeadLimits;

use super::narrow_to;
use crate::model::{Edge, Limits};
use crate::policy::Policy;
use crate::problem::Problems;

/// Returns the limits of a policy.
fn of_policy(policy: &Policy<'_>, all: &Limits, problems: &mut Problems) -> HeadLimits {
    let head = policy.head_limit(|route| &route.head_bytes_max, |site| &site.head_bytes_max, &all.head_bytes_max);
    let target =
        policy.head_limit(|route| &route.target_bytes_max, |site| &site.target_bytes_max, &all.target_bytes_max);
    let header =
        policy.head_limit(|route| &route.header_bytes_max, |site| &site.header_bytes_max, &all.header_bytes_max);
    let count =
        policy.head_limit(|route| &route.header_count_max, |site| &site.header_count_max, &all.header_count_max);
    HeadLimits {
        head_bytes_max: narrow_to(head, problems),
        target_bytes_max: narrow_to(target, problems),
        header_bytes_max: narrow_to(header, problems),
        header_count_max: count.0,
    }
}

/// Returns the limits by which heads are read, the largest that there are, and those of each policy
/// that has others.
pub(super) fn limits(edge: &Edge, problems: &mut Problems) -> (HeadLimits, Vec<Option<HeadLimits>>) {
    let all = &edge.limits.value;
    let policies = edge.site.iter().flat_map(|site| Policy::of(site));
    let own: Vec<_> = policies.map(|policy| of_policy(&policy, all, problems)).collect();
    let of_all = HeadLimits {
        head_bytes_max: super::narrow(&all.head_bytes_max, problems),
        target_bytes_max: super::narrow(&all.target_bytes_max, problems),
        header_bytes_max: super::narrow(&all.header_bytes_max, problems),
        header_count_max: all.header_count_max.value,
    };
    let read = own.iter().fold(of_all, |most, own| HeadLimits {
        head_bytes_max: most.head_bytes_max.max(own.head_bytes_max),
        target_bytes_max: most.target_bytes_max.max(own.target_bytes_max),
        header_bytes_max: most.header_bytes_max.max(own.header_bytes_max),
        header_count_max: most.header_count_max.max(own.header_count_max),
    });
    (read, own.into_iter().map(|own| (own != read).then_some(own)).collect())
}
