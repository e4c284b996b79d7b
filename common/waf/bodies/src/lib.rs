//! fosse-bodies: reads a query, a cookie header or a body into the named values that rules see.
//!
//! Every parser takes the complete bytes and limits, gives [`Item`]s to a callback in the order of
//! the input, and returns a report: the error, and the flags SecLang has for it. A parser that
//! meets an error stops there; what it gave before remains valid, so that rules can still look at
//! it. Names and flags follow ModSecurity 2.9 unless a type says otherwise.
//!
//! Work and output are linear in the input: each parser reads its input a constant number of times,
//! and the bytes it gives to the callback are at most [`OUTPUT_FACTOR_MAX`] times the input (as
//! UTF-8) plus [`OUTPUT_SLACK_BYTES`]; the arguments made of XML elements, and places of an XML
//! document that paths ask for, have accounts of the same size of their own.
//!
//! Places in a body are at most `isize::MAX`, so adding the length of a token to one cannot
//! overflow; that is why such sums are bare here.
#![forbid(unsafe_code)]

pub mod charset;
mod cut;
pub mod form;
pub mod inflate;
pub mod json;
pub mod limits;
pub mod multipart;
mod percent;
pub mod xml;

pub use limits::{OUTPUT_FACTOR_MAX, OUTPUT_SLACK_BYTES};

/// One thing found. All slices live for the callback only; many are parts of the body itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Item<'a> {
    /// An argument: ARGS, ARGS_NAMES and their GET and POST kin.
    Argument {
        /// The decoded name.
        name: &'a [u8],
        /// The decoded value.
        value: &'a [u8],
    },
    /// A cookie: REQUEST_COOKIES, REQUEST_COOKIES_NAMES.
    Cookie {
        /// The name as sent.
        name: &'a [u8],
        /// The value as sent.
        value: &'a [u8],
    },
    /// A file in a multipart body. FILES:name is `filename`, FILES_NAMES has `name`,
    /// FILES_SIZES:name is the length of `content`, and FILES_COMBINED_SIZE the sum of these
    /// lengths.
    File {
        /// The form field.
        name: &'a [u8],
        /// The name the client gave the file.
        filename: &'a [u8],
        /// The file's bytes.
        content: &'a [u8],
    },
    /// A header line of a multipart part, as sent but without its line end:
    /// MULTIPART_PART_HEADERS:part.
    PartHeader {
        /// The name of the part's form field; empty if its headers could not be read.
        part: &'a [u8],
        /// The line.
        line: &'a [u8],
    },
    /// A text or CDATA node of an XML document, references resolved.
    XmlText {
        /// The element around it, as written.
        element: &'a [u8],
        /// The text.
        text: &'a [u8],
    },
    /// An attribute of an XML document: one value of `XML://@*`.
    XmlAttribute {
        /// The element that has it, as written.
        element: &'a [u8],
        /// The attribute's name, as written.
        name: &'a [u8],
        /// The value, references resolved.
        value: &'a [u8],
    },
    /// The document type declaration of an XML document, raw; its entities are never expanded.
    XmlDoctype(&'a [u8]),
    /// The text at one of the places asked for: all text in an element, an attribute's value, or
    /// one run of text.
    XmlNode {
        /// The index of the path.
        path: usize,
        /// The text, references resolved.
        value: &'a [u8],
    },
    /// All text of the root element in one: the value of `XML:/*`. Comes last, after an error too.
    XmlContent(&'a [u8]),
}

/// The callback that receives items.
pub type Sink<'s> = &'s mut dyn FnMut(Item<'_>);
