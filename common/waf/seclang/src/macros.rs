//! `%{VARIABLE.key}` in the arguments of actions and operators.

use crate::arena::Span;
use crate::names::Names;
use crate::reader::Argument;
use crate::variable::Variable;

/// The variable that a macro names.
#[derive(Clone, Debug)]
pub(crate) enum Reference {
    /// A TX variable whose name is written in the rules.
    Tx(u16),
    /// Any other variable, with the key of a collection. The key is as written.
    Variable(Variable, Option<Span>),
}

/// One piece of a text with macros.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(Span),
    Reference(Reference),
}

/// A text that may hold macros, resolved as far as it can be before a request is seen.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub parts: Box<[Part]>,
}

impl Template {
    /// Returns the text itself, if no macro is in it.
    pub(crate) fn constant(&self) -> Option<Span> {
        match &*self.parts {
            [] => Some(Span::EMPTY),
            [Part::Text(span)] => Some(*span),
            _ => None,
        }
    }

    /// Creates a template of a text without macros.
    pub(crate) fn text(text: &[u8], names: &mut Names) -> Self {
        Self { parts: Box::new([Part::Text(names.constants.intern(text))]) }
    }

    /// Parses a text. An error has the offset of the byte in question and what was expected.
    pub(crate) fn parse(text: &Argument, names: &mut Names) -> Result<Self, (u32, String)> {
        let mut parts = Vec::new();
        let (mut plain, mut at) = (0, 0);
        while let Some(rest) = text.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(inner) = macro_at(rest) else {
                at += 1;
                continue;
            };
            if plain < at {
                parts.push(Part::Text(names.constants.intern(&text.bytes[plain..at])));
            }
            let reference = Reference::parse(inner, names).map_err(|message| (text.offset(at), message))?;
            parts.push(Part::Reference(reference));
            at = at + inner.len() + 3;
            plain = at;
        }
        if let Some(rest) = text.bytes.get(plain..).filter(|rest| !rest.is_empty()) {
            parts.push(Part::Text(names.constants.intern(rest)));
        }
        Ok(Self { parts: parts.into() })
    }
}

/// Returns whether a text has a macro in it.
pub(crate) fn has_macro(text: &[u8]) -> bool {
    (0..text.len()).any(|at| text.get(at..).is_some_and(|rest| macro_at(rest).is_some()))
}

/// Returns the text between `%{` and `}` at the start of `text`, if that looks like a variable.
fn macro_at(text: &[u8]) -> Option<&[u8]> {
    let inner = text.strip_prefix(b"%{")?;
    let end = inner.iter().position(|byte| *byte == b'}')?;
    let inner = inner.get(..end)?;
    inner.first().is_some_and(u8::is_ascii_alphabetic).then_some(inner)
}

impl Reference {
    fn parse(inner: &[u8], names: &mut Names) -> Result<Self, String> {
        let end = inner.iter().position(|byte| matches!(byte, b'.' | b':')).unwrap_or(inner.len());
        let name = String::from_utf8_lossy(&inner[..end]).into_owned();
        let key = inner.get(end + 1..);
        let variable = Variable::named(&name)
            .map_err(|why| format!("{why} in a macro; expected one as in %{{TX.name}} or %{{REMOTE_ADDR}}"))?;
        names.variables.extend(variable.stored_as());
        match (variable, key) {
            (Variable::Tx, Some(key)) => Ok(Reference::Tx(names.tx(key))),
            (variable, None) if variable.is_collection() && variable != Variable::MatchedVars => {
                Err(format!("{name} is a collection; expected a key, as in %{{{name}.key}}"))
            }
            (variable, key) => Ok(Reference::Variable(variable, key.map(|key| names.constants.intern(key)))),
        }
    }
}
