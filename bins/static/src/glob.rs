//! Globs of paths: `*` is any characters, slashes among them.

/// Returns whether a glob has a path. It takes as many steps as their lengths multiplied at the
/// most, and the glob is one of the configuration.
#[must_use]
pub fn has(glob: &[u8], path: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // After the last star: where the glob goes on, and the next place in the path for that.
    let mut retry: Option<(usize, usize)> = None;
    while from < path.len() {
        match (glob.get(at), retry) {
            (Some(b'*'), _) => {
                at += 1;
                retry = Some((at, from));
            }
            (Some(byte), _) if *byte == path[from] => (at, from) = (at + 1, from + 1),
            (_, Some((after, place))) => {
                (at, from) = (after, place + 1);
                retry = Some((after, place + 1));
            }
            (_, None) => return false,
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    fn a_star_is_any_characters_and_everything_else_is_itself() {
        let yes = [
            ("*", "/"),
            ("/*", "/a/b.css"),
            ("*.css", "/a/b.css"),
            ("/assets/*", "/assets/"),
            ("/a*b*c", "/axbxbxc"),
            ("/a", "/a"),
            ("**.js", "/.js"),
            ("*aab", "/aaab"),
        ];
        let no = [
            ("/", "/a"),
            ("*.css", "/a.css.map"),
            ("/assets/*", "/asset"),
            ("/a*b*c", "/acb"),
            ("/a?", "/ab"),
            ("", "/"),
        ];
        for (cases, expected) in [(&yes[..], true), (&no[..], false)] {
            for (glob, path) in cases {
                assert_eq!(has(glob.as_bytes(), path.as_bytes()), expected, "{glob} {path}");
            }
        }
    }
}
