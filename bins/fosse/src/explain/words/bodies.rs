//! What becomes of request bodies.

use fosse_settings::{WafMode, WafProfile};

/// Returns what becomes of request bodies of a site that go to a backend.
pub(super) fn bodies(site: &WafProfile, is_whole: bool) -> String {
    match site.waf {
        _ if is_whole => {
            format!("buffered whole up to {} bytes, sent with Content-Length (buffer_requests)", site.body_bytes_max)
        }
        WafMode::Detect | WafMode::Block => "sent on with Content-Length once the rules have seen them".to_owned(),
        WafMode::Off => "sent on as they come; a short chunked one with Content-Length".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::explain::tests::{TEXT, explain_of};

    #[test]
    fn says_whether_a_body_is_buffered_as_the_route_says_it() {
        let of = |line: &str| {
            let text = TEXT.replace("prefix = \"/only\"", &format!("prefix = \"/only\"\n{line}"));
            let said = explain_of(&text, "b.example", "/only");
            said.lines().find(|line| line.starts_with("bodies")).unwrap_or_default().to_owned()
        };
        assert!(of("").starts_with("bodies    buffered whole up to"), "{}", of(""));
        let without = of("buffer_requests = false");
        assert_eq!(without, "bodies    sent on as they come; a short chunked one with Content-Length");
        let said =
            explain_of(&TEXT.replace("waf = \"off\"", "waf = \"off\"\nbuffer_requests = false"), "b.example", "/only");
        assert!(said.contains(&without), "{said}");
    }
}
