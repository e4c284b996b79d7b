//! The tables of included files among those of the main one.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::{Backend, Certificate, Listen, Site, Templates};
use crate::problem::Problems;
use crate::section::{At, FromValue};

/// The tables that an included file may have. What is said once for the edge stays in one place.
const LISTS: [&str; 4] = ["listen", "certificate", "site", "backend"];
const TEMPLATE: &str = "template";

/// Adds the tables of included files to those of the main one, in their order.
pub(super) fn merge<'i>(main: &mut DeTable<'i>, included: impl Iterator<Item = DeTable<'i>>, problems: &mut Problems) {
    for (key, value) in included.flatten() {
        let name = key.get_ref().clone();
        if LISTS.contains(&name.as_ref()) {
            append(main, key, value, problems);
        } else if name == TEMPLATE {
            add_templates(main, key, value, problems);
        } else {
            let what = format!("{} in an included file", crate::section::quoted(&name));
            let cure = "such a file has [[listen]], [[certificate]], [[site]], [[backend]] and [template.NAME] alone";
            problems.note_with_cure(&key.span(), what, cure);
        }
    }
}

type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;

fn append<'i>(main: &mut DeTable<'i>, key: Key<'i>, value: Spanned<DeValue<'i>>, problems: &mut Problems) {
    let DeValue::Array(_) = value.get_ref() else { return refuse(key.get_ref(), &value, problems) };
    match main.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut) {
        Some(DeValue::Array(all)) => {
            if let DeValue::Array(more) = value.into_inner() {
                more.into_iter().for_each(|entry| all.push(entry));
            }
        }
        // The main file has it as something else, which its reader notes.
        Some(_) => {}
        None => {
            main.insert(key, value);
        }
    }
}

/// Notes that a list of tables is none, in the words of its reader.
fn refuse(name: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) {
    match name {
        "listen" => drop(Vec::<At<Listen>>::read(name, value, problems)),
        "certificate" => drop(Vec::<At<Certificate>>::read(name, value, problems)),
        "site" => drop(Vec::<At<Site>>::read(name, value, problems)),
        _ => drop(Vec::<At<Backend>>::read(name, value, problems)),
    }
}

fn add_templates<'i>(main: &mut DeTable<'i>, key: Key<'i>, value: Spanned<DeValue<'i>>, problems: &mut Problems) {
    let DeValue::Table(_) = value.get_ref() else {
        // It is none, which its reader notes.
        let _ = Templates::read(TEMPLATE, &value, problems);
        return;
    };
    match main.get_mut(TEMPLATE).map(Spanned::get_mut) {
        Some(DeValue::Table(all)) => {
            let DeValue::Table(more) = value.into_inner() else { return };
            for (name, template) in more {
                if all.contains_key(name.get_ref().as_ref()) {
                    let what = format!("another template is called {}", crate::section::quoted(name.get_ref()));
                    problems.note(&name.span(), what);
                } else {
                    all.insert(name, template);
                }
            }
        }
        Some(_) => {}
        None => {
            main.insert(key, value);
        }
    }
}
