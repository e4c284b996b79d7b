//! Changes of header fields that a policy makes, of requests and of responses.

use fosse_http1::{is_value, same_name, trim};
use fosse_routing::{Facts, Headers, render};
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
}

/// The values of the changes of one message, one for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values(Vec<Vec<u8>>);

impl Edits {
    /// Arranges the changes.
    pub(crate) fn new(edits: Vec<HeaderEdit>) -> Self {
        let is_variable = |part: &Part| !matches!(part, Part::Text(_));
        let have_variables =
            edits.iter().filter_map(|edit| template(&edit.change)).any(|template| template.0.iter().any(is_variable));
        let edit = |HeaderEdit { name, change }| Edit { lower: name.to_ascii_lowercase().into_bytes(), name, change };
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
            if let Some(template) = template(&edit.change) {
                render(template, facts, &[], &mut value);
            }
            if is_value(&value) { value } else { Vec::new() }
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
        let all = self.edits.iter().zip(&values.0).filter(|(_, value)| !value.is_empty());
        let due = all.filter(move |(edit, _)| match edit.change {
            HeaderChange::Remove => false,
            HeaderChange::Set(_) | HeaderChange::Add(_) => true,
            HeaderChange::Default(_) => !has(&edit.lower),
            HeaderChange::DefaultOverHttps(_) => secure && !has(&edit.lower),
        });
        due.map(|(edit, value)| (edit.name.as_bytes(), value.as_slice()))
    }
}

const fn template(change: &HeaderChange) -> Option<&Template> {
    match change {
        HeaderChange::Remove => None,
        HeaderChange::Set(template)
        | HeaderChange::Add(template)
        | HeaderChange::Default(template)
        | HeaderChange::DefaultOverHttps(template) => Some(template),
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
}
