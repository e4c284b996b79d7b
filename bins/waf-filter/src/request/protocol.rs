//! Protocol checks that need no rules: requests that no application wants, whatever it is.

use fosse_http1::percent;
use fosse_settings::WafProfile;
use fosse_wire::request::RequestHead;

/// Checks a head. Returns the first finding: the status to deny with, and words for the log.
pub(crate) fn check(profile: &WafProfile, head: &RequestHead<'_>) -> Option<(u16, &'static str)> {
    let mut parts = head.target.splitn(2, |b| *b == b'?');
    let raw_path = parts.next().unwrap_or_default();
    // In a query a bare `%` is often meant as it is: that is the rules' business.
    if percent::has_broken_escape(raw_path) {
        return Some((400, "broken escape in the path"));
    }
    let path = percent::decode(raw_path);
    let query = parts.next().map(percent::decode).unwrap_or_default();
    if path.contains(&0) || query.contains(&0) {
        return Some((400, "encoded NUL"));
    }
    if percent::leads_above_root(raw_path) {
        return Some((400, "path escapes the root"));
    }
    if profile.utf8 && (std::str::from_utf8(&path).is_err() || std::str::from_utf8(&query).is_err()) {
        return Some((400, "not UTF-8"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(target: &[u8], profile: &WafProfile) -> Option<&'static str> {
        let request = RequestHead { method: b"GET", target, ..RequestHead::default() };
        check(profile, &request).map(|(_, finding)| finding)
    }

    #[test]
    fn paths_that_leave_the_root_are_found_in_every_spelling() {
        let targets: [&[u8]; 7] =
            [b"/../x", b"/a/../../x", b"/%2e%2e/x", b"/a/%2E./%2e%2e/x", b"/..%5cx", b"/..\\x", b"/%252e%252e/x"];
        for target in targets {
            assert_eq!(
                found(target, &WafProfile::default()),
                Some("path escapes the root"),
                "{}",
                target.escape_ascii()
            );
        }
    }

    #[test]
    fn paths_that_stay_inside_are_not() {
        let targets: [&[u8]; 6] = [b"/", b"/a/../b", b"/a/b/../../c", b"/...", b"/?x=/../../", b"*"];
        for target in targets {
            assert_eq!(found(target, &WafProfile::default()), None, "{}", target.escape_ascii());
        }
    }

    #[test]
    fn an_encoded_nul_is_found_in_path_and_query() {
        assert_eq!(found(b"/a%00", &WafProfile::default()), Some("encoded NUL"));
        assert_eq!(found(b"/?a=%00", &WafProfile::default()), Some("encoded NUL"));
        assert_eq!(found(b"/?a=%0", &WafProfile::default()), None);
    }

    #[test]
    fn a_broken_escape_is_found_in_the_path_and_left_to_the_rules_in_the_query() {
        for target in [&b"/%zz"[..], b"/%4", b"/%", b"/a%2", b"/%%41", b"/%4g/%41", b"/%u0041?a"] {
            let expected = Some("broken escape in the path");
            assert_eq!(found(target, &WafProfile::default()), expected, "{}", target.escape_ascii());
        }
        for target in [&b"/?a=%zz&b=100%"[..], b"/%25zz", b"/%41%42", b"*"] {
            assert_eq!(found(target, &WafProfile::default()), None, "{}", target.escape_ascii());
        }
    }

    #[test]
    fn utf8_is_asked_for_only_where_the_site_says_so() {
        let strict = WafProfile { utf8: true, ..WafProfile::default() };
        assert_eq!(found(b"/%ff", &strict), Some("not UTF-8"));
        assert_eq!(found(b"/%c3%a9", &strict), None);
        assert_eq!(found(b"/%ff", &WafProfile::default()), None);
    }
}
