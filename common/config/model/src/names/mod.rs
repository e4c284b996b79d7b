//! The named things of a configuration: hosts, paths, methods, backends, headers, rules, accounts,
//! modes.

mod access;
mod accounts;
mod acme;
mod affinity;
mod auth;
mod checks;
mod ciphers;
mod codings;
mod files;
mod hosts;
mod matches;
mod origins;
mod paths;
mod responses;
mod scripts;
mod sources;
mod templates;
mod tokens;
mod users;

use toml::Spanned;
use toml::de::DeValue;

use crate::problem::Problems;
use crate::value::text;

pub use access::AccessField;
pub use accounts::{ACCOUNT_BYTES_MAX, Account, Mode};
pub use acme::{AuthorityWord, Contact, DirectoryUrl};
pub use affinity::{CookieName, HashBy, Seed};
pub use auth::{CopiedField, SignInText};
pub use checks::{CHECK_TEXT_BYTES_MAX, CheckMethod, CheckText, ErrorStatus, StatusRange};
pub use ciphers::{CipherName, GroupName};
pub use codings::{Codings, TypePattern};
pub use files::{CACHE_DIRECTIVES_BYTES_MAX, CacheDirectives, FileGlob, FileName, GLOB_BYTES_MAX, TryFile};
pub use hosts::{HOST_BYTES_MAX, HostName, HostPattern, LABEL_BYTES_MAX};
pub use matches::{ExactPath, ListenerName, Network, PathGlob, PathRegex, ValueTest};
pub use origins::OriginPattern;
pub use paths::{
    Directory, FILE_NAME_BYTES_MAX, FILE_PATH_BYTES_MAX, FilePath, FilePattern, HealthPath, LogFile, PREFIX_BYTES_MAX,
    PathPrefix, StatusSocket,
};
pub use responses::{BodyText, MediaType, RedirectStatus};
pub use scripts::{Params, ScriptName, ScriptPath, ScriptPattern};
pub use sources::SourceAddress;
pub use templates::{
    EditedField, HeaderText, HeaderTexts, LocationText, ReplacementText, TEMPLATE_BYTES_MAX, TargetText,
};
pub(crate) use templates::{highest_group, named, names_header};
pub use tokens::{
    ArgumentName, FieldName, METHOD_BYTES_MAX, Method, NAME_BYTES_MAX, Name, ParameterName, QueryArgument, RuleRange,
    RuleTag, SocketName, UpgradeToken,
};
pub use users::{QuotedText, UserField, UserLine};

/// A problem of a text, and the one step that mends it.
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
