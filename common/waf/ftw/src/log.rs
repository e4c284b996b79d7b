//! A server's log of a request, in any of its forms.

use fosse_bodies::{Item, json};

/// Returns the rules named in a log: `[id "942100"]`, or `"id":942100` in JSON.
pub fn rule_ids(log: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for key in ["[id \"", "\"id\":"] {
        for rest in log.split(key).skip(1) {
            let rest = rest.trim_start_matches([' ', '"']);
            let digits = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            found.extend(rest[..digits].parse::<u32>());
        }
    }
    found
}

/// Translates a log to the form of ModSecurity's error log, for which the patterns in tests are
/// written. A line of JSON with `messages` becomes a line for each of them; other lines are
/// unchanged.
pub fn native(log: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in log.lines() {
        if !line.starts_with('{') || messages(line, &mut out).is_none() {
            out.extend_from_slice(line.as_bytes());
        }
        out.push(b'\n');
    }
    out
}

/// Appends each message of a line; `None` if the line is no JSON with messages.
fn messages(line: &str, out: &mut Vec<u8>) -> Option<()> {
    let options = json::JsonOptions { naming: json::Naming::Version3, ..json::JsonOptions::default() };
    let (mut last, mut any) = (Vec::new(), false);
    let report = json::parse(line.as_bytes(), &options, &mut |item| {
        let Item::Argument { name, value } = item else { return };
        let Some(rest) = name.strip_prefix(b"json.messages.array_") else { return };
        let mut parts = rest.splitn(2, |byte| *byte == b'.');
        let (number, key) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if last != number {
            last = number.to_vec();
            out.push(b'\n');
        }
        any = true;
        let key: &[u8] = match key {
            b"message" => b"msg",
            other => other,
        };
        out.push(b'[');
        out.extend_from_slice(key);
        out.extend_from_slice(b" \"");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\"] ");
    });
    (report.error.is_none() && any).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_in_both_forms() {
        assert_eq!(rule_ids("x [id \"942100\"] {\"id\":920100,\"id\": \"7\"} [id \"x\"]"), [942_100, 920_100, 7]);
    }

    #[test]
    fn json_reads_like_the_native_log() {
        let log = "{\"request\":\"1\",\"messages\":[{\"id\":7,\"message\":\"a \\\"b\\\"\",\"data\":\"c\"},{\"id\":8}]}\nplain\n{\"id\":9}\n";
        let expected = "\n[id \"7\"] [msg \"a \"b\"\"] [data \"c\"] \n[id \"8\"] \nplain\n{\"id\":9}\n";
        assert_eq!(String::from_utf8(native(log)).unwrap(), expected);
    }
}
