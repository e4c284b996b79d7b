//! Notes of `fosse check`: what a sound configuration does that its author may not have meant.

use fosse_model::{
    Backends, Edge, Limits, Site, buffers_whole,
    model::{Listen, Route, TrustedFields},
};
use fosse_routing::pattern;

/// Returns a note on a listener with address lists whose proxies name their clients: the lists are
/// about these.
pub(crate) fn lists_of_named_clients(listen: &Listen, edge: &Edge) -> Option<String> {
    let lists = [&listen.allow, &listen.deny, &edge.allow, &edge.deny];
    if listen.trusted.is_empty() || lists.iter().all(|list| list.is_empty()) {
        return None;
    }
    let (named, refused) = if listen.proxy_protocol.value {
        ("their PROXY header", "its connection is closed")
    } else if listen.trusted_fields.value == TrustedFields::Forwarded {
        ("Forwarded", "its request gets 403")
    } else {
        ("X-Forwarded-For", "its request gets 403")
    };
    Some(format!(
        "allow and deny judge trusted proxies, and the client that {named} names: where it is denied {refused}"
    ))
}

/// Returns a note on a site of whose bodies there is not room for two: in the file for long ones,
/// or where there is none, in the memory of a lane.
pub(crate) fn bodies_that_share_room(site: &Site, backends: &Backends<'_>, limits: &Limits) -> Option<String> {
    let (body, lane, spool) = (site.body_bytes_max.0, limits.lane_held_bytes_max.0, limits.spool_bytes_max.0);
    let (room, key, place) =
        if spool > 0 { (spool, "spool_bytes_max", "") } else { (lane, "lane_held_bytes_max", " in a lane") };
    (buffers_whole(site, backends) && body > room / 2).then(|| {
        format!(
            "two bodies of body_bytes_max ({body} bytes) are more than {key} ({room} bytes): where two uploads of \
             that size meet{place}, one gets 503"
        )
    })
}

/// Returns a note on each route that no request reaches, wherever it stands: one whose paths lie
/// all below a prefix, and prefixes are looked at first.
pub(crate) fn routes_below_prefixes(site: &Site) -> Vec<String> {
    let takes_all = |route: &&Route| route.when.is_empty();
    let prefixes = site.route.iter().map(|route| &route.value).filter(takes_all);
    let prefixes: Vec<&str> =
        prefixes.filter_map(|route| route.prefix.value.as_ref()).map(|prefix| prefix.0.as_str()).collect();
    let note = |(number, route): (usize, &Route)| {
        let (shown, pattern) = match (&route.glob.value, &route.regex.value) {
            (Some(glob), _) => (format!("glob {}", glob.0), pattern::of_glob(&glob.0)),
            (_, Some(regex)) => (format!("regex {}", regex.pattern), regex.pattern.clone()),
            _ if route.path.value.is_some() || route.prefix.value.is_some() => return None,
            _ => ("when alone".to_owned(), String::new()),
        };
        let prefix = prefixes.iter().find(|prefix| pattern::is_within(&pattern, prefix))?;
        Some(format!(
            "no request reaches route {number} ({shown}): prefix {prefix} has all its paths, and prefixes are \
             taken before it"
        ))
    };
    (1..).zip(site.route.iter().map(|route| &route.value)).filter_map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_no_request_reaches_is_noted() {
        let notes = |routes: &str| {
            let text = format!(
                "[[listen]]\naddress = \"127.0.0.1:1\"\n[[site]]\ndefault = true\n{routes}\n[[backend]]\nname = \"a\"\n\
                 servers = [\"unix:/a\"]\n"
            );
            routes_below_prefixes(&fosse_model::read("test", text.as_bytes()).unwrap().site[0])
        };
        let route = |path: &str| format!("[[site.route]]\n{path}\nbackend = \"a\"\n");
        let (api, root) = (route("prefix = \"/api\""), route("prefix = \"/\""));
        let (regex, glob) = (route("regex = '^/api/v[0-9]+/'"), route("glob = \"/api/*.png\""));
        let when = route("when.method = [\"GET\"]");
        let said = notes(&format!("{regex}{glob}{api}{when}"));
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("no request reaches route 1 (regex ^/api/v[0-9]+/): prefix /api has"), "{said:?}");
        assert!(said[1].starts_with("no request reaches route 2 (glob /api/*.png): prefix /api has"), "{said:?}");
        let said = notes(&format!("{root}{when}"));
        assert!(said.len() == 1 && said[0].contains("route 2 (when alone): prefix / has"), "{said:?}");
        let others = route("prefix = \"/api\"\nwhen.method = [\"GET\"]");
        assert!(notes(&format!("{others}{regex}{}", route("path = \"/api/x\""))).is_empty());
    }

    fn note(body: &str, site: &str, spool: &str) -> Option<String> {
        let text = format!(
            "[limits]\nspool_bytes_max = \"{spool}\"\nlane_held_bytes_max = \"64 MiB\"\n[[listen]]\naddress = \"127.0.0.1:1\"\n[[site]]\ndefault = true\nbackend = \"a\"\nbody_bytes_max = \"{body}\"\n\
             {site}\n[[backend]]\nname = \"a\"\nservers = [\"unix:/a\"]\n"
        );
        let edge = fosse_model::read("test", text.as_bytes()).unwrap();
        bodies_that_share_room(&edge.site[0], &fosse_model::Backends::of(&edge.backend), &edge.limits)
    }

    #[test]
    fn a_listener_with_lists_and_trusted_proxies_says_whom_the_lists_judge() {
        let note = |listen: &str, top: &str| {
            let text = format!(
                "{top}\n[[listen]]\naddress = \"127.0.0.1:1\"\n{listen}\n[[site]]\ndefault = true\nbackend = \"a\"\n\
                 [[backend]]\nname = \"a\"\nservers = [\"unix:/a\"]\n"
            );
            let edge = fosse_model::read("test", text.as_bytes()).unwrap();
            lists_of_named_clients(&edge.listen[0], &edge)
        };
        let trusted = "trusted = [\"10.0.0.0/8\"]";
        let (deny, proxy) = ("deny = [\"deny.txt\"]", "proxy_protocol = true");
        assert!(note(&format!("{trusted}\n{deny}"), "").is_some_and(|note| note.contains("403")));
        assert!(note(&format!("{trusted}\n{proxy}"), deny).is_some_and(|note| note.contains("PROXY")));
        assert_eq!((note(trusted, ""), note(deny, deny)), (None, None));
    }

    #[test]
    fn bodies_of_which_there_is_no_room_for_two_are_noted() {
        assert!(note("50 MiB", "", "0 KiB").is_some_and(|note| note.contains("52428800 bytes")));
        assert_eq!(note("32 MiB", "", "0 KiB"), None);
        assert_eq!(note("50 MiB", "", "100 MiB"), None, "they go to the file");
        assert!(note("50 MiB", "", "99 MiB").is_some_and(|note| note.contains("spool_bytes_max (103809024 bytes)")));
        let off = "waf = \"off\"";
        assert_eq!(note("50 MiB", off, "0 KiB"), None, "nothing is buffered");
        assert!(note("50 MiB", &format!("{off}\n[[backend]]\nname = \"b\"\nservers = [\"unix:/b\"]\nbuffer_requests = true\n[[site.route]]\nprefix = \"/b\"\nbackend = \"b\"\n"), "0 KiB").is_some());
        assert_eq!(note("50 MiB", "body_over_limit = \"pass-in-part\"", "0 KiB"), None, "the rest passes");
    }
}
