//! Paths: of requests, of files, of sockets.

use toml::Spanned;
use toml::de::DeValue;

use super::{Wrong, checked, wrong};
use crate::address::unix_path;
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Longest path of a file (PATH_MAX without the closing NUL).
pub const FILE_PATH_BYTES_MAX: usize = 4095;
/// Longest name of a file (NAME_MAX).
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// Longest prefix of a route: longer ones than any sensible path's first parts only slow the
/// lookup.
pub const PREFIX_BYTES_MAX: usize = 1024;

/// The beginning of a path: it covers the path itself and everything below the next slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(pub String);

impl PathPrefix {
    /// Returns it without the slash at its end: "/api/" covers what "/api" covers. Only "/" keeps
    /// it.
    pub(crate) fn bare(&self) -> &str {
        match self.0.strip_suffix('/') {
            Some("") | None => &self.0,
            Some(bare) => bare,
        }
    }
}

impl FromValue for PathPrefix {
    const TAKES: &'static str = "the beginning of a path, such as \"/\" or \"/api\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| path(written, PREFIX_BYTES_MAX).map(Self))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Checks a plain path: without query, and without anything that a request could write in two ways.
pub(super) fn path(written: &str, bytes_max: usize) -> Result<String, Wrong> {
    let shown = quoted(written);
    let Some(relative) = written.strip_prefix('/') else {
        return wrong(
            format!("{shown} does not begin with a slash"),
            &format!("write \"/{}\"", written.escape_debug()),
        );
    };
    if written.len() > bytes_max {
        return wrong(format!("{shown} is longer than {bytes_max} bytes"), "");
    }
    if written.contains(['?', '#', '*']) {
        return wrong(format!("{shown} is more than a path"), "leave out query, fragment and stars");
    }
    // Paths are compared decoded (fosse-routing): an encoded prefix would never match.
    if written.contains('%') {
        return wrong(format!("{shown} holds an encoded character"), "write the prefix in plain characters");
    }
    // A quote or a backslash would end the quoted pattern that exclusions make of a path.
    if !written.bytes().all(|byte| byte.is_ascii_graphic()) || written.contains(['"', '\\']) {
        return wrong(format!("{shown} holds a character that no path has"), "");
    }
    let inner = relative.strip_suffix('/').unwrap_or(relative);
    if (!inner.is_empty() && inner.split('/').any(|part| matches!(part, "" | "." | ".."))) || relative == "/" {
        return wrong(format!("{shown} holds an empty, \".\" or \"..\" part"), "write the plain path");
    }
    Ok(written.to_owned())
}

/// The target of a health check: a path, with a query if wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthPath(pub String);

impl FromValue for HealthPath {
    const TAKES: &'static str = "a path such as \"/health\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            if !written.starts_with('/') {
                return wrong(
                    format!("{} does not begin with a slash", quoted(written)),
                    "write the path alone, as in \"/health\"",
                );
            }
            let sound = written.len() <= PREFIX_BYTES_MAX
                && written.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
            if sound {
                Ok(Self(written.to_owned()))
            } else {
                wrong(format!("{} cannot be written in a request", quoted(written)), "")
            }
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A file of rules or addresses: absolute, or relative to the directory of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath(pub String);

impl FromValue for FilePath {
    const TAKES: &'static str = "the path of a file, relative to the directory of the configuration";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let path = file_path(written)?;
            if path.contains(['*', '?', '[']) {
                return wrong(format!("{} is a pattern", quoted(written)), "name one file");
            }
            Ok(Self(path))
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A directory of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(pub String);

impl FromValue for Directory {
    const TAKES: &'static str = "the absolute path of a directory";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            if !written.starts_with('/') {
                return wrong(format!("{} does not begin with a slash", quoted(written)), "write the whole path");
            }
            file_path(written.strip_suffix('/').unwrap_or(written)).map(Self)
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Files of rules: a path whose last part may hold `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePattern(pub String);

impl FromValue for FilePattern {
    const TAKES: &'static str = "a list of paths; the last part of each may hold * and ?";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let path = file_path(written)?;
            if path.rsplit_once('/').is_some_and(|(directory, _)| directory.contains(['*', '?'])) {
                return wrong(
                    format!("{} has a star before the last part", quoted(written)),
                    "write one line per directory",
                );
            }
            Ok(Self(path))
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A log: a file directly in the log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile(pub String);

impl FromValue for LogFile {
    const TAKES: &'static str = "the name of a file in the log directory";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            if written.contains('/') {
                return wrong(
                    format!("{} is a path", quoted(written)),
                    "write the name alone; the directory is fosse-start's --log-dir",
                );
            }
            // No hidden file, and neither `.` nor `..`: fosse-start opens it below its directory.
            let sound = written.len() <= FILE_NAME_BYTES_MAX
                && !written.starts_with('.')
                && !written.contains(char::is_control);
            if sound && !written.is_empty() {
                Ok(Self(written.to_owned()))
            } else {
                wrong(format!("{} is not the name of a log", quoted(written)), "")
            }
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// The socket of fosse-status, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSocket(pub Option<String>);

impl FromValue for StatusSocket {
    const TAKES: &'static str = "the absolute path of a unix socket, or \"off\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match written {
            "off" => Ok(Self(None)),
            path => unix_path(path.strip_prefix("unix:").unwrap_or(path)).map(|path| Self(Some(path))),
        })
    }

    fn placeholder() -> Self {
        Self(None)
    }
}

fn file_path(written: &str) -> Result<String, Wrong> {
    let shown = quoted(written);
    if written.is_empty() || written.len() > FILE_PATH_BYTES_MAX || written.chars().any(char::is_control) {
        return wrong(format!("{shown} is not the path of a file"), "");
    }
    let relative = written.strip_prefix('/').unwrap_or(written);
    if relative.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return wrong(format!("{shown} holds an empty, \".\" or \"..\" part"), "write the plain path");
    }
    Ok(written.to_owned())
}
