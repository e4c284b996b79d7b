//! The script of a FastCGI backend that a path stands for.
//!
//! Nothing here sees the file system. A server that is asked for `upload.jpg/x.php` may run
//! `upload.jpg` (PHP does so unless cgi.fix_pathinfo is off), so no directory of a script is ever
//! taken from a request: those are spelt out in the configuration, and only the last segment may
//! match a `*`.

use fosse_settings::FastCgi;

use crate::path::normalised;

/// A script, and the rest of the path that is for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Its path below the root, such as `/index.php`.
    pub name: Vec<u8>,
    /// The path that follows it, beginning with a slash; empty for none.
    pub path_info: Vec<u8>,
}

impl Script {
    fn named(name: &[u8]) -> Self {
        Self { name: name.to_vec(), path_info: Vec::new() }
    }
}

/// Returns the script for a target, by its path as the application will understand it: the one that
/// it names, the one that it begins with where PATH_INFO is wanted, else the front controller.
#[must_use]
pub fn script(fastcgi: &FastCgi, target: &[u8]) -> Option<Script> {
    let raw = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let path = normalised(raw);
    named(fastcgi, &path)
        .or_else(|| if fastcgi.path_info { with_path_info(fastcgi, &path) } else { None })
        .or_else(|| fastcgi.front_controller.as_ref().map(|name| Script::named(name.as_bytes())))
}

/// Returns the script that is the path, or the index of its directory.
fn named(fastcgi: &FastCgi, path: &[u8]) -> Option<Script> {
    if is_script(fastcgi, path) {
        return Some(Script::named(path));
    }
    let index = fastcgi.index.as_ref().filter(|_| path.ends_with(b"/"))?;
    let path = [path, index.as_bytes()].concat();
    is_script(fastcgi, &path).then(|| Script::named(&path))
}

/// Returns the first script that the path begins with, with what follows it.
fn with_path_info(fastcgi: &FastCgi, path: &[u8]) -> Option<Script> {
    let ends = (1..path.len()).filter(|at| path[*at] == b'/');
    let end = ends.into_iter().find(|end| is_script(fastcgi, &path[..*end]))?;
    let path_info = path[end..].to_vec();
    // It becomes the value of a parameter, and scripts print it.
    let is_plain = !path_info.iter().any(u8::is_ascii_control);
    is_plain.then(|| Script { name: path[..end].to_vec(), path_info })
}

fn is_script(fastcgi: &FastCgi, path: &[u8]) -> bool {
    let patterns = fastcgi.scripts.iter().chain(&fastcgi.front_controller);
    patterns.into_iter().any(|pattern| matches(pattern.as_bytes(), path))
}

/// Returns whether a pattern, with one star in its last segment or none, takes a path. A star takes
/// no slash, no control byte, and no dot at its beginning.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else { return pattern == path };
    let (start, end) = (&pattern[..star], &pattern[star + 1..]);
    let Some(middle) = path.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)) else { return false };
    !middle.is_empty()
        && !middle.starts_with(b".")
        && !middle.iter().any(|byte| matches!(byte, b'/' | b'\\') || byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wordpress() -> FastCgi {
        FastCgi {
            root: "/srv/www".into(),
            scripts: vec!["/wp-login.php".into(), "/wp-admin/*.php".into()],
            front_controller: Some("/index.php".into()),
            index: Some("index.php".into()),
            ..FastCgi::default()
        }
    }

    fn name(fastcgi: &FastCgi, target: &str) -> Option<String> {
        script(fastcgi, target.as_bytes()).map(|script| {
            assert_eq!(script.path_info, b"", "{target}");
            String::from_utf8(script.name).unwrap()
        })
    }

    #[test]
    fn a_path_is_its_script_the_index_of_its_directory_or_the_front_controllers() {
        let fastcgi = wordpress();
        for (target, expected) in [
            ("/", "/index.php"),
            ("/index.php?a=b", "/index.php"),
            ("/2026/a-page/", "/index.php"),
            ("/wp-login.php", "/wp-login.php"),
            ("//wp-login%2ephp", "/wp-login.php"),
            ("/wp-admin/", "/wp-admin/index.php"),
            ("/wp-admin/post.php?x=/y.php", "/wp-admin/post.php"),
            ("/x/../wp-admin/./post.php", "/wp-admin/post.php"),
            ("*", "/index.php"),
        ] {
            assert_eq!(name(&fastcgi, target).as_deref(), Some(expected), "{target}");
        }
        let none = FastCgi { front_controller: None, ..fastcgi };
        assert_eq!(name(&none, "/2026/a-page/"), None);
        assert_eq!(name(&none, "/wp-admin/index.php").as_deref(), Some("/wp-admin/index.php"));
    }

    #[test]
    fn no_directory_of_a_script_comes_out_of_a_request() {
        let fastcgi = FastCgi { front_controller: None, ..wordpress() };
        for target in [
            "/upload.jpg/x.php",
            "/wp-admin/upload.jpg/x.php",
            "/wp-admin/upload.jpg%2fx.php",
            "/wp-admin/upload.jpg%5cx.php",
            "/wp-admin/.php",
            "/wp-admin/.hidden.php",
            "/wp-admin/a%00.php",
            "/wp-admin/a%0a.php",
            "/wp-admin/../secret.php",
            "/wp-admin/%2e%2e/secret.php",
            "/wp-admin/%252e%252e/secret.php",
            "/wp-login.php/x",
            "/wp-login.php%00.jpg",
            "/WP-LOGIN.php",
        ] {
            assert_eq!(name(&fastcgi, target), None, "{target}");
        }
    }

    #[test]
    fn path_info_is_what_follows_a_script_and_only_where_it_is_wanted() {
        let fastcgi = FastCgi { path_info: true, ..wordpress() };
        for (target, expected) in [
            ("/index.php/a/b%20c?d", Some(("/index.php", "/a/b c"))),
            ("/wp-admin/post.php/", Some(("/wp-admin/post.php", "/"))),
            ("/wp-login.php", Some(("/wp-login.php", ""))),
            ("/upload.jpg/index.php/x", Some(("/index.php", ""))),
            ("/index.php/a%0ab", Some(("/index.php", ""))),
        ] {
            let script = script(&fastcgi, target.as_bytes());
            let parts =
                script.map(|script| [script.name, script.path_info].map(|part| String::from_utf8(part).unwrap()));
            assert_eq!(parts, expected.map(|(name, info)| [name.to_owned(), info.to_owned()]), "{target}");
        }
        assert_eq!(name(&wordpress(), "/index.php/a").as_deref(), Some("/index.php"));
    }
}
