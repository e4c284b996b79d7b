//! Rust source as text: strings, comments and code told apart as far as the rules need it.

/// The code of a line: without its comment and without what stands in strings. A string over
/// several lines is code from its second line on, which is good enough for words that must not
/// occur at all.
#[must_use]
pub fn code(line: &str) -> String {
    let mut out = String::new();
    let mut characters = line.chars().peekable();
    let mut quoted = false;
    while let Some(character) = characters.next() {
        match (character, quoted) {
            ('\\', true) => drop(characters.next()),
            ('"', _) => quoted = !quoted,
            ('\'', false) if characters.peek() == Some(&'"') => drop(characters.next()),
            ('/', false) if characters.peek() == Some(&'/') => break,
            (_, true) => {}
            (other, false) => out.push(other),
        }
    }
    out
}

/// What follows each `marker` in `text`, as long as `takes` holds.
#[must_use]
pub fn words_after<'a>(text: &'a str, marker: &str, takes: impl Fn(char) -> bool) -> Vec<&'a str> {
    let ends = |rest: &'a str| rest.find(|c| !takes(c)).map_or(rest, |at| rest.get(..at).unwrap_or(rest));
    text.split(marker).skip(1).map(ends).collect()
}

/// The events of a piece of source or of a manual: `event=WORD` and `event="TWO WORDS"`, in source
/// with escaped quotes.
#[must_use]
pub fn events(text: &str) -> Vec<String> {
    // mdoc doubles a quote within quotes.
    let plain = text.replace("\\\"", "\"").replace("\"\"", "\"");
    let mut found = Vec::new();
    for rest in plain.split("event=").skip(1) {
        let event = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or_default(),
            None => rest.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).next().unwrap_or_default(),
        };
        if !event.is_empty() {
            found.push(event.to_owned());
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_not_code() {
        assert_eq!(code("let a = \"// no \\\" comment\"; b(); // c"), "let a = ; b(); ");
        assert_eq!(code("match '\"' { x => 1 }"), "match ' { x => 1 }");
    }

    #[test]
    fn events_are_found_in_code_and_in_manuals() {
        let text = "say(\"event=death a\"); alert(\"event=\\\"sandbox violation\\\" x\"); event={what}";
        assert_eq!(events(text), ["death", "sandbox violation"]);
    }
}
