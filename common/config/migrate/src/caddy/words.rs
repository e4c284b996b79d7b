//! The words of a Caddyfile (caddyserver.com, "Caddyfile Concepts"): texts between blanks, in
//! quotes or not. The ends of lines count, and so do braces at them.

/// A line: its number and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WordLine {
    pub line: usize,
    pub words: Vec<String>,
}

/// Returns the lines that have words, or the line and the reason of the first mistake.
#[expect(clippy::too_many_lines, reason = "an arm for each beginning of a word")]
pub(crate) fn lines(text: &str) -> Result<Vec<WordLine>, (usize, String)> {
    let mut found: Vec<WordLine> = Vec::new();
    let mut rest = text.chars().peekable();
    let (mut line, mut continues) = (1, false);
    let mut begun = false;
    while let Some(first) = rest.next() {
        let at = line;
        let word = match first {
            '\n' => {
                line += 1;
                begun &= continues;
                continues = false;
                continue;
            }
            blank if blank.is_whitespace() => continue,
            '#' => {
                while rest.next_if(|next| *next != '\n').is_some() {}
                continue;
            }
            '\\' if rest.peek() == Some(&'\n') => {
                continues = true;
                continue;
            }
            quote @ ('"' | '`') => {
                quoted(&mut rest, quote, &mut line).ok_or((at, "a quote that is not closed".to_owned()))?
            }
            plain => {
                let mut word = plain.to_string();
                while let Some(next) = rest.next_if(|next| !next.is_whitespace()) {
                    word.push(next);
                }
                if word.starts_with("<<") {
                    return Err((at, "a heredoc, which fosse migrate does not read".to_owned()));
                }
                word
            }
        };
        match found.last_mut() {
            Some(last) if begun => last.words.push(word),
            _ => found.push(WordLine { line: at, words: vec![word] }),
        }
        begun = true;
    }
    Ok(found)
}

fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char, line: &mut usize) -> Option<String> {
    let mut word = String::new();
    loop {
        match rest.next()? {
            // Only the quote itself is escaped.
            '\\' if quote == '"' && rest.peek() == Some(&'"') => word.extend(rest.next()),
            end if end == quote => return Some(word),
            one => {
                *line += usize::from(one == '\n');
                word.push(one);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_caddy_cuts_them() {
        let cut = |text: &str| {
            let shown = |one: WordLine| format!("{}[{}]", one.line, one.words.join("|"));
            lines(text).map(|all| all.into_iter().map(shown).collect::<String>())
        };
        for (text, expected) in [
            ("a.example {\n\treverse_proxy :80 # x\n}\n", Ok("1[a.example|{]2[reverse_proxy|:80]3[}]")),
            ("a \"b \\\" c\" `d\ne` f#g\nh", Ok("1[a|b \" c|d\ne|f#g]3[h]")),
            ("a \\\n b\nc", Ok("1[a|b]3[c]")),
            ("", Ok("")),
            ("a \"b", Err((1, "a quote that is not closed".to_owned()))),
            ("a\nb <<EOF", Err((2, "a heredoc, which fosse migrate does not read".to_owned()))),
        ] {
            assert_eq!(cut(text), expected.map(str::to_owned), "{text}");
        }
    }
}
