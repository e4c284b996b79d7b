//! `return`, and `try_files` among files.

use crate::edge::Action;

/// The action where nobody is let in.
pub(super) const CLOSED: Action = Action::Respond(403, None);

/// Variables of nginx that fosse has, by its own names.
const VARIABLES: &[(&str, &str)] =
    &[("$request_uri", "{target}"), ("$scheme", "{scheme}"), ("$host", "{host}"), ("$http_host", "{authority}")];

/// Returns what `return` does: a redirect, but for one to HTTPS, or a response. A redirect to HTTPS
/// belongs to what ends TLS.
pub(super) fn returned_action(words: &[&str]) -> Option<Action> {
    let (status, rest) = match words {
        [to] if to.starts_with("http") => (302, Some(*to)),
        [status] => (status.parse::<u16>().ok()?, None),
        [status, rest] => (status.parse::<u16>().ok()?, Some(*rest)),
        _ => return None,
    };
    match (status, rest) {
        (301 | 302 | 303 | 307 | 308, Some(to)) => {
            let known =
                VARIABLES.iter().fold(to.replace(['{', '}'], "$"), |to, (theirs, ours)| to.replace(theirs, ours));
            let is_sound = !known.contains('$') && known.bytes().all(|byte| byte.is_ascii_graphic());
            let is_place = known.starts_with("http://") || (known.starts_with('/') && !known.starts_with("//"));
            let is_same_scheme = known.starts_with("{scheme}://");
            (is_sound && (is_place || is_same_scheme)).then_some(Action::Redirect(known, status))
        }
        (200..=599, body) if !(300..400).contains(&status) && status != 444 && status != 499 => {
            let body = body.filter(|body| !body.is_empty());
            let is_plain = body.is_none_or(|body| !body.contains(['$', '\0']) && body.len() <= RESPOND_BYTES_MAX);
            is_plain.then(|| Action::Respond(status, body.map(str::to_owned)))
        }
        _ => None,
    }
}

/// The longest respond_body.
const RESPOND_BYTES_MAX: usize = 16 << 10;

/// Returns the places of `try_files` in fosse's words, where its last one is a file for all paths.
pub(super) fn tried(words: &[&str]) -> Option<Vec<String>> {
    let (last, before) = words.split_last()?;
    let is_plain = |path: &str| {
        path.starts_with('/') && !path.ends_with('/') && !path.contains(['$', '?']) && !path.ends_with(".php")
    };
    let place = |word: &&str| match *word {
        "$uri" | "$uri/" => Some("$path".to_owned()),
        "$uri.html" => Some("$path.html".to_owned()),
        path => is_plain(path).then(|| path.to_owned()),
    };
    let mut places: Vec<String> = before.iter().map(place).collect::<Option<_>>()?;
    places.dedup();
    match *last {
        "=404" => {}
        path => places.push(is_plain(path).then(|| path.to_owned())?),
    }
    Some(places)
}

/// Returns whether `try_files` says what files get anyway.
pub(super) fn is_plain_try(words: &[&str]) -> bool {
    matches!(words, ["$uri" | "$fastcgi_script_name" | "$document_uri", "=404"] | ["$uri", "$uri/", "=404"])
}
