//! The rows of the tables agree with themselves and with the manual page.

use std::fs;
use std::path::Path;

use fosse_model::model::SECTIONS;
use fosse_model::section::Presence;
use fosse_model::{Backend, Limits, Problems, manual};
use toml::de::DeTable;

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../man/fosse.toml.5");
const BEGIN: &str = ".\\\" The tables below are written from the rows in common/config/model; see its tests/rows.rs.\n";
const END: &str = ".\\\" End of the tables.\n";

/// Keys of a backend that serves files.
const OF_FILES: &[&str] = &["index", "try_files", "precompressed", "cache_control"];

#[test]
fn every_default_is_accepted_by_its_own_key() {
    let required = "[[listen]]\naddress = \"127.0.0.1:1\"\n[[site]]\nhosts = [\"a\"]\nbackend = \"a\"\nROUTE\n[[backend]]\nname = \"a\"\nservers = [\"unix:/a\"]\nHEALTH\n";
    for section in SECTIONS {
        for key in section.keys {
            let Presence::Default(value) = key.presence else { continue };
            if matches!(
                (section.title, key.name),
                ("[[site]]", "hosts")
                    | ("[[backend]]", "servers")
                    | ("[[certificate]]", "names")
                    | ("[[acme]]", "agree_to_terms")
                    | (_, "backend")
            ) {
                // Those are in the frame already, none go only with others, or nobody agrees to
                // terms unasked.
                continue;
            }
            let line = format!("{} = {value}\n", key.name);
            let text = framed(required, section.title, key.name, &line);
            let text = text.replace("ROUTE", "").replace("HEALTH", "");
            if let Err(report) = fosse_model::read("default", text.as_bytes()) {
                panic!("{report}\n{text}");
            }
        }
    }
}

/// Returns a configuration with a line in a table.
#[expect(clippy::too_many_lines, reason = "every table, once, in one place")]
fn framed(required: &str, title: &str, key: &str, line: &str) -> String {
    match title {
        "[[acme]]" => format!("{required}[[acme]]\nname = \"ca\"\nagree_to_terms = true\n{line}"),
        "[[certificate]]" => {
            let listen =
                "[[listen]]\naddress = \"127.0.0.1:2\"\ntls = true\n[[acme]]\nname = \"ca\"\nagree_to_terms = true\n";
            let certificate = format!("[[certificate]]\nacme = \"ca\"\nnames = [\"a.example\"]\n{line}");
            required.replace("[\"a\"]", "[\"a.example\"]") + listen + &certificate
        }
        "[[listen]]" if key == "mode" => {
            required.replace("address = \"127.0.0.1:1\"\n", &format!("address = \"unix:/l\"\n{line}"))
        }
        "[[listen]]" => required.replace("address = \"127.0.0.1:1\"\n", &format!("address = \"127.0.0.1:1\"\n{line}")),
        "[[site]]" => required.replace("ROUTE", line),
        "[[site.route]]" => required.replace("ROUTE", &format!("[[site.route]]\nglob = \"/\"\n{line}")),
        "[[site.exclude]]" => {
            required.replace("ROUTE", &format!("rules = [\"x\"]\n[[site.exclude]]\ntag = \"t\"\n{line}"))
        }
        "[[backend]]" if OF_FILES.contains(&key) => {
            required.replace("servers = [\"unix:/a\"]", "files = \"/a\"").replace("HEALTH", line)
        }
        "[[backend]]" => required.replace("HEALTH", line),
        "[[backend.server]]" => {
            required.replace("HEALTH", &format!("[[backend.server]]\naddress = \"unix:/b\"\n{line}"))
        }
        "[site.cors]" => required.replace("ROUTE", &format!("[site.cors]\norigins = [\"https://b.example\"]\n{line}")),
        "[site.mirror]" => {
            let mirror = "[[backend]]\nname = \"m\"\nservers = [\"unix:/m\"]\n";
            required.replace("ROUTE", &format!("[site.mirror]\nbackend = \"m\"\n{line}")) + mirror
        }
        "[site.basic_auth]" if key == "users" => required.replace("ROUTE", "basic_auth = { users_file = \"u\" }"),
        "[site.basic_auth]" => required.replace("ROUTE", &format!("[site.basic_auth]\nusers_file = \"u\"\n{line}")),
        "[site.signed_links]" => required.replace("ROUTE", &format!("[site.signed_links]\nkeys = [\"k\"]\n{line}")),
        "[backend.tls]" => {
            required.replace("unix:/a", "https://localhost").replace("HEALTH", &format!("[backend.tls]\n{line}"))
        }
        "[backend.health]" => required.replace("HEALTH", &format!("[backend.health]\n{line}")),
        "[backend.fastcgi]" => required.replace(
            "HEALTH",
            &format!("[backend.fastcgi]\nroot = \"/srv/www\"\n{line}front_controller = \"/i.php\"\n"),
        ),
        "[site.forward_auth]" => {
            required.replace("ROUTE", &format!("[site.forward_auth]\nbackend = \"a\"\npath = \"/auth\"\n{line}"))
        }
        title if title.starts_with('[') => format!("{required}{title}\n{line}"),
        _ => format!("{line}{required}"),
    }
}

#[test]
fn every_key_and_table_is_explained() {
    for section in SECTIONS {
        assert!(section.doc.trim().ends_with('.'), "{}", section.title);
        for key in section.keys {
            assert!(key.doc.trim().ends_with('.'), "{}", key.name);
            assert!(!key.takes.is_empty() && !key.takes.ends_with('.'), "{}", key.name);
        }
    }
}

#[test]
fn limits_of_the_model_are_those_of_the_plan() {
    let limits = |section: &fosse_model::section::SectionDoc, name: &str| {
        section.keys.iter().find(|key| key.name == name).unwrap().limits
    };
    assert_eq!(limits(&SECTIONS[0], "lanes"), Some((1, fosse_plan::LANES_MAX.into())));
    assert_eq!(limits(&SECTIONS[0], "listen"), Some((1, fosse_plan::LISTENERS_MAX as u64)));
    for (name, most) in [
        ("head_bytes_max", fosse_http1::HEAD_BYTES_MAX),
        ("target_bytes_max", fosse_http1::TARGET_BYTES_MAX),
        ("header_bytes_max", fosse_http1::FIELD_BYTES_MAX),
        ("header_count_max", fosse_http1::FIELDS_COUNT_MAX),
        ("response_head_bytes_max", fosse_http1::HEAD_BYTES_MAX),
        ("response_header_bytes_max", fosse_http1::FIELD_BYTES_MAX),
        ("response_header_count_max", fosse_http1::FIELDS_COUNT_MAX),
    ] {
        assert_eq!(limits(&SECTIONS[2], name).map(|(_, high)| high), Some(most as u64), "{name}");
    }
    assert_eq!(fosse_model::address::UNIX_PATH_BYTES_MAX, fosse_plan::PATH_BYTES_MAX);
}

#[test]
fn a_table_without_keys_has_the_documented_defaults() {
    let mut problems = Problems::default();
    let limits = Limits::read_table(0..0, &DeTable::new(), &mut problems);
    assert!(problems.is_empty() && limits.head_bytes_max.0 == 32 << 10);
    Backend::read_table(0..0, &DeTable::new(), &mut problems);
    assert!(!problems.is_empty());
}

/// `FOSSE_WRITE_MANUAL=1 cargo test -p fosse-model` writes the part; without it the page is
/// compared.
#[test]
fn the_manual_page_holds_the_tables_as_they_are() {
    let page = fs::read_to_string(Path::new(MANUAL)).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("where the tables begin");
    let (tables, tail) = rest.split_once(END).expect("where the tables end");
    if std::env::var_os("FOSSE_WRITE_MANUAL").is_some() {
        fs::write(MANUAL, format!("{head}{BEGIN}{}{END}{tail}", manual::mdoc())).unwrap();
        return;
    }
    assert!(tables == manual::mdoc(), "run the tests once with FOSSE_WRITE_MANUAL=1");
}
