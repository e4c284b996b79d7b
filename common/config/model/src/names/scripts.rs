//! Scripts of FastCGI servers and what these are told.

use toml::Spanned;
use toml::de::DeValue;

use super::paths::{PREFIX_BYTES_MAX, path};
use super::{Wrong, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};
use crate::value::wrong_kind;

/// Longest name of a parameter.
const PARAM_NAME_BYTES_MAX: usize = 64;
/// Longest value of a parameter: a handful of settings of PHP.
const PARAM_VALUE_BYTES_MAX: usize = 4096;

/// Parameters that are written from the request.
const WRITTEN: &[&str] = &[
    "GATEWAY_INTERFACE",
    "SERVER_PROTOCOL",
    "SERVER_NAME",
    "SERVER_PORT",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "REQUEST_URI",
    "QUERY_STRING",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REDIRECT_STATUS",
    "HTTPS",
    "DOCUMENT_ROOT",
    "DOCUMENT_URI",
    "SCRIPT_NAME",
    "SCRIPT_FILENAME",
    "PATH_INFO",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
];

/// The path of one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptPath(pub String);

impl FromValue for ScriptPath {
    const TAKES: &'static str = "the path of a script, such as \"/index.php\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| script(written).map(Self))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Paths of scripts, with a star in the last part or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptPattern(pub String);

impl FromValue for ScriptPattern {
    const TAKES: &'static str = "a list of paths of scripts; the last part of each may hold one star";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let Some((before, after)) = written.split_once('*') else { return script(written).map(Self) };
            if after.contains(['*', '/']) {
                let cure = "spell the directories out, with one star in the last part";
                return wrong(format!("{} has a star too many, or too early", quoted(written)), cure);
            }
            // With letters in the place of the star it has to be a path.
            script(&format!("{before}x{after}")).map(|_| Self(written.to_owned()))
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Checks the path of a script.
fn script(written: &str) -> Result<String, Wrong> {
    if written.ends_with('/') {
        return wrong(format!("{} is a directory", quoted(written)), "name the script in it");
    }
    path(written, PREFIX_BYTES_MAX)
}

/// The name of a script in whatever directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptName(pub String);

impl FromValue for ScriptName {
    const TAKES: &'static str = "the name of a script, such as \"index.php\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            if written.contains('/') {
                return wrong(format!("{} is a path", quoted(written)), "write the name alone");
            }
            script(&format!("/{written}")).map(|_| Self(written.to_owned()))
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// Parameters by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params(pub Vec<(String, String)>);

impl FromValue for Params {
    const TAKES: &'static str = "names and their texts, such as { PHP_VALUE = \"memory_limit=64M\" }";
    const UNIT: &'static str = "names";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            wrong_kind(key, Self::TAKES, value, problems);
            return None;
        };
        let mut params = Vec::new();
        let mut sound = true;
        for (name, value) in table {
            let param = name.get_ref().as_ref();
            if let Err((what, cure)) = param_name(param) {
                problems.note_with_cure(&name.span(), format!("{key}: {what}"), cure);
                sound = false;
            }
            match checked(param, "a text", value, problems, param_value) {
                Some(text) => params.push((param.to_owned(), text)),
                None => sound = false,
            }
        }
        sound.then_some(Self(params))
    }

    fn placeholder() -> Self {
        Self(Vec::new())
    }

    fn magnitude(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

fn param_name(name: &str) -> Result<(), Wrong> {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    let sound = name.len() <= PARAM_NAME_BYTES_MAX
        && name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit());
    if !sound {
        return wrong(format!("{} is not a parameter", quoted(name)), "use capital letters, digits and _");
    }
    if WRITTEN.contains(&name) {
        return wrong(format!("{name} is written from the request"), "remove it");
    }
    if name.starts_with("HTTP_") {
        return wrong(format!("{name} would be taken for a header of the client"), "choose another name");
    }
    Ok(())
}

fn param_value(value: &str) -> Result<String, Wrong> {
    if value.len() > PARAM_VALUE_BYTES_MAX || value.contains('\0') {
        return wrong(format!("{} is longer than {PARAM_VALUE_BYTES_MAX} bytes, or holds a NUL", quoted(value)), "");
    }
    Ok(value.to_owned())
}
