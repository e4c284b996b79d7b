//! haproxy.cfg with maps, and clients that keep their server.

use fosse_migrate::{Format, Migrated, migrate};

/// Returns what is written where a map has these lines; it is a configuration that fosse takes.
fn migrated(text: &str, map: Option<&str>) -> Migrated {
    let read = |name: &str| match map.filter(|_| name == "/etc/a.map") {
        Some(map) => Ok(vec![(name.to_owned(), map.to_owned())]),
        None => Err(format!("unable to read {name}")),
    };
    let found = migrate(Format::Haproxy, ("haproxy.cfg".to_owned(), text.to_owned()), &read);
    let found = found.unwrap_or_else(|mistake| panic!("{mistake}"));
    if let Err(report) = fosse_model::read("fosse.toml", found.toml.as_bytes()) {
        panic!("{report}\n{}", found.toml);
    }
    found
}

const BACKENDS: &str =
    "backend a\nserver a 127.0.0.1:1\nbackend b\nserver b 127.0.0.1:2\nbackend c\nserver c 127.0.0.1:3\n";

fn frontend(rule: &str) -> String {
    format!("defaults\nmode http\nfrontend web\nbind 127.0.0.1:80\n{rule}\ndefault_backend c\n{BACKENDS}")
}

#[test]
fn each_line_of_a_map_of_hosts_is_a_site() {
    let map = "# hosts\nA.example a\nb.example   b\nd.example gone\n";
    for rule in ["req.hdr(host),lower,map(/etc/a.map,c)", "hdr(Host),field(1,:),lower,map_str(/etc/a.map)"] {
        let found = migrated(&frontend(&format!("use_backend %[{rule}]")), Some(map));
        for words in [
            "hosts = [\"a.example\"]\nbackend = \"a\"",
            "hosts = [\"b.example\"]\nbackend = \"b\"",
            "default = true\nbackend = \"c\"",
        ] {
            assert!(found.toml.contains(words), "{words}\n{}", found.toml);
        }
        let notes: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
        assert!(notes.len() == 2 && notes[1].contains("without 1 lines of the map"), "{notes:#?}");
    }
}

#[test]
fn of_a_map_of_beginnings_the_longest_counts() {
    let found = migrated(&frontend("use_backend %[path,map_beg(/etc/a.map)]"), Some("/a/ a\n/a/b/ b\n"));
    for words in ["prefix = \"/a/\"\nbackend = \"a\"", "prefix = \"/a/b/\"\nbackend = \"b\""] {
        assert!(found.toml.contains(words), "{words}\n{}", found.toml);
    }
}

#[test]
fn requests_of_a_map_that_is_not_carried_over_go_nowhere() {
    for (rule, map) in [
        ("use_backend %[req.hdr(host),lower,map(/etc/a.map)]", None),
        ("use_backend %[req.hdr(host),lower,map(/etc/b.map)]", Some("a.example a")),
        ("use_backend %[req.hdr(x),map(/etc/a.map)]", Some("a.example a")),
        ("use_backend %[req.hdr(host),map(/etc/a.map)] if { path_beg /x } or { path_beg /y }", Some("a.example a")),
    ] {
        let found = migrated(&frontend(rule), map);
        let notes: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
        assert!(notes.iter().any(|note| note.starts_with("haproxy.cfg:5: ")), "{rule}: {notes:#?}");
        assert!(found.toml.contains("respond = 503"), "{rule}\n{}", found.toml);
    }
    let long = "a.example a\n".repeat(501);
    let found = migrated(&frontend("use_backend %[req.hdr(host),lower,map(/etc/a.map)]"), Some(&long));
    assert!(found.notes.iter().any(|note| note.why.contains("more than 500 lines")), "{:#?}", found.notes);
}

#[test]
fn a_map_with_as_many_hosts_as_there_may_be_is_carried_over() {
    let map: String = (0..500).map(|number| format!("h{number}.example {}\n", ["a", "b"][number % 2])).collect();
    let found = migrated(&frontend("use_backend %[req.hdr(host),lower,map(/etc/a.map)]"), Some(&map));
    assert!(found.toml.contains("\"h499.example\""), "{}", found.toml);
}

#[test]
fn clients_keep_their_server_by_a_hash() {
    for (lines, expected, notes_count) in [
        ("balance roundrobin\nstick-table type ip size 1m expire 30m\nstick on src", "hash_by = \"source\"", 2),
        (
            "stick-table type string len 32 size 1m\nstick on req.cook(SID)\nbalance roundrobin",
            "hash_by = \"cookie SID\"",
            2,
        ),
        ("cookie SERVERID insert indirect nocache", "sticky_cookie = \"SERVERID\"", 1),
        ("stick-table type ip size 1m store gpc0", "name = \"a\"", 2),
    ] {
        let text = format!(
            "defaults\nmode http\nfrontend web\nbind 127.0.0.1:80\ndefault_backend a\nbackend a\n{lines}\nserver a 127.0.0.1:1\n"
        );
        let found = migrated(&text, None);
        assert!(found.toml.contains(expected), "{lines}\n{}", found.toml);
        assert_eq!(found.notes.len(), notes_count, "{lines}: {:#?}", found.notes);
    }
}
