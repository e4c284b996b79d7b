//! Script for a browser: read the value as HTML in every context it may land in, and look for what
//! runs script.

mod danger;
mod entity;
mod html;
mod markup;
mod piece;
#[cfg(test)]
mod published;

use danger::Attribute;
use html::{Pieces, Start};
use piece::Piece;

/// Does a value look like HTML that runs script?
///
/// `input` is the decoded value, any bytes, any length. It is read as text, as the inside of a tag,
/// and as the inside of a value in each kind of quotes.
pub fn is_xss(input: &[u8]) -> bool {
    let has = |byte| input.contains(&byte);
    // What convicts is a tag, a comment or a doctype, which need `<`, or the value of an attribute
    // named in the input, which needs `=`.
    let opens = has(b'<');
    if !opens && !has(b'=') {
        return false;
    }
    // Without a closing quote a quoted value is the whole input, and the value of an attribute that
    // it does not name.
    let quoted = |quote| has(quote) && runs_script(input, Start::Quoted(quote));
    (opens && runs_script(input, Start::Text))
        || runs_script(input, Start::Tag)
        || quoted(b'\'')
        || quoted(b'"')
        || quoted(b'`')
}

fn runs_script(input: &[u8], start: Start) -> bool {
    let mut attribute = Attribute::Harmless;
    Pieces::new(input, start).any(|(piece, text)| {
        let of = std::mem::replace(&mut attribute, Attribute::Harmless);
        match piece {
            Piece::Doctype => true,
            Piece::TagName => danger::is_tag(text),
            Piece::AttributeName => {
                attribute = danger::attribute(text);
                false
            }
            Piece::AttributeValue => is_value(of, text),
            Piece::Comment => danger::is_comment(text),
            Piece::Text | Piece::TagEnd | Piece::TagSelfEnd | Piece::TagClose => false,
        }
    })
}

fn is_value(attribute: Attribute, value: &[u8]) -> bool {
    match attribute {
        Attribute::Harmless => false,
        Attribute::Script | Attribute::Style => true,
        Attribute::Url => danger::is_url(value),
        Attribute::NameOfOther => danger::attribute(value) != Attribute::Harmless,
    }
}
