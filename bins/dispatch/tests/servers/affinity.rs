//! Requests find their servers again: by consistent hashing, and by the cookie of their client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::app::{App, response, shared};
use fosse_harness::{Client, Edge, Response, is_root, wait_for};

/// Applications that respond with their numbers.
fn apps(count: usize) -> Vec<App> {
    (0..count).map(|number| App::start(move |_| response(200, &number.to_string()))).collect()
}

/// Returns the configuration of an edge of two lanes before these servers, with more lines of the
/// backend.
fn configuration(apps: &[App], lines: &str) -> String {
    let servers: Vec<&str> = apps.iter().map(|app| app.address.as_str()).collect();
    format!(
        "uid_base = {{uid_base}}\nlanes = 2\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = {servers:?}\n{lines}\n"
    )
}

/// Sends a request over a connection of its own.
fn ask(edge: &Edge, path: &str, fields: &str) -> Response {
    let mut client = Client::connect(edge.address());
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n{fields}Connection: close\r\n\r\n");
    client.send(request.as_bytes());
    client.response()
}

/// Returns the number of the server that serves each of 240 paths.
fn owners(edge: &Edge) -> Vec<String> {
    (0..240).map(|n| ask(edge, &format!("/page/{n}?{n}"), "").text().into_owned()).collect()
}

#[test]
fn one_more_server_takes_its_share_of_the_paths_and_moves_no_other() {
    let mut apps = apps(4);
    let lines = "balance = \"hash\"\nhash_by = \"path\"";
    let edge = Edge::with_config(&configuration(&apps[..3], lines), &[]);
    let before = owners(&edge);
    assert_eq!(before, owners(&edge), "both lanes agree");
    // Their order in the configuration means nothing.
    let four = {
        apps.reverse();
        configuration(&apps, lines)
    };
    edge.reload(&four);
    let after = owners(&edge);
    let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert!(moved.iter().all(|(_, after)| **after == "3"), "{moved:?}");
    assert!((30..=90).contains(&moved.len()), "{} of 240", moved.len());
}

#[test]
fn the_paths_of_a_server_that_is_gone_go_to_others_and_those_of_others_stay() {
    let mut apps = apps(3);
    let lines = "balance = \"hash\"\nhash_by = \"path\"\n[backend.health]\nfailures_max = 1\nrest_seconds = 3600";
    let edge = Edge::with_config(&configuration(&apps, lines), &[]);
    let before = owners(&edge);
    let gone = apps.remove(1);
    std::fs::remove_file(gone.address.strip_prefix("unix:").unwrap()).unwrap();
    let after = owners(&edge);
    for (before, after) in before.iter().zip(&after) {
        assert!(if before == "1" { ["0", "2"].contains(&after.as_str()) } else { before == after }, "{before} {after}");
    }
}

#[test]
fn a_header_a_cookie_and_the_source_choose_the_server() {
    let apps = apps(3);
    for (hash_by, fields) in [
        ("header X-User", (|n| format!("X-User: {n}\r\n")) as fn(u32) -> String),
        ("cookie id", |n| format!("Cookie: a=b; id={n}\r\n")),
        ("source", |_| String::new()),
    ] {
        let lines = format!("balance = \"hash\"\nhash_by = \"{hash_by}\"");
        let edge = Edge::with_config(&configuration(&apps, &lines), &[]);
        let served = |n| ask(&edge, &format!("/{n}"), &fields(n)).text().into_owned();
        let first: Vec<_> = (0..40).map(served).collect();
        assert_eq!(first, (0..40).map(served).collect::<Vec<_>>(), "{hash_by}");
        let mut used = first.clone();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), if hash_by == "source" { 1 } else { 3 }, "{hash_by}: {first:?}");
    }
}

/// Returns the Cookie field of a client that got that response.
fn cookie(response: &Response) -> String {
    let set = response.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", response.head));
    let (pair, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
    assert!(pair.strip_prefix("srv=").is_some_and(|id| id.len() == 16), "{pair}");
    format!("Cookie: {pair}\r\n")
}

const STICKY: &str = "sticky_cookie = \"srv\"";

#[test]
fn a_client_stays_with_its_server_in_each_lane_over_a_reload_and_a_restart() {
    let apps = apps(3);
    let mut edge = Edge::with_config(&configuration(&apps, STICKY), &[]);
    let first = ask(&edge, "/", "");
    let (owner, cookie) = (first.text().into_owned(), cookie(&first));
    let stays = |edge: &Edge| {
        for _ in 0..12 {
            let response = ask(edge, "/", &cookie);
            assert_eq!((response.text(), response.header("set-cookie")), (owner.as_str().into(), None));
        }
    };
    stays(&edge);
    edge.reload(&configuration(&apps, &format!("{STICKY}\nbalance = \"least-connections\"")));
    stays(&edge);
    edge.terminate();
    let edge = Edge::with_config(&configuration(&apps, STICKY), &[]);
    stays(&edge);
    // Another seed makes it a foreign one.
    edge.reload(&configuration(&apps, &format!("{STICKY}\naffinity_seed = \"0123456789abcdef\"")));
    assert_ne!(self::cookie(&ask(&edge, "/", &cookie)), cookie);
}

#[test]
fn a_foreign_or_stale_cookie_is_ignored_and_set_again_and_none_reaches_the_application() {
    let (seen, noted) = shared(Vec::<String>::new());
    let app = App::start(move |head| {
        noted.lock().unwrap().push(head.to_ascii_lowercase());
        response(200, "")
    });
    let apps = [app];
    let edge = Edge::with_config(&configuration(&apps, STICKY), &[]);
    let own = cookie(&ask(&edge, "/", ""));
    let fields = ["Cookie: srv=0000000000000000\r\n", "Cookie: srv=; a=1\r\n", "Cookie: a=1; srv=x\r\nCookie: b=2\r\n"];
    fields.iter().for_each(|foreign| assert_eq!(cookie(&ask(&edge, "/", foreign)), own, "{foreign}"));
    assert_eq!(ask(&edge, "/", &own.replace("srv", "a=1; srv")).header("set-cookie"), None);
    let heads = seen.lock().unwrap();
    assert!(heads.iter().all(|head| !head.contains("srv=")), "{heads:?}");
    let others: Vec<Vec<&str>> =
        heads.iter().map(|head| head.lines().filter(|line| line.starts_with("cookie")).collect::<Vec<_>>()).collect();
    assert_eq!(others, [vec![], vec![], vec!["cookie: a=1"], vec!["cookie: a=1", "cookie: b=2"], vec!["cookie: a=1"]]);
}

#[test]
fn the_cookie_is_secure_where_the_client_came_by_https() {
    let apps = apps(1);
    let text = configuration(&apps, STICKY).replace("[[site]]", "behind_tls = true\n[[site]]");
    let edge = Edge::with_config(&text, &[]);
    let response = ask(&edge, "/", "");
    let set = response.header("set-cookie").unwrap();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set}");
}

#[test]
fn a_server_of_no_weight_keeps_its_clients_and_gets_no_other() {
    let apps = apps(2);
    let edge = Edge::with_config(&configuration(&apps, STICKY), &[]);
    let first = ask(&edge, "/", "");
    let (owner, cookie) = (first.text().parse::<usize>().unwrap(), cookie(&first));
    let table = format!("{STICKY}\n[[backend.server]]\naddress = \"{}\"\nweight = 0", apps[owner].address);
    edge.reload(&configuration(&apps[1 - owner..2 - owner], &table));
    let before = apps[owner].requests();
    (0..8).for_each(|_| assert_eq!(ask(&edge, "/", "").text(), (1 - owner).to_string()));
    assert_eq!(apps[owner].requests(), before);
    (0..8).for_each(|_| assert_eq!(ask(&edge, "/", &cookie).text(), owner.to_string()));
}

#[test]
fn a_client_waits_for_its_server_where_that_is_full_and_leaves_it_where_it_is_gone() {
    let stuck = Arc::new(AtomicBool::new(false));
    let mut apps: Vec<App> = (0..2)
        .map(|number| {
            let holds = Arc::clone(&stuck);
            App::start(move |head| {
                if head.starts_with("GET /hold ") {
                    wait_for("the end of the test", || (!holds.load(Ordering::Relaxed)).then_some(()));
                }
                response(200, &number.to_string())
            })
        })
        .collect();
    let lines = format!("connections_max = 1\nqueue_seconds = 3600\n{STICKY}");
    let edge = Edge::with_config(&configuration(&apps, &lines).replace("lanes = 2", "lanes = 1"), &[]);
    let first = ask(&edge, "/", "");
    let (owner, cookie) = (first.text().parse::<usize>().unwrap(), cookie(&first));
    stuck.store(true, Ordering::Relaxed);
    let send = |path: &str| {
        let mut client = Client::connect(edge.address());
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n{cookie}\r\n").as_bytes());
        client
    };
    let (before, begun) = (apps[owner].requests(), edge.counter("dispatch", "requests"));
    let mut holds = send("/hold");
    wait_for("the held request", || (apps[owner].requests() > before).then_some(()));
    let mut waits = send("/waits");
    wait_for("the waiting request", || (edge.counter("dispatch", "requests") >= begun + 2).then_some(()));
    // Others are served meanwhile, by the other server.
    (0..3).for_each(|_| assert_eq!(ask(&edge, "/", "").text(), (1 - owner).to_string()));
    stuck.store(false, Ordering::Relaxed);
    assert_eq!(
        (holds.response().text(), waits.response().text()),
        (owner.to_string().into(), owner.to_string().into())
    );
    let gone = apps.remove(owner);
    std::fs::remove_file(gone.address.strip_prefix("unix:").unwrap()).unwrap();
    let moved = ask(&edge, "/", &cookie);
    assert_eq!(moved.text(), (1 - owner).to_string());
    assert_ne!(self::cookie(&moved), cookie);
    assert!(!is_root() || edge.alarms().is_empty(), "{:?}", edge.alarms());
}
