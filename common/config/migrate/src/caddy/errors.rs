//! `handle_errors`: a page in place of the usual ones.

use super::block::Directive;
use crate::edge::{Keys, quoted};

/// Returns the page of all errors; `None` for what is not carried over.
pub(super) fn page(inside: &[Directive], root: Option<&str>) -> Option<Keys> {
    let page = match inside {
        [respond] if respond.name() == "respond" && respond.block.is_none() => match respond.arguments().as_slice() {
            [text] if !text.is_empty() => {
                let known = [
                    ("{err.status_code}", "{status}"),
                    ("{http.error.status_code}", "{status}"),
                    ("{err.status_text}", "{reason}"),
                    ("{http.error.status_text}", "{reason}"),
                    ("{host}", "{host}"),
                ];
                let rest = known.iter().fold((*text).to_owned(), |text, (theirs, _)| text.replace(theirs, ""));
                (!rest.contains(['{', '}']) && text.len() <= 1000 && !text.contains('\0')).then_some(())?;
                let text = known.iter().fold((*text).to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
                format!("text = {}, content_type = \"text/plain; charset=utf-8\"", quoted(&text))
            }
            _ => return None,
        },
        [rewrite, files] if files.words == ["file_server"] && files.block.is_none() => {
            let path = match rewrite.words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["rewrite", "*", path] | ["rewrite", path] => (*path).to_owned(),
                _ => return None,
            };
            let parts = path.strip_prefix('/')?;
            let is_plain = !parts.split('/').any(|part| matches!(part, "" | "." | ".."))
                && path.bytes().all(|byte| byte.is_ascii_graphic())
                && !path.contains(['{', '}', '?', '*', '#', '%', '"', '\\']);
            is_plain.then_some(())?;
            format!("file = {}", quoted(&format!("{}{path}", root?)))
        }
        _ => return None,
    };
    Some(vec![("error", format!("[{{ status = [\"400-599\"], {page} }}]"))])
}
