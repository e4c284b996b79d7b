//! The fields of the access log.

use fosse_nearest::nearest;
use fosse_settings as blobs;
use toml::Spanned;
use toml::de::DeValue;

use super::{checked, wrong};
use crate::problem::Problems;
use crate::section::{FromValue, quoted};

/// A field of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessField(pub(crate) blobs::AccessField);

impl FromValue for AccessField {
    const TAKES: &'static str = "a list of fields such as \"time\"";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        checked(key, Self::TAKES, value, problems, |written| {
            let all = || blobs::AccessField::ALL.iter().map(|field| field.word());
            if let Some(at) = all().position(|word| word == written) {
                return Ok(Self(blobs::AccessField::ALL[at]));
            }
            let cure = match nearest(written, all()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("known are {}", all().collect::<Vec<_>>().join(", ")),
            };
            wrong(format!("the access log has no field {}", quoted(written)), &cure)
        })
    }

    fn placeholder() -> Self {
        Self(blobs::AccessField::Time)
    }
}
