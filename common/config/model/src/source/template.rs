//! Templates: keys of a site that many sites take, each unless it writes them itself.

use fosse_nearest::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problems, Span};
use crate::section::quoted;

/// Values that sites take from templates, all together: 10,000 sites with a hundred each. A longer
/// text counts as several.
const TEMPLATE_VALUES_COUNT_MAX: usize = 1_000_000;
/// Bytes of a text that count as one value.
const VALUE_BYTES: usize = 64;

/// Gives each site the keys of the template that it names and does not write itself. `None` where
/// that is too much, which is noted: what the other sites lack then is no mistake of theirs.
pub(super) fn apply(document: &mut DeTable<'_>, problems: &mut Problems) -> Option<()> {
    let templates = match document.get("template").map(Spanned::get_ref) {
        Some(DeValue::Table(templates)) => templates.clone(),
        _ => DeTable::new(),
    };
    let Some(DeValue::Array(sites)) = document.get_mut("site").map(Spanned::get_mut) else { return Some(()) };
    let mut values_left = TEMPLATE_VALUES_COUNT_MAX;
    for site in sites.iter_mut() {
        let place = site.span();
        let DeValue::Table(site) = site.get_mut() else { continue };
        let Some((wanted, span)) = named(site) else { continue };
        match templates.get(wanted.as_str()).map(Spanned::get_ref) {
            Some(DeValue::Table(template)) => {
                let Some(left) = values_left.checked_sub(template.values().map(values).sum()) else {
                    let what = format!("the sites take more than {TEMPLATE_VALUES_COUNT_MAX} values of templates");
                    problems.note(&span, what);
                    return None;
                };
                values_left = left;
                if problems.is_first_use(&wanted) {
                    problems.template_used(&wanted, &spans(template), &place);
                }
                inherit(site, template);
            }
            // It is something else, which the reader of the templates notes.
            Some(_) => {}
            None => unknown(&wanted, &span, &templates, problems),
        }
    }
    Some(())
}

/// Returns the template that a site names, and the place of the name.
fn named(site: &DeTable<'_>) -> Option<(String, Span)> {
    let value = site.get("template")?;
    // Anything else than a text is noted by the reader of the site.
    value.get_ref().as_str().map(|name| (name.to_owned(), value.span()))
}

fn inherit<'i>(site: &mut DeTable<'i>, template: &DeTable<'i>) {
    for (key, value) in template {
        if !site.contains_key(key.get_ref().as_ref()) {
            site.insert(key.clone(), value.clone());
        }
    }
}

fn unknown(wanted: &str, span: &Span, templates: &DeTable<'_>, problems: &mut Problems) {
    let names: Vec<&str> = templates.keys().map(|name| name.get_ref().as_ref()).collect();
    let near = if problems.are_many() { None } else { nearest(wanted, names) };
    let cure = near.map_or_else(|| format!("write [template.{wanted}]"), |near| format!("did you mean \"{near}\"?"));
    problems.note_with_cure(span, format!("there is no template {}", quoted(wanted)), cure);
}

/// Returns the number of values in a value.
fn values(value: &Spanned<DeValue<'_>>) -> usize {
    match value.get_ref() {
        DeValue::Table(table) => 1 + table.values().map(values).sum::<usize>(),
        DeValue::Array(array) => 1 + array.iter().map(values).sum::<usize>(),
        DeValue::String(text) => 1 + text.len() / VALUE_BYTES,
        _ => 1,
    }
}

/// Returns the places of all keys and values of a template.
fn spans(template: &DeTable<'_>) -> Vec<Span> {
    fn add(value: &Spanned<DeValue<'_>>, all: &mut Vec<Span>) {
        all.push(value.span());
        match value.get_ref() {
            DeValue::Table(table) => {
                all.extend(table.keys().map(Spanned::span));
                table.values().for_each(|value| add(value, all));
            }
            DeValue::Array(array) => array.iter().for_each(|value| add(value, all)),
            _ => {}
        }
    }
    let mut all: Vec<Span> = template.keys().map(Spanned::span).collect();
    template.values().for_each(|value| add(value, &mut all));
    all
}
