//! The words of a line (HAProxy's Configuration Manual, 2.2 "Quoting and escaping").

/// Returns the words of a line; none of a comment.
///
/// # Errors
/// The reason that it is no line of HAProxy's language.
pub(crate) fn words(line: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(one) = rest.next() {
        match one {
            '#' => break,
            blank if blank.is_ascii_whitespace() => found.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(one) => word.push(one),
                        None => return Err("a quote that is not closed".to_owned()),
                    }
                }
            }
            '"' => strong(&mut rest, word.get_or_insert_default())?,
            '\\' => {
                let next = rest.clone().next().ok_or_else(|| "a backslash before nothing".to_owned())?;
                word.get_or_insert_default().push(escaped(next).unwrap_or('\\'));
                if escaped(next).is_some() {
                    rest.next();
                }
            }
            plain => word.get_or_insert_default().push(plain),
        }
    }
    found.extend(word);
    Ok(found)
}

/// Returns what a character after a backslash means; `None` where the backslash stays, as in an
/// expression.
const fn escaped(next: char) -> Option<char> {
    match next {
        ' ' | '\\' | '#' | '"' | '\'' => Some(next),
        'r' => Some('\r'),
        'n' => Some('\n'),
        't' => Some('\t'),
        _ => None,
    }
}

/// Takes a text in double quotes, in which a backslash escapes.
fn strong(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), String> {
    loop {
        match rest.next() {
            Some('"') => return Ok(()),
            Some('\\') => match rest.clone().next().filter(|next| *next == '$' || escaped(*next).is_some()) {
                Some(next) => {
                    word.push(escaped(next).unwrap_or(next));
                    rest.next();
                }
                None => word.push('\\'),
            },
            Some(one) => word.push(one),
            None => return Err("a quote that is not closed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_haproxy_cuts_them() {
        let cut = |line: &str| words(line).map(|words| words.join("|"));
        for (line, expected) in [
            ("  bind :80 # web", Ok("bind|:80")),
            ("a 'b c' \"d \\\" e\" f\\ g 'h'i", Ok("a|b c|d \" e|f g|hi")),
            ("\\.php$ \\1 \"\\.a\" 'b\\.'", Ok("\\.php$|\\1|\\.a|b\\.")),
            ("# a", Ok("")),
            ("a ''", Ok("a|")),
            ("a 'b", Err("a quote that is not closed")),
            ("a \"b", Err("a quote that is not closed")),
            ("a \\", Err("a backslash before nothing")),
        ] {
            assert_eq!(cut(line), expected.map(str::to_owned).map_err(str::to_owned), "{line}");
        }
    }
}
