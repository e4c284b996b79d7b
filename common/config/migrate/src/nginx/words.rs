//! The words of nginx's language (ngx_conf_file.c): texts between blanks, in quotes or not, and the
//! ends of directives and blocks.

/// A word or a sign, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub line: usize,
}

/// The kinds of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word without its quotes.
    Word(String),
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// Returns the tokens of a text, or the line and the reason of the first mistake.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, (usize, String)> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    let mut line = 1;
    while let Some(first) = rest.next() {
        let begun = line;
        let kind = match first {
            '\n' => {
                line += 1;
                continue;
            }
            blank if blank.is_ascii_whitespace() => continue,
            '#' => {
                while rest.next_if(|next| *next != '\n').is_some() {}
                continue;
            }
            ';' => Kind::End,
            '{' => Kind::Open,
            '}' => Kind::Close,
            quote @ ('"' | '\'') => {
                let word =
                    quoted(&mut rest, quote, &mut line).ok_or((begun, "a quote that is not closed".to_owned()))?;
                if rest.peek().is_some_and(|next| !next.is_ascii_whitespace() && !matches!(next, ';' | '{' | ')')) {
                    return Err((line, "something right after a closing quote".to_owned()));
                }
                Kind::Word(word)
            }
            plain => Kind::Word(unquoted(&mut rest, plain, &mut line)),
        };
        found.push(Token { kind, line: begun });
    }
    Ok(found)
}

type Chars<'t> = std::iter::Peekable<std::str::Chars<'t>>;

fn quoted(rest: &mut Chars<'_>, quote: char, line: &mut usize) -> Option<String> {
    let mut word = String::new();
    loop {
        match rest.next()? {
            '\\' => escaped(rest.next()?, &mut word),
            end if end == quote => return Some(word),
            one => {
                *line += usize::from(one == '\n');
                word.push(one);
            }
        }
    }
}

/// Takes a word that began with `first`. A brace belongs to a word only right after a dollar sign,
/// as in `${name}`.
fn unquoted(rest: &mut Chars<'_>, first: char, line: &mut usize) -> String {
    let mut word = String::new();
    let mut next = Some(first);
    while let Some(one) = next {
        match (one, if one == '\\' { rest.next() } else { None }) {
            (_, Some(escape)) => {
                *line += usize::from(escape == '\n');
                escaped(escape, &mut word);
            }
            (one, None) => word.push(one),
        }
        let ends = |next: &char| next.is_ascii_whitespace() || *next == ';' || (*next == '{' && one != '$');
        next = rest.next_if(|next| !ends(next));
    }
    word
}

/// Adds an escaped character: those that mean themselves lose the backslash, as nginx has it.
fn escaped(one: char, word: &mut String) {
    match one {
        '"' | '\'' | '\\' => word.push(one),
        't' => word.push('\t'),
        'r' => word.push('\r'),
        'n' => word.push('\n'),
        other => word.extend(['\\', other]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let token = |token: Token| match token.kind {
            Kind::Word(word) => format!("{}[{word}]", token.line),
            Kind::End => ";".to_owned(),
            Kind::Open => "{".to_owned(),
            Kind::Close => "}".to_owned(),
        };
        tokens(text).map_or_else(|(line, why)| format!("{line}: {why}"), |all| all.into_iter().map(token).collect())
    }

    #[test]
    fn words_are_cut_as_nginx_cuts_them() {
        for (text, expected) in [
            ("listen 80; # web\nroot 'a b';", "1[listen]1[80];2[root]2[a b];"),
            ("if ($a ~ b){return 1;}", "1[if]1[($a]1[~]1[b)]{1[return]1[1];}"),
            ("a ${host}x{;}", "1[a]1[${host}x]{;}"),
            ("a \\;b \"c\\\"d\\q\" 'e\nf';", "1[a]1[\\;b]1[c\"d\\q]1[e\nf];"),
            ("x#y;", "1[x#y];"),
            ("a 'b", "1: a quote that is not closed"),
            ("\na 'b'c;", "2: something right after a closing quote"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
