//! What checks of who asks write: header fields, and the place to sign in.

use fosse_settings::Template;
use toml::Spanned;
use toml::de::DeValue;

use super::templates::template;
use super::{EditedField, FieldName, checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// Fields of a request that fosse writes from what it knows itself.
const WRITTEN_FIELDS: [&str; 11] = [
    "host",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-real-ip",
    "x-request-id",
    "via",
    "accept-encoding",
];

/// The name of a header field that goes on from the response of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedField(pub String);

impl FromValue for CopiedField {
    const TAKES: &'static str = FieldName::TAKES;

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let name = EditedField::read(key, value, problems)?.0;
        if WRITTEN_FIELDS.contains(&name.to_ascii_lowercase().as_str()) {
            let what = format!("{key}: {} is written by fosse alone", quoted(&name));
            problems.note_with_cure(&value.span(), what, "remove it");
            return None;
        }
        Some(Self(name))
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}

/// The location of a page to sign in, whose variables are encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInText(pub Template);

impl FromValue for SignInText {
    const TAKES: &'static str = "an address, which may hold variables such as \"/oauth2/sign_in?rd={target}\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let begins = ["/", "http://", "https://"];
            let is_graphic = written.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_graphic || !begins.iter().any(|begin| written.starts_with(begin)) || written.starts_with("//") {
                return wrong(
                    format!("{} is no place to go to", quoted(written)),
                    "begin it with \"https://\", \"http://\" or a slash",
                );
            }
            template(written, false).map(Self)
        })
    }

    fn placeholder() -> Self {
        Self(Template::default())
    }
}
