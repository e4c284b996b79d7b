//! Sites and routes in a few words, for people who look over a configuration.

use fosse_settings::{Part, Template};

use crate::model::{Route, Site, When};
use crate::policy::{Does, Policy};

/// Returns what is done for the requests of a site that no route takes: "-> app", "-> 301
/// https://example.org", "-> 404"; empty where that is nothing.
#[must_use]
pub fn of_site(site: &Site) -> String {
    done(&Policy { site, route: None })
}

/// Returns which requests a route takes, and what is done for them.
#[must_use]
pub fn of_route(site: &Site, route: &Route) -> String {
    let path = route.path.value.as_ref().map(|path| path.0.clone());
    let prefix = || route.prefix.value.as_ref().map(|prefix| prefix.0.clone());
    let glob = || route.glob.value.as_ref().map(|glob| format!("glob {}", glob.0));
    let regex = || route.regex.value.as_ref().map(|regex| format!("regex {}", regex.pattern));
    let paths = path.map(|path| format!("= {path}")).or_else(prefix).or_else(glob).or_else(regex);
    let paths = paths.unwrap_or_else(|| "all paths".to_owned());
    format!("{paths}{}{}", conditions(&route.when), done(&Policy { site, route: Some(route) }))
}

fn conditions(when: &When) -> String {
    let count = [&when.header, &when.query, &when.cookie].into_iter().map(|tests| tests.iter().flatten().count());
    let others = [when.method.is_some(), when.listener.is_some(), when.network.is_some()];
    match count.sum::<usize>() + others.iter().filter(|is_written| **is_written).count() {
        0 => String::new(),
        1 => ", on a condition".to_owned(),
        count => format!(", on {count} conditions"),
    }
}

fn done(policy: &Policy<'_>) -> String {
    match policy.does() {
        Does::Backend(name, _) => format!(" -> {}", name.0),
        Does::Redirect(to, status) => format!(" -> {status} {}", text(&to.0)),
        Does::Respond(respond) => format!(" -> {}", respond.status),
        Does::Nothing => String::new(),
    }
}

/// Returns a template, its variables as three dots.
fn text(template: &Template) -> String {
    template.0.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "..." }).collect()
}
