//! Notes of `fosse check`: what a sound configuration does that its author may not have meant.

use fosse_model::{
    Limits, Site,
    model::{OverLimit, Waf},
};

/// Returns a note on a site of whose bodies a lane has not the memory for two.
pub(crate) fn bodies_that_share_memory(site: &Site, limits: &Limits) -> Option<String> {
    let (body, lane) = (site.body_bytes_max.0, limits.lane_held_bytes_max.0);
    let buffered = site.waf.value != Waf::Off && site.body_over_limit.value == OverLimit::Reject;
    (buffered && body > lane / 2).then(|| {
        format!(
            "two bodies of body_bytes_max ({body} bytes) are more than lane_held_bytes_max ({lane} bytes): where two \
             uploads of that size meet in a lane, one gets 503"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(body: &str, site: &str) -> Option<String> {
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:1\"\n[[site]]\ndefault = true\nbackend = \"a\"\nbody_bytes_max = \"{body}\"\n\
             {site}\n[[backend]]\nname = \"a\"\nservers = [\"unix:/a\"]\n"
        );
        let edge = fosse_model::read("test", text.as_bytes()).unwrap();
        bodies_that_share_memory(&edge.site[0], &edge.limits)
    }

    #[test]
    fn bodies_of_which_a_lane_cannot_hold_two_are_noted() {
        assert!(note("50 MiB", "").is_some_and(|note| note.contains("52428800 bytes")));
        assert_eq!(note("32 MiB", ""), None);
        assert_eq!(note("50 MiB", "waf = \"off\""), None, "nothing is buffered");
        assert_eq!(note("50 MiB", "body_over_limit = \"pass-in-part\""), None, "the rest passes");
    }
}
