//! Examples in a page: fences and indented blocks of Markdown, displays of mdoc.

/// An example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The page's path from the top of the tree.
    pub page: String,
    /// Line of the page it begins in, counted from 1.
    pub line: usize,
    /// What it shows.
    pub kind: Kind,
    /// Its lines as a reader sees them.
    pub text: String,
}

/// What an example shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words for a shell.
    Commands,
    /// A configuration, or some tables of one.
    Configuration,
    /// Rules in SecLang.
    Rules,
    /// Nothing that can be run: drawings, layouts, lines of a log.
    Other,
}

/// Every example of a page, in order.
#[must_use]
pub fn examples(page: &str, text: &str) -> Vec<Example> {
    let blocks = if page.ends_with(".md") { of_markdown(text) } else { of_mdoc(text) };
    let example = |Block { line, text, language }| {
        let kind = language.unwrap_or_else(|| kind(&text));
        Example { page: page.to_owned(), line, kind, text }
    };
    blocks.into_iter().map(example).collect()
}

#[derive(Default)]
struct Block {
    line: usize,
    text: String,
    /// What the page itself says.
    language: Option<Kind>,
}

impl Block {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

fn kind(text: &str) -> Kind {
    let begins = |with: &str| text.lines().any(|line| line.starts_with(with));
    let line = text.strip_prefix("$ ").or_else(|| text.strip_prefix("# ")).unwrap_or(text);
    let word = line.split([' ', '\n']).next().unwrap_or_default();
    let is_command = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_./*".contains(c);
    if begins("[[") {
        Kind::Configuration
    } else if begins("SecRule") || begins("SecAction") {
        Kind::Rules
    } else if word.starts_with(|c: char| c.is_ascii_lowercase() || c == '/') && word.chars().all(is_command) {
        Kind::Commands
    } else {
        Kind::Other
    }
}

/// A fence says its language, and without a word is a drawing.
fn language(word: &str) -> Option<Kind> {
    match word {
        "" => Some(Kind::Other),
        "toml" => Some(Kind::Configuration),
        "sh" | "console" => Some(Kind::Commands),
        // Configurations of other programs.
        "nginx" | "caddy" | "haproxy" => Some(Kind::Other),
        _ => None,
    }
}

fn of_markdown(text: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    let (mut fenced, mut after_blank) = (false, true);
    for (line, number) in text.lines().zip(1..) {
        let indented = line.strip_prefix("    ").filter(|_| !fenced && (after_blank || open.is_some()));
        after_blank = line.is_empty();
        if let Some(word) = line.strip_prefix("```") {
            fenced = !fenced;
            blocks.extend(open.take());
            open = fenced.then(|| Block { line: number + 1, text: String::new(), language: language(word) });
        } else if let Some(inside) = indented.or_else(|| fenced.then_some(line)) {
            open.get_or_insert_with(|| Block { line: number, ..Block::default() }).push(inside);
        } else {
            blocks.extend(open.take());
        }
    }
    blocks.extend(open);
    blocks
}

fn of_mdoc(text: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (line, number) in text.lines().zip(1..) {
        if let Some(words) = line.strip_prefix(".Dl ") {
            let mut block = Block { line: number, ..Block::default() };
            block.push(&plain(&display_line(words)));
            blocks.push(block);
        } else if line.starts_with(".Bd -literal") {
            open = Some(Block { line: number + 1, ..Block::default() });
        } else if line == ".Ed" {
            blocks.extend(open.take());
        } else if let Some(block) = &mut open {
            block.push(&plain(line));
        }
    }
    blocks
}

/// A `.Dl` line as it is shown: punctuation that stands alone at its end is joined to the word
/// before (mdoc(7), delimiters).
fn display_line(words: &str) -> String {
    match words.rsplit_once(' ') {
        Some((before, last)) if [".", ",", ":", ";", "?", "!", ")", "]"].contains(&last) => format!("{before}{last}"),
        _ => words.to_owned(),
    }
}

/// Text without the escapes of roff that stand in literal displays.
fn plain(line: &str) -> String {
    line.replace("\\&", "").replace("\\-", "-").replace("\\(dq", "\"").replace("\\e", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_and_indented_blocks_are_examples_and_lists_are_not() {
        let page = "text\n\n    make\n    make check\n\n- a point\n  of two\n\n```toml\n[[site]]\n\na = 1\n```\n\n```\na -> b\n```\n";
        let found = examples("A.md", page);
        let seen: Vec<_> = found.iter().map(|one| (one.line, one.kind, one.text.as_str())).collect();
        assert_eq!(
            seen,
            [
                (3, Kind::Commands, "make\nmake check\n"),
                (10, Kind::Configuration, "[[site]]\n\na = 1\n"),
                (16, Kind::Other, "a -> b\n")
            ]
        );
    }

    #[test]
    fn displays_are_examples_as_a_reader_sees_them() {
        let page = ".Dl $ a --b .\n.Dl c \\&.\n.Bd -literal\nSecRule A \\e\n  \"x\"\n.Ed\n.Dl HELLO there\n.Dl # d e\n";
        let seen: Vec<_> = examples("a.8", page).into_iter().map(|one| (one.kind, one.text)).collect();
        let expected = [
            (Kind::Commands, "$ a --b.\n"),
            (Kind::Commands, "c .\n"),
            (Kind::Rules, "SecRule A \\\n  \"x\"\n"),
            (Kind::Other, "HELLO there\n"),
            (Kind::Commands, "# d e\n"),
        ];
        assert_eq!(seen, expected.map(|(kind, text)| (kind, text.to_owned())));
    }
}
