//! From a request's target to a path below the directory. A target that another program could read
//! as another path is not served.

use fosse_http1::percent;

/// File that a directory's path means where nothing else is said.
pub(crate) const INDEX: &str = "index.html";

/// The one name with a leading dot that is meant to be public (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

/// Endings of sources that some other server runs. As files they would show what is in them,
/// passwords first, and so would what an editor leaves beside one: `config.php~`, `config.php.bak`.
const SOURCES: [&[u8]; 3] = [b".php", b".phtml", b".phar"];

/// A path below the directory, without a leading slash, and without `.` and `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedPath {
    /// The path, percent-decoded. That of a directory ends in a slash, but for the directory itself
    /// that is served, whose path is empty.
    pub path: Vec<u8>,
}

/// The reason a target names nothing that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotServed {
    /// It is malformed: a percent sign without two hexadecimal digits, or an encoded NUL. 400.
    Malformed,
    /// It is well-formed and names nothing that is served: dotfiles, sources, `..`, encoded
    /// slashes, empty segments. 404.
    Missing,
}

impl ServedPath {
    /// Reads the path of a target; its query is left out.
    ///
    /// # Errors
    /// [`NotServed`].
    pub fn of_target(target: &[u8]) -> Result<Self, NotServed> {
        let path = target.split(|byte| *byte == b'?').next().unwrap_or(target);
        let path = decode(path.strip_prefix(b"/").ok_or(NotServed::Missing)?)?;
        let names = path.strip_suffix(b"/").unwrap_or(&path);
        if names.is_empty() {
            return if path.is_empty() { Ok(Self { path }) } else { Err(NotServed::Missing) };
        }
        let mut segments = names.split(|byte| *byte == b'/').enumerate();
        let served = segments.all(|(at, segment)| is_served(segment) || (at == 0 && segment == WELL_KNOWN));
        if served { Ok(Self { path }) } else { Err(NotServed::Missing) }
    }

    /// Returns whether it is that of a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.path.is_empty() || self.path.ends_with(b"/")
    }

    /// Returns the target of the same path as a directory: `/path/`, encoded, never with two
    /// slashes at the beginning.
    #[must_use]
    pub fn as_directory(&self) -> Vec<u8> {
        let mut out = vec![b'/'];
        for byte in &self.path {
            if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
                out.push(*byte);
            } else {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
        }
        out.push(b'/');
        out
    }
}

fn is_served(segment: &[u8]) -> bool {
    !segment.is_empty() && !segment.starts_with(b".") && !is_source(segment)
}

/// Returns whether a name has the ending of a source, at its end or before another one.
fn is_source(segment: &[u8]) -> bool {
    let has = |ending: &[u8]| segment.windows(ending.len()).any(|part| part.eq_ignore_ascii_case(ending));
    segment.contains(&b'.') && SOURCES.iter().any(|ending| has(ending))
}

/// Percent-decodes once.
fn decode(path: &[u8]) -> Result<Vec<u8>, NotServed> {
    let decoded = percent::decode(path);
    if percent::has_broken_escape(path) || decoded.contains(&0) {
        return Err(NotServed::Malformed);
    }
    let slashes = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
    // One that was encoded was meant as part of a name, and no file's name has one.
    if slashes(&decoded) == slashes(path) { Ok(decoded.into_owned()) } else { Err(NotServed::Missing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(target: &str) -> Result<String, NotServed> {
        ServedPath::of_target(target.as_bytes()).map(|place| String::from_utf8(place.path).unwrap())
    }

    #[test]
    fn a_path_is_decoded_and_that_of_a_directory_ends_in_a_slash() {
        assert_eq!(path("/").unwrap(), "");
        assert_eq!(path("/?a=/../b").unwrap(), "");
        assert_eq!(path("/a/b/").unwrap(), "a/b/");
        assert_eq!(path("/a/b").unwrap(), "a/b");
        assert_eq!(path("/a%20b/%41").unwrap(), "a b/A");
        assert_eq!(path("/.well-known/security.txt").unwrap(), ".well-known/security.txt");
    }

    #[test]
    fn nothing_leads_up_or_to_a_dotfile() {
        for target in [
            "/..",
            "/../etc/passwd",
            "/a/../../b",
            "/%2e%2e/a",
            "/.%2e/a",
            "/a/..",
            "/a/./b",
            "/.",
            "/.git/config",
            "/a/.htaccess",
            "/%2egit",
            "/a%2f..%2fb",
            "/..%2f..%2fetc",
            "//",
            "/a//",
            "//etc/passwd",
            "/a//b",
            "/a/.well-known/b",
            "/.well-known/.git",
            "/.well-known2",
            "*",
        ] {
            assert_eq!(path(target), Err(NotServed::Missing), "{target}");
        }
    }

    #[test]
    fn no_source_of_a_script_is_a_file() {
        for target in [
            "/config.php",
            "/a/CONFIG.PHP",
            "/config.php.bak",
            "/config%2ephp~",
            "/page.phtml",
            "/x.phar",
            "/config.php5",
            "/a.php/b",
        ] {
            assert_eq!(path(target), Err(NotServed::Missing), "{target}");
        }
        assert!(path("/php/a-php.html").is_ok() && path("/photo.jpg").is_ok());
    }

    #[test]
    fn refuses_what_does_not_decode() {
        for target in ["/%", "/%2", "/%zz", "/a%00b", "/%u0041", "/%+1", "/%-1"] {
            assert_eq!(path(target), Err(NotServed::Malformed), "{target}");
        }
    }

    #[test]
    fn decodes_once_only() {
        assert_eq!(path("/%252e%252e/a").unwrap(), "%2e%2e/a");
    }

    #[test]
    fn a_redirect_never_leaves_the_host() {
        let location =
            |target: &str| String::from_utf8(ServedPath::of_target(target.as_bytes()).unwrap().as_directory());
        assert_eq!(location("/a b/ü").unwrap(), "/a%20b/%C3%BC/");
        assert_eq!(location("/%5Cevil.example").unwrap(), "/%5Cevil.example/");
        assert_eq!(location("/%0d%0aSet-Cookie:x").unwrap(), "/%0D%0ASet-Cookie%3Ax/");
        assert_eq!(location("/%3f").unwrap(), "/%3F/");
    }
}
