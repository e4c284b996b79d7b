//! Notes of `fosse check`: what a sound configuration does that its author may not have meant.

use fosse_model::{
    Backends, Edge, Limits, Site, buffers_whole,
    model::{Listen, TrustedFields},
};

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

#[cfg(test)]
mod tests {
    use super::*;

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
