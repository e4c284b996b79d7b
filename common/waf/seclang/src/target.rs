//! The targets of a rule: `ARGS|!ARGS:password|&TX:x|REQUEST_HEADERS:/^X-/`.

use crate::arena::Span;
use crate::names::Names;
use crate::reader::Argument;
use crate::variable::Variable;
use fosse_bodies::xml::XmlPath;
use fosse_pattern::Regex;
use std::sync::Arc;

/// A choice of entries of a collection.
#[derive(Clone, Debug)]
pub(crate) enum Selector {
    All,
    Name(Span),
    Pattern(Arc<Regex>),
}

/// One variable a rule looks at.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub variable: Variable,
    pub selector: Selector,
    /// Its number of values instead of the values.
    pub count: bool,
    /// The slot, where the variable is TX and the selector a name.
    pub slot: Option<u16>,
    /// The slots, where the variable is TX and the selector a pattern; filled in when all names are
    /// known.
    pub slots: Arc<[u16]>,
}

/// The targets of a rule, and what is taken out of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub wanted: Vec<Target>,
    pub excluded: Vec<Target>,
}

type Fault = (u32, String);

/// Reads a list of targets.
pub(crate) fn parse(text: &Argument, names: &mut Names) -> Result<Targets, Fault> {
    let mut targets = Targets::default();
    let mut at = 0;
    while at < text.bytes.len() {
        let end = item_end(&text.bytes, at);
        let item = trimmed(text, at, end);
        let (negated, target) = parse_item(&item, names)?;
        if negated {
            targets.excluded.push(target)
        } else {
            targets.wanted.push(target)
        }
        at = end + 1;
    }
    if targets.wanted.is_empty() && targets.excluded.is_empty() {
        return Err((text.offset(0), "no variable; expected one like ARGS or REQUEST_HEADERS:User-Agent".to_owned()));
    }
    Ok(targets)
}

fn trimmed(text: &Argument, start: usize, end: usize) -> Argument {
    let bytes = &text.bytes[start..end];
    let lead = bytes.len() - bytes.trim_ascii_start().len();
    let tail = bytes.len() - bytes.trim_ascii_end().len();
    let start = (start + lead).min(end);
    text.part(start..(end - tail).max(start))
}

/// Returns the end of the item that starts at `start`: at `|` or `,` outside quotes and outside
/// `/.../`.
fn item_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start..];
    let plain = rest.iter().position(|byte| matches!(byte, b'|' | b',')).unwrap_or(rest.len());
    let Some(colon) = rest.iter().position(|byte| *byte == b':').filter(|colon| *colon < plain) else {
        return start + plain;
    };
    let name = rest[..colon].trim_ascii_end();
    let selector = colon + 1;
    let closing = match rest.get(selector) {
        Some(b'\'') => b'\'',
        Some(b'/') if !name.to_ascii_uppercase().ends_with(b"XML") => b'/',
        _ => return start + plain,
    };
    let mut escaped = false;
    for (at, byte) in rest.iter().enumerate().skip(selector + 1) {
        let next = rest.get(at + 1);
        if *byte == closing && !escaped && matches!(next, None | Some(b'|' | b',' | b' ')) {
            return start + at + 1;
        }
        escaped = *byte == b'\\' && !escaped;
    }
    start + plain
}

fn parse_item(item: &Argument, names: &mut Names) -> Result<(bool, Target), Fault> {
    let negated = item.bytes.first() == Some(&b'!');
    let count = item.bytes.first() == Some(&b'&');
    let from = usize::from(negated || count);
    let colon = item.bytes.iter().position(|byte| *byte == b':').unwrap_or(item.bytes.len());
    let name = item.part(from.min(colon)..colon).text();
    let variable = Variable::named(name.trim()).map_err(|why| {
        let cure = if why.starts_with("unknown") {
            "; expected one like ARGS, TX:name or REQUEST_HEADERS:User-Agent"
        } else {
            ""
        };
        (item.offset(from), format!("{why}{cure}"))
    })?;
    let selector = item.part((colon + 1).min(item.bytes.len())..item.bytes.len());
    if colon < item.bytes.len() && !variable.is_collection() {
        return Err((item.offset(colon), format!("{} has one value only; expected no `:` here", variable.name())));
    }
    let target = if variable == Variable::Xml {
        xml(&selector, names)?
    } else {
        let (selector, slot) = parse_selector(variable, &selector, names)?;
        Target { variable, selector, count: false, slot, slots: Arc::default() }
    };
    Ok((negated, Target { count, ..target }))
}

/// Parses `XML:path`. Paths are resolved when the rule's `xmlns` actions are known.
fn xml(selector: &Argument, names: &mut Names) -> Result<Target, Fault> {
    let path = match selector.bytes.as_slice() {
        [b'\'', .., b'\''] => selector.part(1..selector.bytes.len() - 1),
        _ => selector.clone(),
    };
    let (variable, selector) = match path.bytes.as_slice() {
        b"/*" => (Variable::XmlText, Selector::All),
        b"//@*" => (Variable::XmlAttributes, Selector::All),
        // Not an XPath: what precedes the root element, where entities are declared.
        b"doctype" => (Variable::XmlDoctype, Selector::All),
        b"" => (Variable::Xml, Selector::All),
        bytes => {
            XmlPath::parse(bytes, None).map_err(|(at, why)| (path.offset(at), why))?;
            (Variable::XmlNodes, Selector::Name(names.constants.intern(bytes)))
        }
    };
    Ok(Target { variable, selector, count: false, slot: None, slots: Arc::default() })
}

fn parse_selector(variable: Variable, text: &Argument, names: &mut Names) -> Result<(Selector, Option<u16>), Fault> {
    let unquoted = match text.bytes.as_slice() {
        [b'\'', .., b'\''] => text.part(1..text.bytes.len() - 1),
        _ => text.clone(),
    };
    match unquoted.bytes.as_slice() {
        b"" => Ok((Selector::All, None)),
        [b'/', .., b'/'] if unquoted.bytes.len() > 2 => {
            let inner = unquoted.part(1..unquoted.bytes.len() - 1);
            // Names are compared without regard to case where the collection's are.
            let minds = variable.selector_minds_case();
            let pattern = if minds { inner.bytes.clone() } else { [b"(?i)", inner.bytes.as_slice()].concat() };
            Regex::new(&pattern)
                .map(|regex| (Selector::Pattern(Arc::new(regex)), None))
                .map_err(|error| (inner.offset(0), format!("in this pattern: {}", error.reason)))
        }
        name => {
            let slot = (variable == Variable::Tx).then(|| names.tx(name));
            Ok((Selector::Name(names.constants.intern(name)), slot))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Targets, Fault> {
        let mut argument = Argument::default();
        text.bytes().enumerate().for_each(|(at, byte)| argument.push(byte, u32::try_from(at).unwrap()));
        argument.close(u32::try_from(text.len()).unwrap());
        parse(&argument, &mut Names::default())
    }

    #[test]
    fn reads_selectors_counts_and_exclusions() {
        let targets = read(r"ARGS|!ARGS:/a|b\/c/|&TX:x|XML:/*|XML://@*|REQUEST_COOKIES:'a|b', FILES").unwrap();
        let wanted: Vec<_> = targets.wanted.iter().map(|target| (target.variable, target.count)).collect();
        assert_eq!(
            wanted,
            [
                (Variable::Args, false),
                (Variable::Tx, true),
                (Variable::XmlText, false),
                (Variable::XmlAttributes, false),
                (Variable::RequestCookies, false),
                (Variable::Files, false),
            ]
        );
        assert!(
            matches!(&targets.excluded.first().unwrap().selector, Selector::Pattern(regex) if regex.pattern() == br"a|b\/c")
        );
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(read("ARGS|BLARGS:x").map(|_| ()).unwrap_err().0, 5);
        assert!(read("REQUEST_URI:x").is_err());
        assert_eq!(read("XML:/a[1]").map(|_| ()).unwrap_err().0, 5);
        assert!(read("").is_err());
        assert!(read("ARGS:/(/").is_err());
    }
}
