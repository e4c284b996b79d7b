//! Templates of sites.

use toml::Spanned;
use toml::de::DeValue;

use super::site::Site;
use crate::problem::Problems;
use crate::section::{FromValue, article, quoted};

/// The templates of a configuration. Sites have taken what they want of them already: as a value
/// they are read so that a mistake is found also where no site takes it.
#[derive(Clone, Debug, Default)]
pub struct Templates;

impl FromValue for Templates {
    const TAKES: &'static str = "tables [template.NAME] with keys of a site";

    fn read(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let DeValue::Table(templates) = value.get_ref() else {
            let what = format!("{key} takes {}, this is {}", Self::TAKES, article(value.get_ref()));
            problems.note_with_cure(&value.span(), what, "write [template.NAME]");
            return None;
        };
        for (name, template) in templates {
            match template.get_ref() {
                DeValue::Table(keys) => {
                    if let Some((_, other)) = keys.get_key_value("template") {
                        problems.note_with_cure(&other.span(), "a template takes no other one", "write its keys here");
                    }
                    drop(Site::read_table(template.span(), keys, problems));
                }
                other => {
                    let what = format!("template {} is {}", quoted(name.get_ref()), article(other));
                    let cure = format!("write it as a table [template.{}]", name.get_ref());
                    problems.note_with_cure(&template.span(), what, cure);
                }
            }
        }
        Some(Self)
    }

    fn placeholder() -> Self {
        Self
    }

    fn absent() -> Option<Self> {
        Some(Self)
    }
}
