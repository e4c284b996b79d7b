//! Files of a backend that serves files: their names, where they are looked up, what is said of
//! them.

use toml::Spanned;
use toml::de::DeValue;

use super::paths::{FILE_NAME_BYTES_MAX, PREFIX_BYTES_MAX, path};
use super::{Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Longest glob of paths: more is none that a person writes.
pub const GLOB_BYTES_MAX: usize = 256;
/// Longest value of Cache-Control.
pub const CACHE_DIRECTIVES_BYTES_MAX: usize = 256;

/// The word of try_files for the path of the request.
const PATH_WORD: &str = "$path";

/// A file in a directory that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(pub String);

impl FromValue for FileName {
    const TAKES: &'static str = "a list of names of files such as \"index.html\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            if written.contains('/') {
                return wrong(format!("{} is a path", quoted(written)), "write the name alone");
            }
            // A name that begins with a dot is served to nobody.
            let sound = (1..=FILE_NAME_BYTES_MAX).contains(&written.len())
                && !written.starts_with('.')
                && !written.contains(char::is_control);
            if sound {
                Ok(Self(written.to_owned()))
            } else {
                wrong(format!("{} is not the name of a file", quoted(written)), "")
            }
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A place where the path of a request is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryFile {
    /// The path itself.
    Path,
    /// The path with this after it.
    PathAnd(String),
    /// A file, by its path with a leading slash.
    File(String),
}

impl FromValue for TryFile {
    const TAKES: &'static str = "a list of \"$path\", \"$path.html\" and paths of files such as \"/index.html\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match written.strip_prefix(PATH_WORD) {
            Some("") => Ok(Self::Path),
            // The path ends in one name, which it makes longer.
            Some(rest) if !rest.starts_with(['.', '-', '_']) => wrong(
                format!("{} is no name of a file", quoted(written)),
                "write an ending after $path, as in \"$path.html\"",
            ),
            Some(rest) => file(&format!("/{rest}")).map(|_| Self::PathAnd(rest.to_owned())),
            None if written.split('/').any(|name| name.starts_with('.')) => {
                wrong(format!("{} has a name that begins with a dot, which is served to nobody", quoted(written)), "")
            }
            None => file(written).map(Self::File),
        })
    }

    fn placeholder() -> Self {
        Self::Path
    }
}

/// Checks the path of one file.
fn file(written: &str) -> Result<String, Wrong> {
    match path(written, PREFIX_BYTES_MAX)? {
        path if path.ends_with('/') => {
            wrong(format!("{} is the path of a directory", quoted(&path)), "name a file in it")
        }
        path => Ok(path),
    }
}

/// A glob of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGlob(pub String);

impl FromValue for FileGlob {
    const TAKES: &'static str = "a list of paths such as \"/assets/*\" or \"*.css\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let sound = written.len() <= GLOB_BYTES_MAX && !written.chars().any(char::is_control);
            if sound && written.starts_with(['/', '*']) {
                return Ok(Self(written.to_owned()));
            }
            wrong(format!("{} is no path", quoted(written)), "begin with a slash or a star")
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// The value of Cache-Control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheDirectives(pub String);

impl FromValue for CacheDirectives {
    const TAKES: &'static str = "a list of directives in one text, such as \"public, max-age=3600\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            // RFC 9111, section 5.2: names, some with a value.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=, \"".contains(&byte);
            let sound = (1..=CACHE_DIRECTIVES_BYTES_MAX).contains(&written.len()) && written.bytes().all(plain);
            if sound && written.trim() == written {
                return Ok(Self(written.to_owned()));
            }
            wrong(format!("{} is no value of Cache-Control", quoted(written)), "")
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}
