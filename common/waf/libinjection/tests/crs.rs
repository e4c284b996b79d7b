//! The Core Rule Set's regression tests for its four libinjection rules, as far as one value at a
//! time can show them: the rules' targets are cut from each request here, and url-decoded as the
//! rules' transformations do.

use fosse_libinjection::{is_sqli, is_xss};
use std::path::{Path, PathBuf};

/// A rule, the detector it uses and the fields of a request it reads.
struct Rule {
    file: &'static str,
    detect: fn(&[u8]) -> bool,
    fields: &'static [&'static str],
}

const ARGUMENTS: &[&str] = &["data", "query", "User-Agent"];
const RULES: [Rule; 4] = [
    Rule { file: "REQUEST-942-APPLICATION-ATTACK-SQLI/942100.yaml", detect: sqli, fields: ARGUMENTS },
    Rule { file: "REQUEST-942-APPLICATION-ATTACK-SQLI/942101.yaml", detect: sqli, fields: &["path"] },
    Rule { file: "REQUEST-941-APPLICATION-ATTACK-XSS/941100.yaml", detect: is_xss, fields: ARGUMENTS },
    Rule { file: "REQUEST-941-APPLICATION-ATTACK-XSS/941101.yaml", detect: is_xss, fields: &["path", "Referer"] },
];

fn sqli(value: &[u8]) -> bool {
    is_sqli(value).is_some()
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpora/crs4/regression/tests")
}

/// One scalar of YAML on one line.
fn scalar(text: &str) -> String {
    if let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return text.replace("\\\"", "\"").replace("\\\\", "\\");
    }
    let single = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    single.map_or(text.to_string(), |text| text.replace("''", "'"))
}

fn url_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let hex = after
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (byte, taken) = match (first, hex) {
            (b'%', Some(byte)) => (byte, 2),
            (b'+', _) => (b' ', 0),
            _ => (*first, 0),
        };
        decoded.push(byte);
        rest = &after[taken..];
    }
    decoded
}

/// The values a field has for a rule.
fn values(field: &str, text: &str) -> Vec<String> {
    match field {
        "data" if text.starts_with("<?xml") => {
            let plain = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            text.split('"').skip(1).step_by(2).map(plain).collect()
        }
        // Names are targets, too.
        "data" | "query" => text.split('&').flat_map(|pair| pair.splitn(2, '=')).map(str::to_string).collect(),
        "path" => vec![text.to_string(), text.rsplit('/').next().unwrap_or_default().to_string()],
        _ => vec![text.to_string()],
    }
}

/// The fields of one test's request.
fn fields(test: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for line in test.lines() {
        let Some((name, text)) = line.trim().split_once(": ") else { continue };
        let text = scalar(text);
        if name != "uri" {
            fields.push((name.to_string(), text));
            continue;
        }
        let (path, query) = text.split_once('?').unwrap_or((&text, ""));
        fields.push(("path".to_string(), path.to_string()));
        fields.push(("query".to_string(), query.to_string()));
    }
    fields
}

#[test]
fn the_libinjection_rules_of_the_core_rule_set_match_their_tests() {
    for rule in RULES {
        let path = corpus().join(rule.file);
        let Ok(file) = std::fs::read_to_string(&path) else {
            println!("skipped: no Core Rule Set corpus at {}", path.display());
            return;
        };
        let tests: Vec<_> = file.split("- test_id: ").skip(1).collect();
        assert!(!tests.is_empty());
        for test in tests {
            let fields = fields(test);
            let read = fields.iter().filter(|(name, _)| rule.fields.contains(&name.as_str()));
            let values = read.flat_map(|(name, text)| values(name, text));
            let found =
                values.map(|value| url_decode(&url_decode(value.as_bytes()))).any(|value| (rule.detect)(&value));
            assert_eq!(found, test.contains(" expect_ids:"), "{} test {test}", rule.file);
        }
    }
}
