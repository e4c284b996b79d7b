//! The result of reading an XML body.

use crate::limits::Spent;
use std::fmt;

/// The reason an XML body was not read to its end; its text is for REQBODY_ERROR_MSG.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum XmlError {
    /// The document ends too early, or is empty.
    Premature,
    /// A byte that cannot occur at this place (offset in bytes, of the text in UTF-8).
    NotWellFormed(usize),
    /// A character set that cannot be converted.
    UnsupportedCharset,
    /// The text is not valid in its character set, or has control characters.
    NotText,
    /// More elements inside each other than allowed.
    TooDeep,
    /// More attributes, namespaces or arguments than allowed.
    TooMany,
    /// Names so long, or texts of elements inside each other so often, that together they multiply
    /// the body.
    NamesTooLong,
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Premature => write!(f, "XML parsing error: premature end"),
            Self::NotWellFormed(at) => write!(f, "XML parsing error: not well-formed at offset {at}"),
            Self::UnsupportedCharset => write!(f, "XML parsing error: unsupported character set"),
            Self::NotText => write!(f, "XML parsing error: invalid character"),
            Self::TooDeep => write!(f, "XML parsing error: depth limit exceeded"),
            Self::TooMany => write!(f, "XML parsing error: more attributes, namespaces or arguments than allowed"),
            Self::NamesTooLong => write!(f, "XML parsing error: names too long"),
        }
    }
}

impl From<Spent> for XmlError {
    fn from(spent: Spent) -> Self {
        match spent {
            Spent::Count => Self::TooMany,
            Spent::Bytes => Self::NamesTooLong,
        }
    }
}

/// The result of reading an XML body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct XmlReport {
    /// The reason it stopped early (REQBODY_ERROR).
    pub error: Option<XmlError>,
    /// There is a document type declaration. Callers that want none refuse on this.
    pub doctype: bool,
    /// It is an XML-RPC call.
    pub rpc: bool,
}
