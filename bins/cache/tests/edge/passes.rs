//! Requests that pass the cache by.

use crate::site::{App, Site, ok};

const KEPT: &str = "Cache-Control: max-age=60\r\n";

fn numbered(lines: &'static str, keys: &str) -> Site {
    Site::new(App::start(move |_, n| ok(lines, &format!("{n}"))), keys)
}

#[test]
fn requests_of_somebody_pass_and_the_application_gets_all_of_them() {
    let site = numbered(KEPT, "");
    site.get("/a", "");
    for lines in ["Authorization: Basic YTpi\r\n", "Cookie: session=1\r\n", "If-Match: \"a\"\r\n"] {
        let (body, status) = site.seen("/a", &format!("{lines}X-Own: 1\r\n"));
        assert_eq!((body == "0", status.as_str()), (false, "fosse; fwd=bypass"), "{lines}");
        let last = site.app.heads().pop().unwrap();
        assert!(last.contains(lines) && last.contains("X-Own: 1\r\n"), "{last}");
    }
    assert_eq!(site.seen("/a", "").0, "0");
}

#[test]
fn what_a_user_with_a_cookie_gets_is_never_kept_whatever_its_path_ends_with() {
    // Web cache deception: /account is private, and /account/x.css is the same page.
    let site = Site::new(
        App::start(|head, _| {
            let user = if head.contains("Cookie: session=1") { "secret of user 1" } else { "please log in" };
            ok("Cache-Control: public, max-age=60\r\n", user)
        }),
        "",
    );
    assert_eq!(site.seen("/account/x.css", "Cookie: session=1\r\n").0, "secret of user 1");
    assert_eq!(site.seen("/account/x.css", "").0, "please log in");
    assert_eq!(site.seen("/account/x.css", "Cookie: session=1\r\n").0, "secret of user 1");
}

#[test]
fn named_cookies_are_in_the_key_and_others_are_left_out() {
    let site = numbered(KEPT, "cache_key_cookies = [\"lang\"]");
    assert_eq!(site.seen("/a", "Cookie: lang=de; session=1\r\n").0, "0");
    assert_eq!(site.seen("/a", "Cookie: session=2; lang=de\r\n").0, "0");
    assert_eq!(site.seen("/a", "Cookie: lang=en\r\n").0, "1");
    assert_eq!(site.seen("/a", "").0, "2");
    let heads = site.app.heads();
    assert!(heads.iter().all(|head| !head.contains("session")) && heads[0].contains("Cookie: lang=de\r\n"));
}

#[test]
fn what_authorises_a_request_is_in_the_key_where_a_route_keeps_its_response() {
    let site = numbered("Cache-Control: s-maxage=60\r\n", "cache_authorized = true");
    assert_eq!(site.seen("/a", "Authorization: A a\r\n").0, "0");
    assert_eq!(site.seen("/a", "Authorization: A a\r\n").0, "0");
    assert_eq!(site.seen("/a", "Authorization: A b\r\n").0, "1");
    let site = numbered(KEPT, "cache_authorized = true");
    assert_ne!(site.seen("/a", "Authorization: A a\r\n").0, site.seen("/a", "Authorization: A a\r\n").0);
}

#[test]
fn a_response_is_for_requests_that_have_the_fields_that_it_varies_by_in_common() {
    let lines = "Cache-Control: max-age=60\r\nVary: Accept-Language, Accept-Encoding\r\n";
    let site = numbered(lines, "");
    assert_eq!(site.seen("/a", "").0, "0");
    let (body, status) = site.seen("/a", "Accept-Language: de\r\n");
    assert_eq!((body.as_str(), status.as_str()), ("1", "fosse; fwd=vary-miss; stored; ttl=60"));
    assert!(site.app.heads()[1].contains("Accept-Language: de"));
    assert_eq!(site.seen("/a", "Accept-Encoding: gzip, br\r\n").0, "2");
    assert_eq!(site.seen("/a", "Accept-Encoding: br;q=0.9,  GZIP\r\n").0, "2");
    let site = numbered(lines, "cache_key_headers = [\"Accept-Language\", \"Accept-Encoding\"]");
    assert_eq!(site.seen("/a", "Accept-Language: de\r\n").0, "0");
    assert_eq!(site.seen("/a", "Accept-Language: de\r\n").0, "0");
    assert_eq!(site.seen("/a", "Accept-Language: en\r\n").0, "1");
}
