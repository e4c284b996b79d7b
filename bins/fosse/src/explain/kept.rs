//! What explain says of responses that are kept.

use fosse_plan::Plan;
use fosse_settings::CachePolicy;

/// Returns a line for what is kept of responses, and for which requests; none where nothing is.
pub(super) fn line(policy: Option<&CachePolicy>, plan: &Plan) -> String {
    let Some(cache) = policy else { return String::new() };
    let mut key = vec!["host and path".to_owned()];
    match &cache.cache_key_query {
        None => key.push("the query".to_owned()),
        Some(names) if names.is_empty() => {}
        Some(names) => key.push(format!("of the query {}", names.join(" "))),
    }
    if !cache.cache_key_headers.is_empty() {
        key.push(format!("headers {}", cache.cache_key_headers.join(" ")));
    }
    let cookies = cache.cache_key_cookies.as_ref();
    key.extend(cookies.filter(|names| !names.is_empty()).map(|names| format!("cookies {}", names.join(" "))));
    if cache.cache_authorized {
        key.push("Authorization".to_owned());
    }
    let passes = match (cookies.is_some(), cache.cache_authorized) {
        (true, true) => "",
        (false, true) => "; with a cookie they pass by",
        (true, false) => "; with Authorization they pass by",
        (false, false) => "; with a cookie or Authorization they pass by",
    };
    let silent = match cache.cache_seconds.as_secs() {
        0 => "no response that does not say it".to_owned(),
        seconds => format!("{seconds} s where it does not say it"),
    };
    let asked = if cache.cache_key_only { "; asked for by that alone" } else { "" };
    let place = plan.cache_disk.as_ref().map_or_else(
        || "in memory".to_owned(),
        |disk| format!("in memory, and on disk in {}", String::from_utf8_lossy(&disk.cache_directory)),
    );
    let key = key.join(", ");
    format!(
        "cache     GET and HEAD, told apart by {key}{asked}{passes}; fresh as the response says, {silent}; {place}\n"
    )
}

#[cfg(test)]
mod tests {
    use fosse_plan::CacheDiskPlan;

    use super::*;

    #[test]
    fn says_by_what_requests_are_told_apart_and_which_pass_by() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let usual = CachePolicy { cache_key_headers: names(&["accept-encoding"]), ..CachePolicy::default() };
        let own = CachePolicy {
            cache_key_query: Some(names(&["page"])),
            cache_key_cookies: Some(names(&["lang"])),
            cache_seconds: std::time::Duration::from_secs(60),
            ..CachePolicy::default()
        };
        let all = CachePolicy {
            cache_key_query: Some(Vec::new()),
            cache_key_cookies: Some(Vec::new()),
            cache_authorized: true,
            cache_key_only: true,
            ..CachePolicy::default()
        };
        for (policy, expected) in [
            (
                usual,
                "host and path, the query, headers accept-encoding; with a cookie or Authorization they pass by; fresh as \
                 the response says, no response that does not say it",
            ),
            (
                own,
                "host and path, of the query page, cookies lang; with Authorization they pass by; fresh as the response \
                 says, 60 s where it does not say it",
            ),
            (
                all,
                "host and path, Authorization; asked for by that alone; fresh as the response says, no response that does not say it",
            ),
        ] {
            let in_memory = format!("cache     GET and HEAD, told apart by {expected}; in memory\n");
            assert_eq!(line(Some(&policy), &Plan::default()), in_memory);
            let disk = CacheDiskPlan { cache_directory: b"/srv/kept".to_vec(), cache_disk_bytes_max: 1 << 30 };
            let plan = Plan { cache_disk: Some(disk), ..Plan::default() };
            let on_disk = in_memory.replace("in memory", "in memory, and on disk in /srv/kept");
            assert_eq!(line(Some(&policy), &plan), on_disk);
        }
        assert_eq!(line(None, &Plan::default()), "");
    }
}
