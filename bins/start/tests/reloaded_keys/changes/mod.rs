//! A change of each key, and the parts of the plan that it reaches.

mod backends;
mod edge;
mod routes;
mod sites;
mod tls;

use std::collections::BTreeSet;

use fosse_model::{Accounts, model::SECTIONS};
use fosse_plan::Plan;

use crate::parts::{PARTS, differing};

/// A table, a key and its value.
type Line = (&'static str, &'static str, &'static str);
/// A table, a key, its new value, and what else both configurations have.
type Change = (&'static str, &'static str, &'static str, &'static [Line]);

/// A configuration by tables, keys and values; an empty value is a key that is not written.
const BASE: &[Line] = &[
    ("[[listen]]", "address", "\"127.0.0.1:8080\""),
    ("[[acme]]", "name", ""),
    ("[[certificate]]", "file", ""),
    ("[[site]]", "hosts", "[\"a.example\"]"),
    ("[[site]]", "backend", "\"app\""),
    ("[[site]]", "rules", "[\"a.conf\"]"),
    ("[[site.route]]", "prefix", "\"/p/\""),
    ("[[site.route]]", "backend", "\"app\""),
    ("[[site.exclude]]", "rules", "[920350]"),
    ("[[site.error]]", "status", "[403]"),
    ("[[site.error]]", "file", "\"pages/a.html\""),
    ("[site.forward_auth]", "backend", ""),
    ("[[site.request_headers.replace]]", "header", ""),
    ("[[backend]]", "name", "\"app\""),
    ("[[backend]]", "servers", "[\"127.0.0.1:3000\"]"),
    ("[[backend.server]]", "address", "\"127.0.0.1:3004\""),
    ("[[backend.cache_control]]", "paths", ""),
    ("[backend.tls]", "ca_file", ""),
    ("[backend.health]", "path", "\"/\""),
];

const NAMED_SERVER: Line = ("[[backend]]", "servers", "[\"app.internal:80\"]");
const REMOTE: Line = ("[[backend]]", "remote", "true");
const RATE: Line = ("[[site]]", "response_bytes_per_second", "\"1 MiB\"");
const KEPT: Line = ("[[site]]", "cache", "true");
const COMPRESS: Line = ("[[site]]", "compress", "true");

/// The changes, by the part of the file.
const CHANGES: [&[Change]; 5] = [edge::CHANGES, sites::CHANGES, routes::CHANGES, backends::CHANGES, tls::CHANGES];

/// Keys whose value is a table, which has keys of its own, and those that name such tables.
const TABLES: &[&str] = &[
    "timeouts",
    "limits",
    "listen",
    "certificate",
    "tls",
    "site",
    "backend",
    "route",
    "exclude",
    "error",
    "forward_auth",
    "replace",
    "server",
    "cache_control",
    "health",
    "fastcgi",
    "when",
    "signed_links",
    "basic_auth",
    "cors",
    "mirror",
    "request_headers",
    "response_headers",
    "template",
    "include",
    "acme",
];

/// Words that a person has to say: without them the configuration is refused, and so is a reload.
/// Certificates ask for the one of TLS.
const WORDS: &[(&str, &str)] = &[
    ("top", "status_public"),
    ("[[listen]]", "public"),
    ("[[listen]]", "tls"),
    ("[[acme]]", "agree_to_terms"),
    ("[[backend]]", "remote"),
];

/// Keys that only tie parts of the configuration together.
const TIES: &[(&str, &str)] = &[("[[backend]]", "name"), ("[[acme]]", "name")];

/// Writes a configuration, of whose lines for one key the last one counts.
fn written(lines: &[Line]) -> String {
    let titles = ["top"].into_iter().chain(SECTIONS.iter().skip(1).map(|section| section.title));
    let mut text = String::new();
    for title in titles {
        // The one makes its backend one of FastCGI, which others have no keys for; the others need
        // a key, or are a word elsewhere.
        if matches!(
            title,
            "[backend.fastcgi]"
                | "[backend.retry]"
                | "[site.signed_links]"
                | "[site.basic_auth]"
                | "[site.cors]"
                | "[site.mirror]"
        ) && !lines.iter().any(|line| line.0 == title)
        {
            continue;
        }
        let of_table = |line: &&Line| line.0 == title;
        let keys: BTreeSet<&str> = lines.iter().filter(of_table).map(|line| line.1).collect();
        let last = |key: &&str| *lines.iter().filter(of_table).rfind(|line| line.1 == *key).unwrap();
        let last: Vec<Line> = keys.iter().map(last).collect();
        // A table of which no key is written is not there itself.
        if title != "top" && (last.is_empty() || last.iter().any(|line| !line.2.is_empty())) {
            text.push_str(&format!("{title}\n"));
        }
        for (_, key, value) in last.iter().filter(|line| !line.2.is_empty()) {
            text.push_str(&format!("{key} = {value}\n"));
        }
    }
    text + "[[backend]]\nname = \"other\"\nservers = [\"127.0.0.1:3001\"]\n[[backend]]\nname = \"disk\"\nfiles = \"/srv/disk\"\n[[backend]]\nname = \"shadow\"\nservers = [\"127.0.0.1:3002\"]\n[[backend]]\nname = \"shade\"\nservers = [\"127.0.0.1:3003\"]\n"
}

fn compiled(text: &str) -> Result<Plan, String> {
    fosse_model::compile("fosse.toml", text.as_bytes(), &Accounts::from_files(b"", b""))
        .map_err(|report| format!("{report}\n{text}"))
}

/// Returns the plans before and after a change.
fn plans((table, key, value, with): &Change) -> [Result<Plan, String>; 2] {
    let before = [BASE, with].concat();
    let mut after = written(&[&before[..], &[(*table, *key, *value)]].concat());
    if TIES.contains(&(*table, *key)) {
        after = after.replace("\"app\"", value);
    }
    [compiled(&written(&before)), compiled(&after)]
}

#[test]
fn a_change_of_any_key_changes_a_part_of_the_plan_that_a_reload_puts_in_force() {
    for change in CHANGES.iter().copied().flatten() {
        let name = (change.0, change.1);
        let [before, after] = plans(change);
        let after = after.unwrap_or_else(|report| panic!("{report}"));
        let before = match before {
            Err(_) if WORDS.contains(&name) => continue,
            before => before.unwrap_or_else(|report| panic!("{report}")),
        };
        let parts = differing(&before, &after);
        assert!(!parts.is_empty() || TIES.contains(&name), "{name:?} changes nothing");
        let unknown: Vec<_> = parts.iter().filter(|part| !PARTS.contains(&part.as_str())).collect();
        assert!(
            unknown.is_empty(),
            "{name:?} changes {unknown:?}, of which no test says that a reload puts it in force"
        );
    }
}

#[test]
fn every_key_has_a_change() {
    let name = |title: &'static str, key: &'static str| (if title.starts_with('[') { title } else { "top" }, key);
    let keys = SECTIONS.iter().flat_map(|section| section.keys.iter().map(|key| name(section.title, key.name)));
    let keys: BTreeSet<_> =
        keys.filter(|(_, key)| !TABLES.contains(key) || ["backend", "tls", "acme"].contains(key)).collect();
    let changed: BTreeSet<_> = CHANGES.iter().copied().flatten().map(|(table, key, ..)| (*table, *key)).collect();
    let tables = BTreeSet::from([
        ("top", "acme"),
        ("top", "backend"),
        ("top", "tls"),
        ("[[site]]", "tls"),
        ("[[backend]]", "tls"),
    ]);
    assert_eq!(keys.difference(&changed).copied().collect::<BTreeSet<_>>(), tables);
    assert_eq!(changed.difference(&keys).collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
}
