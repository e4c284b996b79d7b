//! libinjection's own cases for the HTML tokenizer (tests/data/html5.txt).

use super::html::{Pieces, Start};
use super::piece::Piece;
use crate::support;

fn name(piece: Piece) -> &'static str {
    match piece {
        Piece::Text => "DATA_TEXT",
        Piece::TagName => "TAG_NAME_OPEN",
        Piece::TagEnd => "TAG_NAME_CLOSE",
        Piece::TagSelfEnd => "TAG_NAME_SELFCLOSE",
        Piece::TagClose => "TAG_CLOSE",
        Piece::AttributeName => "ATTR_NAME",
        Piece::AttributeValue => "ATTR_VALUE",
        Piece::Comment => "TAG_COMMENT",
        Piece::Doctype => "DOCTYPE",
    }
}

#[test]
fn cuts_html_as_published() {
    let cases = support::cases("html5.txt");
    assert_eq!(cases.len(), 63);
    for case in cases {
        let pieces = Pieces::new(&case.input, Start::Text);
        let lines = pieces.map(|(piece, text)| format!("{},{},{}", name(piece), text.len(), text.escape_ascii()));
        let expected = case.expected.split(|&byte| byte == b'\n').map(|line| line.escape_ascii().to_string());
        let expected: Vec<_> = expected.filter(|line| !line.is_empty()).collect();
        // The cases are published without trailing white space.
        assert_eq!(lines.collect::<Vec<_>>().join("\n").trim_end(), expected.join("\n"), "{}", case.name);
    }
}
