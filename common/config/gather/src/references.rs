//! Which files a rule file names: Include and IncludeOptional, and the operators that read data.
//! Lines, quotes and comments are as SecLang has them; what is not understood here is left for the
//! compiler to refuse.

/// The directive or operator that names a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rules that must be there; the name may be a pattern.
    Include,
    /// Rules that may be there; the name may be a pattern.
    IncludeOptional,
    /// Data of an operator.
    Data,
}

/// A file that a rule file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The directive or operator.
    pub kind: Kind,
    /// As written.
    pub name: String,
    /// Offset in the file, in bytes.
    pub offset: usize,
}

/// Operators whose argument is names of files (in lower case, as in the compiler).
const DATA_OPERATORS: &[&str] = &["pmf", "pmfromfile", "ipmatchf", "ipmatchfromfile"];

/// A word of a line: its text and where it begins.
struct Word {
    text: String,
    offset: usize,
}

/// Returns every file that `bytes` names, in order.
#[must_use]
pub fn references(bytes: &[u8]) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut lines = LogicalLines { bytes, at: 0 };
    while let Some(line) = lines.next_line() {
        of_line(&words(&line), &mut found);
    }
    found
}

fn of_line(words: &[Word], found: &mut Vec<Reference>) {
    let Some(directive) = words.first().map(|word| word.text.to_ascii_lowercase()) else { return };
    let kind = match directive.as_str() {
        "include" => Kind::Include,
        "includeoptional" => Kind::IncludeOptional,
        "secrule" => return of_operator(words.get(2), found),
        _ => return,
    };
    found.extend(words.iter().skip(1).map(|word| Reference { kind, name: word.text.clone(), offset: word.offset }));
}

fn of_operator(operator: Option<&Word>, found: &mut Vec<Reference>) {
    let Some(word) = operator else { return };
    let text = word.text.trim_start();
    let text = text.strip_prefix('!').unwrap_or(text).trim_start();
    let Some((name, names)) =
        text.strip_prefix('@').and_then(|text| text.split_once(|byte: char| byte.is_ascii_whitespace()))
    else {
        return;
    };
    if DATA_OPERATORS.contains(&name.to_ascii_lowercase().as_str()) {
        let data = names.split_ascii_whitespace();
        found.extend(data.map(|name| Reference { kind: Kind::Data, name: name.to_owned(), offset: word.offset }));
    }
}

/// Lines, those that end in a backslash joined with the next.
struct LogicalLines<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl LogicalLines<'_> {
    /// Returns the next line as bytes, each with its offset.
    fn next_line(&mut self) -> Option<Vec<(u8, usize)>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let mut line = Vec::new();
        loop {
            let rest = &self.bytes[self.at..];
            let len = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let physical = &rest[..len];
            let physical = physical.strip_suffix(b"\r").unwrap_or(physical);
            let continued = physical.strip_suffix(b"\\");
            let start = self.at;
            line.extend(continued.unwrap_or(physical).iter().zip(start..).map(|(byte, offset)| (*byte, offset)));
            // One beyond the end, where the last line has no line end.
            self.at = start + len + 1;
            if continued.is_none() || self.at >= self.bytes.len() {
                return Some(line);
            }
        }
    }
}

/// Returns the words of a line; none of a comment. A quote that is not closed ends with the line:
/// the compiler refuses it.
fn words(line: &[(u8, usize)]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = line.iter().copied().peekable();
    loop {
        while rest.next_if(|(byte, _)| byte.is_ascii_whitespace()).is_some() {}
        let Some((first, offset)) = rest.next() else { return words };
        if first == b'#' && words.is_empty() {
            return words;
        }
        let quote = matches!(first, b'"' | b'\'').then_some(first);
        let mut bytes: Vec<u8> = if quote.is_some() { Vec::new() } else { vec![first] };
        while let Some((byte, _)) = rest.next() {
            let escaped = |next: &(u8, usize)| next.0 == b'\\' || Some(next.0) == quote;
            match (byte, quote) {
                (byte, Some(quote)) if byte == quote => break,
                (b'\\', Some(_)) => bytes.push(rest.next_if(escaped).map_or(byte, |(next, _)| next)),
                (byte, None) if byte.is_ascii_whitespace() => break,
                (byte, _) => bytes.push(byte),
            }
        }
        words.push(Word { text: String::from_utf8_lossy(&bytes).into_owned(), offset });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(Kind, String, usize)> {
        references(text.as_bytes()).into_iter().map(|one| (one.kind, one.name, one.offset)).collect()
    }

    #[test]
    fn finds_includes_and_data_wherever_the_line_breaks() {
        let text = "# Include no.conf\nInclude rules/*.conf\n includeoptional \"a b.conf\"\nSecRule ARGS \\\n  \"@pmFromFile a.data b.data\" \\\n \"id:1\"\nSecRule ARGS '!@ipMatchF nets.txt' id:2\n";
        assert_eq!(
            names(text),
            [
                (Kind::Include, "rules/*.conf".into(), 26),
                (Kind::IncludeOptional, "a b.conf".into(), 56),
                (Kind::Data, "a.data".into(), 84),
                (Kind::Data, "b.data".into(), 84),
                (Kind::Data, "nets.txt".into(), 135),
            ]
        );
    }

    #[test]
    fn leaves_comments_patterns_and_other_operators_alone() {
        for text in [
            "#\\\nInclude x",
            "SecRule ARGS \"@pm a b\"",
            "SecRule ARGS \"@pmFromFile\"",
            "SecAction \"@pmFromFile x\"",
            "Include",
            "SecRule ARGS \"@pmFrom",
        ] {
            assert_eq!(names(text), [], "{text}");
        }
    }

    fn lie_inside(text: &[u8]) {
        assert!(references(text).iter().all(|reference| reference.offset < text.len()));
    }

    #[test]
    fn cut_and_flipped_rule_files_never_panic() {
        let text = b"Include \"a\\\"b\"\r\nSecRule A \"@pmf x\\\\y z\" \\\r\n id:1\\\n'\\";
        for cut in 0..text.len() {
            lie_inside(&text[..cut]);
        }
        for bit in 0..text.len() * 8 {
            let mut flipped = text.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            lie_inside(&flipped);
        }
    }
}
