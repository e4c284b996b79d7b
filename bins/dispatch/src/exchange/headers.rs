//! Changes of header fields that a policy makes, of requests and of responses.

use std::borrow::Cow;

use fosse_handshake::Handshake;
use fosse_http1::{is_value, same_name, trim};
use fosse_routing::pattern::Grouped;
use fosse_routing::{Facts, Headers, render, render_part};
use fosse_settings::{HeaderChange, HeaderEdit, Part, Template};
use fosse_wire::{fields::Fields, request::RequestHead};

/// The changes, in the order in which they are made.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    edits: Vec<Edit>,
    /// Some value depends on the request.
    pub(crate) have_variables: bool,
    /// The values, where none does.
    constant: Values,
}

/// One change.
#[derive(Debug)]
struct Edit {
    /// As it is written.
    name: String,
    lower: Vec<u8>,
    change: HeaderChange,
    /// The expression of a replacement.
    regex: Option<Grouped>,
}

/// The values of the changes of one message, one for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values(Vec<Value>);

/// The value of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// All of it; empty for one that no field may have.
    Whole(Vec<u8>),
    /// Texts, and groups of an expression between them.
    Parts(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Group(usize),
}

/// The values to be searched for expressions are longer together than they may be for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMuchToSearch;

impl Edits {
    /// Arranges the changes.
    pub(crate) fn new(edits: Vec<HeaderEdit>) -> Self {
        let is_variable = |part: &Part| !matches!(part, Part::Text(_) | Part::Group(_));
        let have_variables =
            edits.iter().filter_map(|edit| template(&edit.change)).any(|template| template.0.iter().any(is_variable));
        let edit = |HeaderEdit { name, change }| {
            // One that does not compile has been refused with the configuration.
            let regex = if let HeaderChange::Replace(regex, _) = &change { Grouped::new(regex) } else { None };
            Edit { lower: name.to_ascii_lowercase().into_bytes(), name, change, regex }
        };
        let mut edits =
            Self { edits: edits.into_iter().map(edit).collect(), have_variables, constant: Values::default() };
        if !have_variables {
            edits.constant = with_facts(&RequestHead::default(), |facts| edits.values(facts));
        }
        edits
    }

    /// Returns the values where they do not depend on the request.
    pub(crate) const fn constant(&self) -> &Values {
        &self.constant
    }

    /// Returns whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Returns the names that are changed, in lower case.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.edits.iter().map(|edit| edit.lower.as_slice())
    }

    /// Returns whether no field of this name passes: all are left out, or another value is written.
    pub(crate) fn drop(&self, name: &[u8]) -> bool {
        self.edits.iter().any(|edit| {
            matches!(edit.change, HeaderChange::Remove | HeaderChange::Set(_)) && same_name(name, &edit.lower)
        })
    }

    /// Makes the values for a request. One that no field may have (RFC 9110, section 5.5) is empty.
    pub(crate) fn values(&self, facts: &Facts<'_>) -> Values {
        let value = |edit: &Edit| {
            let mut value = Vec::new();
            match (&edit.change, template(&edit.change)) {
                (HeaderChange::Replace(..), Some(template)) => return Value::Parts(pieces(template, facts)),
                (_, Some(template)) => render(template, facts, &[], &mut value),
                (_, None) => {}
            }
            Value::Whole(if is_value(&value) { value } else { Vec::new() })
        };
        Values(self.edits.iter().map(value).collect())
    }

    /// Iterates over the fields that are written, with their values. `has` tells whether the
    /// message has a field of that name, in lower case; an empty value writes no field.
    pub(crate) fn written<'a>(
        &'a self,
        values: &'a Values,
        secure: bool,
        has: impl Fn(&[u8]) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let whole = |(edit, value): (&'a Edit, &'a Value)| match value {
            Value::Whole(value) if !value.is_empty() => Some((edit, value)),
            Value::Whole(_) | Value::Parts(_) => None,
        };
        let all = self.edits.iter().zip(&values.0).filter_map(whole);
        let due = all.filter(move |(edit, _)| match edit.change {
            HeaderChange::Remove | HeaderChange::Replace(..) => false,
            HeaderChange::Set(_) | HeaderChange::Add(_) => true,
            HeaderChange::Default(_) => !has(&edit.lower),
            HeaderChange::DefaultOverHttps(_) => secure && !has(&edit.lower),
        });
        due.map(|(edit, value)| (edit.name.as_bytes(), value.as_slice()))
    }

    /// Returns the value of a field of the message, with its parts replaced; empty where nothing of
    /// it is left, or what no field may have. `bytes_left` is what may still be searched for the
    /// message.
    ///
    /// # Errors
    /// [`TooMuchToSearch`].
    pub(crate) fn replaced<'v>(
        &self,
        name: &[u8],
        value: Cow<'v, [u8]>,
        values: &Values,
        bytes_left: &mut usize,
    ) -> Result<Cow<'v, [u8]>, TooMuchToSearch> {
        let mut value = value;
        let all = self.edits.iter().zip(&values.0).filter(|(edit, _)| edit.regex.is_some());
        for (edit, pieces) in all.filter(|(edit, _)| same_name(name, &edit.lower)) {
            let (Some(regex), Value::Parts(pieces)) = (&edit.regex, pieces) else { continue };
            *bytes_left = bytes_left.checked_sub(value.len()).ok_or(TooMuchToSearch)?;
            let Some((found, groups)) = regex.first(&value) else { continue };
            let mut new = value[..found.start].to_vec();
            for piece in pieces {
                new.extend_from_slice(match piece {
                    Piece::Text(text) => text,
                    Piece::Group(group) => groups.get(*group).copied().unwrap_or_default(),
                });
            }
            new.extend_from_slice(&value[found.end..]);
            let new = without_spaces(&new);
            value = Cow::Owned(if is_value(new) { new.to_vec() } else { Vec::new() });
        }
        Ok(value)
    }
}

/// Returns a value without the spaces at its ends, which are none of it (RFC 9110, section 5.5).
fn without_spaces(value: &[u8]) -> &[u8] {
    let blank = value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    trim(&value[blank..])
}

/// Returns the parts of a replacement for a request.
fn pieces(template: &Template, facts: &Facts<'_>) -> Vec<Piece> {
    let piece = |part: &Part| match part {
        Part::Group(group) => Piece::Group(usize::try_from(*group).unwrap_or(usize::MAX)),
        part => {
            let mut text = Vec::new();
            render_part(part, facts, &mut text);
            Piece::Text(text)
        }
    };
    template.0.iter().map(piece).collect()
}

const fn template(change: &HeaderChange) -> Option<&Template> {
    match change {
        HeaderChange::Remove => None,
        HeaderChange::Set(template)
        | HeaderChange::Add(template)
        | HeaderChange::Default(template)
        | HeaderChange::DefaultOverHttps(template)
        | HeaderChange::Replace(_, template) => Some(template),
    }
}

/// The header fields of a frame.
struct FrameHeaders<'a>(Fields<'a>);

impl Headers for FrameHeaders<'_> {
    fn any(&self, name: &[u8], test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.0.into_iter().any(|(field, value)| same_name(field, name) && test(value))
    }
}

/// Calls `with` with the facts of a request.
pub(crate) fn with_facts<T>(head: &RequestHead<'_>, with: impl FnOnce(&Facts<'_>) -> T) -> T {
    with(&Facts {
        client: head.client.ip(),
        client_bytes: head.client.addr,
        client_port: head.client.port,
        listener: head.listener,
        secure: head.secure,
        method: head.method,
        host: head.host,
        host_port: head.host_port,
        request: head.request,
        target: head.received_target(),
        handshake: Handshake::of_request(head),
        headers: &FrameHeaders(head.fields),
    })
}

/// Returns the text of a template for a request; empty where it is no value of a field.
pub(crate) fn text(template: &Template, head: &RequestHead<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    with_facts(head, |facts| render(template, facts, &[], &mut text));
    if is_value(&text) && trim(&text).len() == text.len() { text } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_settings::Variable;

    fn edit(name: &str, change: HeaderChange) -> HeaderEdit {
        HeaderEdit { name: name.into(), change }
    }

    fn plain(text: &str) -> Template {
        Template(vec![Part::Text(text.into())])
    }

    #[test]
    fn each_change_writes_what_it_says() {
        let edits = Edits::new(vec![
            edit("X-Gone", HeaderChange::Remove),
            edit("X-Set", HeaderChange::Set(Template(vec![Part::Variable(Variable::Host)]))),
            edit("X-Add", HeaderChange::Add(plain("1"))),
            edit("X-Default", HeaderChange::Default(plain("2"))),
            edit("X-There", HeaderChange::Default(plain("3"))),
            edit("X-Secure", HeaderChange::DefaultOverHttps(plain("4"))),
            edit("X-Bad", HeaderChange::Set(plain("a\r\nb: c"))),
            edit("X-None", HeaderChange::Set(Template(vec![Part::Header("absent".into())]))),
        ]);
        let head = RequestHead { method: b"GET", target: b"/", host: b"a.example", ..RequestHead::default() };
        let values = with_facts(&head, |facts| edits.values(facts));
        let written = |secure| {
            let fields = edits.written(&values, secure, |name| name == b"x-there");
            fields.map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii())).collect::<Vec<_>>()
        };
        assert_eq!(written(false), ["X-Set: a.example", "X-Add: 1", "X-Default: 2"]);
        assert_eq!(written(true)[3], "X-Secure: 4");
        assert!(edits.have_variables && edits.drop(b"x-gone") && edits.drop(b"X-SET") && !edits.drop(b"X-Add"));
    }

    fn replace(name: &str, regex: &str, parts: Vec<Part>) -> HeaderEdit {
        edit(name, HeaderChange::Replace(regex.into(), Template(parts)))
    }

    #[test]
    fn the_part_that_an_expression_finds_first_becomes_another_one() {
        let (text, group) = (|text: &str| Part::Text(text.into()), Part::Group);
        let all = vec![text("<"), group(0), group(2), group(9), text("> "), Part::Variable(Variable::Host)];
        let edits = Edits::new(vec![
            replace("Location", "^http://([^/]*)", vec![text("https://"), group(1), text(":1")]),
            replace("X-All", "(a)(b)?", all),
            replace("X-Gone", "^.*$", vec![]),
            replace("X-Twice", "a", vec![text("b")]),
            replace("x-twice", "b", vec![text("cb")]),
            replace("X-Bad", "x", vec![text("\r\n")]),
        ]);
        let head = RequestHead { method: b"GET", target: b"/", host: b"a.example", ..RequestHead::default() };
        let values = with_facts(&head, |facts| edits.values(facts));
        let replaced = |name: &str, value: &str| {
            let value = edits.replaced(name.as_bytes(), value.as_bytes().into(), &values, &mut 1000).unwrap();
            String::from_utf8(value.into_owned()).unwrap()
        };
        for (name, before, after) in [
            ("location", "http://x/http://y", "https://x:1/http://y"),
            ("Location", "/http://y", "/http://y"),
            ("X-All", "xabab", "x<abb> a.exampleab"),
            ("X-All", "a", "<a> a.example"),
            ("X-Gone", "abc", ""),
            ("X-Twice", "aa", "cba"),
            ("X-Bad", "axb", ""),
            ("X-Other", "abc", "abc"),
        ] {
            assert_eq!(replaced(name, before), after, "{name}: {before}");
        }
        assert!(edits.have_variables && edits.written(&values, true, |_| false).count() == 0 && !edits.drop(b"x-all"));
    }

    #[test]
    fn no_more_is_searched_for_a_message_than_the_limit() {
        let edits = Edits::new(vec![replace("A", "b", vec![])]);
        let mut left = 10;
        let mut replaced =
            |value: &'static [u8]| edits.replaced(b"a", value.into(), edits.constant(), &mut left).map(drop);
        assert_eq!([replaced(b"123456"), replaced(b"1234"), replaced(b"")], [Ok(()), Ok(()), Ok(())]);
        assert_eq!(replaced(b"1"), Err(TooMuchToSearch));
    }
}
