//! fosse-paths: names of rule files, resolved without touching a file system, and matched by globs.
//! Whoever gathers files and whoever looks them up must agree on a name.

#![forbid(unsafe_code)]

/// Returns the name without `.` and empty parts, and with `..` resolved as far as there is a part
/// to drop.
#[must_use]
pub fn normalise(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let rooted = if name.starts_with('/') { "/" } else { "" };
    format!("{rooted}{}", parts.join("/"))
}

/// Returns whether `name` matches as in a shell (glob(7)): `*` and `?` within a path part, `[a-z]`
/// and `[!a-z]` for one byte.
#[must_use]
pub fn glob_matches(pattern: &[u8], name: &[u8]) -> bool {
    // Where to go back to: pattern after the last `*`, and the name byte that `*` is to swallow
    // next.
    let (mut pattern_rest, mut name_rest) = (pattern, name);
    let mut back: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern_rest.split_first(), name_rest.split_first()) {
            (Some((b'*', rest)), _) => {
                back = Some((rest, name_rest));
                pattern_rest = rest;
                continue;
            }
            (None, None) => return true,
            (Some((b'?', rest)), Some((byte, tail))) if *byte != b'/' => {
                (pattern_rest, name_rest) = (rest, tail);
                continue;
            }
            (Some((b'[', rest)), Some((byte, tail))) => {
                if let Some((true, after)) = class_matches(rest, *byte) {
                    (pattern_rest, name_rest) = (after, tail);
                    continue;
                }
            }
            (Some((want, rest)), Some((byte, tail))) if want == byte => {
                (pattern_rest, name_rest) = (rest, tail);
                continue;
            }
            _ => {}
        }
        match back {
            Some((after_star, swallow)) => match swallow.split_first() {
                Some((byte, tail)) if *byte != b'/' => {
                    back = Some((after_star, tail));
                    (pattern_rest, name_rest) = (after_star, tail);
                }
                _ => return false,
            },
            None => return false,
        }
    }
}

/// Returns whether `byte` is of the class that begins after `[`, and what follows the class.
fn class_matches(class: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match class.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        let (low, after) = rest.split_first()?;
        if *low == b']' {
            return Some((found != negated, after));
        }
        rest = match after {
            [b'-', high, tail @ ..] if *high != b']' => {
                found |= (*low..=*high).contains(&byte);
                tail
            }
            _ => {
                found |= *low == byte;
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_empty_and_no_resolvable_parts() {
        for (name, expected) in
            [("x/./y//z", "x/y/z"), ("a/../b", "b"), ("../a/..", ".."), ("/../a", "/../a"), ("", "")]
        {
            assert_eq!(normalise(name), expected, "{name}");
        }
    }

    #[test]
    fn globs_like_a_shell() {
        for (pattern, name, expected) in [
            ("rules/*.conf", "rules/a.conf", true),
            ("rules/*.conf", "rules/deep/a.conf", false),
            ("rules/*.conf", "rules/a.conf.example", false),
            ("r?les/[a-c]*.conf", "rules/beta.conf", true),
            ("rules/[!a-c]*.conf", "rules/beta.conf", false),
            ("*a*b*c", "xaxxbxxc", true),
            ("*a*b*c", "xaxxbxx", false),
            ("[", "[", false),
            ("REQUEST-9?[0-2]*.conf", "REQUEST-911-X.conf", true),
            ("REQUEST-9?[!0-2]*.conf", "REQUEST-911-X.conf", false),
            ("*a*b", "aab", true),
            ("*a*b", "aaba", false),
            ("", "", true),
        ] {
            assert_eq!(glob_matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
