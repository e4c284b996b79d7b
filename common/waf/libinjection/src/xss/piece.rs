//! The kinds of pieces HTML is cut into.

/// The kind of a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// Text between tags.
    Text,
    /// The name of a tag, opening or closing.
    TagName,
    /// The `>` of a tag.
    TagEnd,
    /// The `/>` of a tag.
    TagSelfEnd,
    /// The name in a closing tag that is nothing but its name.
    TagClose,
    AttributeName,
    AttributeValue,
    Comment,
    Doctype,
}
