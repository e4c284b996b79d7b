//! Expressions of PCRE, as other servers have them.

/// Returns an expression of PCRE as one that is looked for in linear time; `None` for others.
pub(crate) fn pcre(text: &str, is_any_case: bool) -> Option<String> {
    let is_odd = text.contains("(?") || text.chars().any(char::is_control) || text.len() > 200 || text.is_empty();
    let has_reference = text.as_bytes().windows(2).any(|two| two[0] == b'\\' && two[1].is_ascii_digit());
    let flag = if is_any_case { "(?i)" } else { "" };
    (!is_odd && !has_reference && is_balanced(text)).then(|| format!("{flag}{}", text.replace("\\/", "/")))
}

/// Returns an expression that asks for paths alone, whose groups nobody counts, as one that is
/// looked for in linear time: `(?:` is a group like any other, and what must not follow is spelt
/// out.
pub(crate) fn of_paths(text: &str, is_any_case: bool) -> Option<String> {
    let plain = text.replace("(?:", "(");
    match plain.split_once("(?!") {
        None => pcre(&plain, is_any_case),
        Some((before, rest)) => {
            let (word, after) = rest.split_once(')')?;
            // What follows must take any text, or the end would have to be looked for as well.
            let is_open = matches!(after, "" | ".*" | ".*$") && !before.contains('|');
            pcre(&format!("{before}({})", unlike(word).filter(|_| is_open)?), is_any_case)
        }
    }
}

/// Returns an expression for all beginnings that are not a word's.
fn unlike(word: &str) -> Option<String> {
    let word = word.replace('\\', "");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte);
    ((1..=16).contains(&word.len()) && word.bytes().all(is_plain)).then_some(())?;
    // A hyphen is itself where it comes first in a class.
    let other = |(at, one): (usize, char)| format!("{}([^{one}]|$)", &word[..at]);
    Some(word.char_indices().map(other).collect::<Vec<_>>().join("|"))
}

/// Returns whether a text says how often something is there: "8", "1,", "1,8".
fn is_count(text: &str) -> bool {
    let (from, to) = text.split_once(',').unwrap_or((text, text));
    let number = |digits: &str| digits.parse::<u8>().ok().filter(|number| *number <= 64 && !digits.starts_with('+'));
    match (number(from), number(to)) {
        (Some(from), Some(to)) => from <= to,
        (Some(_), None) => to.is_empty(),
        _ => false,
    }
}

/// Returns whether brackets and parentheses close, and nothing is repeated that is not there.
fn is_balanced(text: &str) -> bool {
    let (mut depth, mut in_class, mut before) = (0_i32, false, None);
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        match one {
            '\\' if rest.next().is_none_or(|next| !"dDwWsSbB./-_~+*?()[]{}|^$".contains(next)) => return false,
            '[' if in_class => return false,
            '[' => in_class = true,
            ']' if in_class => in_class = false,
            _ if in_class => {}
            '(' => depth += 1,
            ')' => depth -= 1,
            '*' | '+' | '?' if matches!(before, None | Some('(' | '|' | '*' | '+' | '^' | '}')) => return false,
            '{' if matches!(before, None | Some('(' | '|' | '*' | '+' | '^' | '}')) => return false,
            '{' => {
                let count: String = rest.by_ref().take_while(|next| *next != '}').take(6).collect();
                if !is_count(&count) {
                    return false;
                }
                before = Some('}');
                continue;
            }
            '}' => return false,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
        before = Some(one);
    }
    depth == 0 && !in_class && before != Some('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_follow_is_spelt_out() {
        let found = of_paths(r"/\.(?!ab).*", false);
        assert_eq!(found.as_deref(), Some(r"/\.(([^a]|$)|a([^b]|$))"));
        assert_eq!(of_paths("^/(?:a|b)(?:$|/)", true).as_deref(), Some("(?i)^/(a|b)($|/)"));
        for text in ["(?!a.*b)", "^(?!a)b", "x|(?!a)", "(?<!a)", "(?=a)", "(?!a)(?!b)", "(a", "(?!)"] {
            assert_eq!(of_paths(text, false), None, "{text}");
        }
    }
}
