//! The named things of a configuration: hosts, path prefixes, methods, backends, files, accounts, modes.

use toml::Spanned;
use toml::de::DeValue;

use crate::address::unix_path;
use crate::problem::Problems;
use crate::section::{FromValue, quoted};
use crate::value::{article, text};

/// Longest host name (RFC 1035 section 2.3.4, without the root's length byte).
pub const HOST_BYTES_MAX: usize = 253;
/// Longest label of a host name (RFC 1035 section 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;
/// Longest path of a file (PATH_MAX without the closing NUL).
pub const FILE_PATH_BYTES_MAX: usize = 4095;
/// Longest user or group name (LOGIN_NAME_MAX without the closing NUL).
pub const ACCOUNT_BYTES_MAX: usize = 255;
/// Longest method: parse takes no longer ones.
pub const METHOD_BYTES_MAX: usize = 32;
/// Longest name of a backend: it stands in counters and log lines.
pub const NAME_BYTES_MAX: usize = 32;
/// Longest prefix of a route: longer ones than any sensible path's first parts only slow the lookup.
pub const PREFIX_BYTES_MAX: usize = 1024;

/// What is wrong with a text, and the one step that mends it.
type Wrong = (String, String);

fn checked<T>(
    key: &str,
    takes: &str,
    value: &Spanned<DeValue<'_>>,
    problems: &mut Problems,
    check: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Option<T> {
    let written = text(key, takes, value, problems)?;
    check(written).map_err(|(what, cure)| problems.note_with_cure(&value.span(), format!("{key}: {what}"), cure)).ok()
}

fn wrong<T>(what: String, cure: &str) -> Result<T, Wrong> {
    Err((what, cure.to_owned()))
}

/// A host as a request names it: lower case, no closing dot, no port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// This name or address alone.
    Exact(String),
    /// Every name that has one or more labels before this one.
    Below(String),
}

impl HostPattern {
    /// As written in the file.
    pub fn written(&self) -> String {
        match self {
            Self::Exact(name) => name.clone(),
            Self::Below(name) => format!("*.{name}"),
        }
    }
}

impl FromValue for HostPattern {
    const TAKES: &'static str = "a list of host names such as \"example.org\" or \"*.example.org\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, host_pattern)
    }

    fn placeholder() -> Self {
        Self::Exact(String::new())
    }
}

fn host_pattern(written: &str) -> Result<HostPattern, Wrong> {
    let shown = quoted(written);
    if written == "*" {
        return wrong(format!("{shown} is not a host name"), "write default = true for the site of all other hosts");
    }
    if let Some(address) = host_address(written) {
        return Ok(HostPattern::Exact(address));
    }
    if written.contains("//") || written.contains('/') {
        return wrong(format!("{shown} is not a host name"), "write the name alone, without scheme and path");
    }
    if !written.is_ascii() {
        return wrong(format!("{shown} is not in ASCII"), "write the form that begins with xn--");
    }
    if written.contains(':') {
        return wrong(format!("{shown} is not a host name"), "write it without the port");
    }
    let lower = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
    let (name, below) = lower.strip_prefix("*.").map_or((lower.as_str(), false), |name| (name, true));
    if name.contains('*') {
        return wrong(format!("{shown}: a star stands only for the whole first part"), "write *.NAME");
    }
    if name.len() > HOST_BYTES_MAX || !name.split('.').all(is_label) {
        return wrong(format!("{shown} is not a host name"), "");
    }
    if name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return wrong(format!("{shown} is neither a host name nor an address"), "");
    }
    Ok(if below { HostPattern::Below(name.to_owned()) } else { HostPattern::Exact(name.to_owned()) })
}

/// An address as host: IPv4 plain, IPv6 in brackets, in the one canonical form.
fn host_address(written: &str) -> Option<String> {
    if let Ok(v4) = written.parse::<std::net::Ipv4Addr>() {
        return Some(v4.to_string());
    }
    let inner = written.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<std::net::Ipv6Addr>().ok().map(|v6| format!("[{v6}]"))
}

/// Letters, digits, hyphens and underscores (which occur in practice), no hyphen at the ends.
fn is_label(label: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(sound)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// The beginning of a path: it covers the path itself and everything below the next slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(pub String);

impl FromValue for PathPrefix {
    const TAKES: &'static str = "the beginning of a path, such as \"/\" or \"/api\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| path(written, PREFIX_BYTES_MAX).map(Self))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A path as it stands after decoding and normalising, without query.
fn path(written: &str, bytes_max: usize) -> Result<String, Wrong> {
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
    if written.contains('%') {
        return wrong(format!("{shown} holds an encoded character"), "write the prefix in plain characters");
    }
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
                wrong(format!("{} cannot stand in a request", quoted(written)), "")
            }
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A request method that a site allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(pub String);

impl FromValue for Method {
    const TAKES: &'static str = "a list of methods such as \"GET\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match written {
            "TRACE" => wrong("TRACE gives request headers back to scripts and is never served".into(), "remove it"),
            "CONNECT" => wrong("CONNECT would make the edge an open proxy and is never served".into(), "remove it"),
            lower if lower.bytes().any(|byte| byte.is_ascii_lowercase()) => wrong(
                format!("{} is in lower case, and methods are compared exactly", quoted(lower)),
                "write capital letters",
            ),
            name if is_method(name) => Ok(Self(name.to_owned())),
            other => wrong(format!("{} is not a method", quoted(other)), ""),
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

fn is_method(name: &str) -> bool {
    (1..=METHOD_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

/// The name of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub String);

impl FromValue for Name {
    const TAKES: &'static str = "a name of small letters, digits, - and _";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
            if (1..=NAME_BYTES_MAX).contains(&written.len()) && written.bytes().all(sound) {
                return Ok(Self(written.to_owned()));
            }
            let cure = format!("use up to {NAME_BYTES_MAX} small letters, digits, - and _");
            wrong(format!("{} is not a name", quoted(written)), &cure)
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// A token of an Upgrade header that a backend may answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeToken(pub String);

impl FromValue for UpgradeToken {
    const TAKES: &'static str = "a list of protocols such as \"websocket\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let lower = written.to_ascii_lowercase();
            if matches!(lower.as_str(), "h2c" | "h2" | "http" | "tls")
                || lower.starts_with("http/")
                || lower.starts_with("tls/")
            {
                return wrong(
                    format!("{} would carry requests past every check and is never served", quoted(written)),
                    "remove it",
                );
            }
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
            if (1..=NAME_BYTES_MAX).contains(&lower.len()) && lower.bytes().all(sound) {
                return Ok(Self(lower));
            }
            wrong(format!("{} is not a protocol", quoted(written)), "")
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

/// Longest name of a file (NAME_MAX).
pub const FILE_NAME_BYTES_MAX: usize = 255;

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

/// Declares a type that holds a text of certain bytes.
macro_rules! token {
    ($(#[doc = $about:literal])+ $name:ident, $takes:literal, $what:literal, $bytes_max:literal, $sound:expr) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub String);

        impl FromValue for $name {
            const TAKES: &'static str = $takes;

            fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
                checked(key, Self::TAKES, value, problems, |written| {
                    let sound: fn(u8) -> bool = $sound;
                    if (1..=$bytes_max).contains(&written.len()) && written.bytes().all(sound) {
                        return Ok(Self(written.to_owned()));
                    }
                    wrong(format!("{} is not {}", quoted(written), $what), "")
                })
            }

            fn placeholder() -> Self {
                Self(String::new())
            }
        }
    };
}

token! {
    /// The name a supervisor gives a socket (sd_listen_fds_with_names(3)).
    SocketName, "the name of a socket", "the name of a socket", 255, |byte| byte.is_ascii_graphic() && byte != b':'
}
token! {
    /// The name of a header (RFC 9110 section 5.6.2).
    FieldName, "a list of header names", "the name of a header", 64, |byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
token! {
    /// A tag of rules. Only bytes that mean themselves in SecLang and in its patterns, but the dot.
    RuleTag, "the tag of rules", "a tag", 100, |byte| byte.is_ascii_alphanumeric() || b"-_/.".contains(&byte)
}
token! {
    /// The name of an argument. Only bytes that mean themselves in SecLang.
    ArgumentName, "the name of an argument", "a name that can stand in an exclusion", 100, |byte| byte.is_ascii_alphanumeric() || b"-_.[]".contains(&byte)
}

/// The host named in a health check: a name or an address, without port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(pub String);

impl FromValue for HostName {
    const TAKES: &'static str = "a host name";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| match host_pattern(written)? {
            HostPattern::Exact(name) => Ok(Self(name)),
            HostPattern::Below(_) => wrong(format!("{} is not one host", quoted(written)), "name one"),
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Numbers of rules, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleRange {
    /// First number.
    pub first: u32,
    /// Last number.
    pub last: u32,
}

impl FromValue for RuleRange {
    const TAKES: &'static str = "a list of rule numbers such as 942100 or \"942100-942190\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if let DeValue::Integer(_) = value.get_ref() {
            return u32::read(key, value, problems).map(|number| Self { first: number, last: number });
        }
        checked(key, Self::TAKES, value, problems, |written| {
            let (first, last) = written.split_once('-').unwrap_or((written, written));
            let number =
                |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
                _ => wrong(format!("{} is not the number of a rule or a range of numbers", quoted(written)), ""),
            }
        })
    }

    fn placeholder() -> Self {
        Self { first: 0, last: 0 }
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

/// A user or group: by number, or by a name that is looked up before anything is locked down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A UID or GID.
    Id(u32),
    /// A name.
    Name(String),
}

impl FromValue for Account {
    const TAKES: &'static str = "a name or a number";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        if let DeValue::Integer(_) = value.get_ref() {
            return u32::read(key, value, problems).and_then(|id| {
                if id == u32::MAX {
                    problems.note(&value.span(), format!("{key}: {id} stands for no account"));
                }
                (id != u32::MAX).then_some(Self::Id(id))
            });
        }
        checked(key, Self::TAKES, value, problems, |written| {
            if !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit()) {
                return wrong(format!("{} is a number in quotes", quoted(written)), "remove the quotes");
            }
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-$@".contains(&byte);
            let first = written.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            if first && written.len() <= ACCOUNT_BYTES_MAX && written.bytes().all(sound) {
                return Ok(Self::Name(written.to_owned()));
            }
            wrong(format!("{} is not the name of an account", quoted(written)), "")
        })
    }

    fn placeholder() -> Self {
        Self::Id(u32::MAX)
    }
}

/// Permission bits of a unix socket, written in octal as a text: "0660".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl FromValue for Mode {
    const TAKES: &'static str = "an octal mode in quotes, such as \"0660\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let written = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            other => {
                let what = format!("{key} takes {}, this is {}", Self::TAKES, article(other));
                problems.note_with_cure(&value.span(), what, "write \"0660\"");
                return None;
            }
        };
        let octal = (3..=4).contains(&written.len()) && written.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let mode = if octal { u32::from_str_radix(written, 8).ok().filter(|mode| *mode <= 0o777) } else { None };
        if mode.is_none() {
            problems.note(&value.span(), format!("{key} takes {}, not {}", Self::TAKES, quoted(written)));
        }
        mode.map(Self)
    }

    fn placeholder() -> Self {
        Self(0)
    }
}
