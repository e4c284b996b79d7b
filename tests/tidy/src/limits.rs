//! The limits of the suite: every `const NAME_MAX` with its value and its reason, and the manual
//! page they make.

use crate::File;

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// `bins/NAME` or `common/WING/NAME`.
    pub place: String,
    /// The constant.
    pub name: String,
    /// Its value as the source has it.
    pub value: String,
    /// Its doc comment: the reason.
    pub reason: String,
}

/// Every limit of the tree, by place.
#[must_use]
pub fn all(files: &[File]) -> Vec<Limit> {
    files.iter().filter(|file| file.is_source()).flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<Limit> {
    let place = file.path.split("/src/").next().unwrap_or_default();
    let (mut found, mut reason) = (Vec::new(), String::new());
    for line in file.without_tests().lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            reason = format!("{reason} {}", comment.trim()).trim().to_owned();
        } else if let Some((name, value)) = constant(line) {
            found.push(Limit { place: place.to_owned(), name, value, reason: std::mem::take(&mut reason) });
        } else if !line.starts_with("#[") {
            reason.clear();
        }
    }
    found
}

/// `pub const NAME_MAX: TYPE = VALUE;`, visible to whomever, as name and value.
fn constant(line: &str) -> Option<(String, String)> {
    let line = ["pub ", "pub(crate) ", "pub(super) "].iter().find_map(|visible| line.strip_prefix(visible))?;
    let (name, rest) = line.strip_prefix("const ")?.split_once(':')?;
    let value = rest.split_once('=')?.1.trim().strip_suffix(';')?;
    name.ends_with("_MAX").then(|| (name.to_owned(), value.to_owned()))
}

/// The line in man/fosse-limits.7 behind which the list stands, up to [`END`].
pub const BEGIN: &str = ".\\\" The list below is made of the source by the tests.";
/// The line behind the list.
pub const END: &str = ".\\\" End of the list.";

/// The list in mdoc.
#[must_use]
pub fn mdoc(limits: &[Limit]) -> String {
    let (mut out, mut place) = (String::new(), "");
    for limit in limits {
        if limit.place != place {
            if !place.is_empty() {
                out.push_str(".El\n");
            }
            place = &limit.place;
            out.push_str(&format!(".Ss {place}\n.Bl -tag -width Ds\n"));
        }
        out.push_str(&format!(".It Dv {} No = Li \"{}\"\n", limit.name, limit.value));
        out.push_str(&sentences(&limit.reason));
    }
    if !place.is_empty() {
        out.push_str(".El\n");
    }
    out
}

/// Prose for mdoc: a line for each sentence, nothing that mdoc would take for its own.
fn sentences(text: &str) -> String {
    let plain: String = text.replace(['`', '['], "").replace(']', "").replace('\\', "\\e");
    let mut out = String::new();
    for sentence in plain.replace(". ", ".\n").replace("e.g.\n", "e.g. ").lines() {
        let sentence = sentence.trim();
        let guard = if sentence.starts_with(['.', '\'']) { "\\&" } else { "" };
        out.push_str(&format!("{guard}{sentence}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_its_name_its_value_and_its_reason() {
        let text = "/// One.\n/// Two.\npub const A_MAX: usize = 4 * 1024;\n/// No limit.\npub const B: u8 = 1;\npub const C_MAX: u8 = 2;\n";
        let found = all(&[File { path: "bins/x/src/limits.rs".into(), text: text.into() }]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].value.as_str(), found[0].reason.as_str()), ("4 * 1024", "One. Two."));
        assert_eq!(found[1].reason, "");
    }
}
