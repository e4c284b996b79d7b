//! XML bodies: text and attributes, without building a document.
//!
//! A small reader of well-formed XML 1.0. It resolves the five predefined entities and character
//! references and no others: a document type declaration is passed over and given raw, its entities
//! stay as they are written. Namespaces are looked at where a [path](XmlPath) asks for them. An
//! XML-RPC call (root `methodCall`) gives its method and parameters as arguments too.

mod encoding;
mod leaves;
mod path;
mod report;
mod rpc;
mod scan;

pub use path::{NAMESPACES_COUNT_MAX, Namespace, STEPS_COUNT_MAX, XmlPath};
pub use report::{XmlError, XmlReport};

use crate::charset::Charset;
use crate::limits::{ARGUMENTS_COUNT_MAX, Budget};
use crate::{Item, Sink};
use leaves::Leaves;
use path::{Scope, Walk};
use rpc::Rpc;
use scan::Scan;
use std::ops::Range;

/// Elements inside each other at most, as in libxml2.
pub const DEPTH_COUNT_MAX: usize = 256;

/// Attributes of one element at most; XHTML elements have tens.
pub const ATTRIBUTES_COUNT_MAX: usize = 256;

/// Options for reading an XML body.
#[derive(Clone, Copy, Debug)]
pub struct XmlOptions<'p> {
    /// Elements inside each other at most.
    pub depth_count_max: usize,
    /// Arguments of an XML-RPC call at most (SecArgumentsLimit).
    pub arguments_count_max: usize,
    /// The charset of the Content-Type header, if it has one that is known; it goes before the
    /// document's own.
    pub charset: Option<Charset>,
    /// Places to give as [`Item::XmlNode`], at most [`STEPS_COUNT_MAX`] steps in all.
    pub paths: &'p [XmlPath],
    /// Gives elements without elements in them as arguments (SecParseXmlIntoArgs).
    pub leaves_as_arguments: bool,
    /// The body is the beginning of a longer one: that it ends too early is no error, and what
    /// there is of its last text or value is given.
    pub is_cut: bool,
}

impl Default for XmlOptions<'_> {
    fn default() -> Self {
        Self {
            depth_count_max: DEPTH_COUNT_MAX,
            arguments_count_max: ARGUMENTS_COUNT_MAX,
            charset: None,
            paths: &[],
            leaves_as_arguments: false,
            is_cut: false,
        }
    }
}

/// Gives the text and attributes of `input` as XML items, an XML-RPC call as [`Item::Argument`]
/// too.
pub fn parse(input: &[u8], options: &XmlOptions<'_>, sink: Sink<'_>) -> XmlReport {
    let mut report = XmlReport::default();
    let text = match encoding::decoded(input, options) {
        Ok(text) => text,
        Err(error) => return XmlReport { error: Some(error), ..report },
    };
    let mut parser = Parser {
        scan: Scan::new(&text, options.is_cut),
        open: Vec::new(),
        content: Vec::new(),
        scratch: Vec::new(),
        seen_root: false,
        report: &mut report,
        options,
        budget: Budget::new(text.len(), usize::MAX),
        rpc: Rpc::new(text.len(), options.arguments_count_max),
        leaves: Leaves::new(options.leaves_as_arguments, text.len(), options.arguments_count_max),
        walk: Walk::new(options.paths),
        scope: Scope::default(),
        nodes: Budget::new(text.len(), usize::MAX),
        sink,
    };
    let error = match parser.document() {
        Err(XmlError::Premature) if options.is_cut => parser.unfinished().err(),
        done => done.err(),
    };
    parser.give_open_nodes();
    if parser.seen_root {
        (parser.sink)(Item::XmlContent(&parser.content));
    }
    report.error = error;
    report
}

/// An attribute's name and its value, references resolved.
type Attribute<'t> = (&'t [u8], Vec<u8>);

struct Parser<'t, 'r, 's> {
    scan: Scan<'t>,
    /// Names of the open elements, as places in the text.
    open: Vec<Range<usize>>,
    content: Vec<u8>,
    scratch: Vec<u8>,
    seen_root: bool,
    report: &'r mut XmlReport,
    options: &'r XmlOptions<'r>,
    budget: Budget,
    rpc: Rpc,
    leaves: Leaves,
    /// The state of the paths asked for.
    walk: Walk<'r>,
    scope: Scope<'t>,
    /// The budget of nodes, apart from the rest: elements inside each other repeat the same text.
    nodes: Budget,
    sink: Sink<'s>,
}

impl<'t> Parser<'t, '_, '_> {
    fn document(&mut self) -> Result<(), XmlError> {
        if self.scan.starts_with(b"<?xml") {
            self.scan.past(b"?>")?;
        }
        loop {
            let text = self.scan.text();
            self.text(text, true)?;
            if self.scan.at_end() {
                break;
            }
            self.markup()?;
        }
        if self.seen_root && self.open.is_empty() { Ok(()) } else { Err(XmlError::Premature) }
    }

    /// Gives the text or the value at whose beginning a body that was cut was read last.
    fn unfinished(&mut self) -> Result<(), XmlError> {
        let rest = self.scan.unfinished();
        if !self.seen_root || rest.is_empty() {
            return Ok(());
        }
        let text = self.scan.resolve(rest, self.report.doctype, &mut self.scratch).unwrap_or(rest);
        self.budget.take(text.len() * 2)?;
        self.content.extend_from_slice(text);
        (self.sink)(Item::XmlAttribute { element: b"", name: b"", value: text });
        Ok(())
    }

    fn markup(&mut self) -> Result<(), XmlError> {
        match self.scan.kind() {
            Some(b'/') => self.end_tag(),
            Some(b'!') => self.declaration(),
            Some(b'?') => self.instruction(),
            _ => self.start_tag(),
        }
    }

    fn declaration(&mut self) -> Result<(), XmlError> {
        if self.scan.take(b"<!--") {
            self.scan.past(b"--")?;
            return if self.scan.take(b">") { Ok(()) } else { Err(self.scan.error()) };
        }
        if self.scan.starts_with(b"<!DOCTYPE") {
            return self.doctype();
        }
        if self.open.is_empty() || !self.scan.take(b"<![CDATA[") {
            return Err(self.scan.error());
        }
        let text = self.scan.past(b"]]>")?;
        self.text(text, false)
    }

    fn instruction(&mut self) -> Result<(), XmlError> {
        self.scan.take(b"<?");
        let target = self.scan.name()?;
        if self.scan.bytes(&target).eq_ignore_ascii_case(b"xml") {
            return Err(self.scan.error());
        }
        self.scan.past(b"?>").map(|_| ())
    }

    /// Gives one run of text; `references` says that it is not CDATA.
    fn text(&mut self, text: &'t [u8], references: bool) -> Result<(), XmlError> {
        let Some(element) = self.open.last() else {
            // Text in front of the root or behind it is wrong however it goes on.
            let is_blank = text.iter().all(|byte| scan::is_blank(*byte));
            return if is_blank { Ok(()) } else { Err(XmlError::NotWellFormed(self.scan.place())) };
        };
        if text.is_empty() {
            return Ok(());
        }
        let text = if references {
            let whole = self.scan.whole_references(text);
            self.scan.resolve(whole, self.report.doctype, &mut self.scratch)?
        } else {
            text
        };
        let element = self.scan.bytes(element);
        self.budget.take(element.len() + text.len() * 2)?;
        self.content.extend_from_slice(text);
        self.rpc.text(text);
        self.leaves.text(text);
        (self.sink)(Item::XmlText { element, text });
        for path in self.walk.text() {
            self.nodes.take(text.len())?;
            (self.sink)(Item::XmlNode { path, value: text });
        }
        Ok(())
    }

    fn doctype(&mut self) -> Result<(), XmlError> {
        if self.seen_root || self.report.doctype {
            return Err(self.scan.error());
        }
        self.report.doctype = true;
        let start = self.scan.place();
        let done = self.scan.doctype();
        if done.is_err() && !self.options.is_cut {
            return done;
        }
        let declaration = self.scan.bytes(&(start..self.scan.place()));
        self.budget.take(declaration.len())?;
        (self.sink)(Item::XmlDoctype(declaration));
        done
    }

    fn end_tag(&mut self) -> Result<(), XmlError> {
        self.scan.take(b"</");
        let name = self.scan.name()?;
        self.scan.blank();
        let opened = self.open.pop().ok_or_else(|| self.scan.error())?;
        if self.scan.bytes(&name) != self.scan.bytes(&opened) || !self.scan.take(b">") {
            return Err(self.scan.error());
        }
        self.close(name)
    }

    fn close(&mut self, name: Range<usize>) -> Result<(), XmlError> {
        let parent = self.open.last().map(|parent| self.scan.bytes(parent)).unwrap_or_default();
        self.rpc.end(self.scan.bytes(&name), parent, self.sink)?;
        self.leaves.end(self.sink)?;
        self.leave_node()
    }

    /// Gives an element that ends to the paths that end at it.
    fn leave_node(&mut self) -> Result<(), XmlError> {
        if self.walk.is_idle() {
            return Ok(());
        }
        self.scope.leave(self.open.len());
        let (start, paths) = self.walk.leave();
        let value = &self.content[start..];
        for path in paths {
            self.nodes.take(value.len())?;
            (self.sink)(Item::XmlNode { path, value });
        }
        Ok(())
    }

    /// Gives, after an error, the elements that are open as far as they were read.
    fn give_open_nodes(&mut self) {
        while self.walk.is_inside() && self.leave_node().is_ok() {}
    }

    fn start_tag(&mut self) -> Result<(), XmlError> {
        if !self.scan.take(b"<") || (self.open.is_empty() && self.seen_root) {
            return Err(self.scan.error());
        }
        let name = self.scan.name()?;
        let root = !self.seen_root;
        self.seen_root = true;
        self.rpc.start(self.scan.bytes(&name), root);
        self.report.rpc = self.rpc.is_call();
        self.leaves.start(self.scan.bytes(&name))?;
        let attributes = self.attributes(&name)?;
        self.enter_node(&name, &attributes)?;
        if self.scan.take(b"/>") {
            return self.close(name);
        }
        if !self.scan.take(b">") {
            return Err(self.scan.error());
        }
        // Only here: an element that is empty is not inside of itself.
        if self.open.len() >= self.options.depth_count_max {
            return Err(XmlError::TooDeep);
        }
        self.open.push(name);
        Ok(())
    }

    /// Finds the paths that an element and its attributes lie on.
    fn enter_node(&mut self, name: &Range<usize>, attributes: &[Attribute<'t>]) -> Result<(), XmlError> {
        if self.walk.is_idle() {
            return Ok(());
        }
        let depth = self.open.len();
        let declared = attributes.iter().filter_map(|(name, value)| match name.strip_prefix(b"xmlns") {
            Some(b"") => Some((b"".as_slice(), value)),
            Some([b':', prefix @ ..]) => Some((prefix, value)),
            _ => None,
        });
        for (prefix, namespace) in declared {
            if !self.scope.declare(depth, prefix, namespace) {
                return Err(XmlError::TooMany);
            }
        }
        self.walk.enter(self.scope.resolve(self.scan.bytes(name), false), self.content.len());
        for (name, value) in attributes.iter().filter(|(name, _)| *name != b"xmlns" && !name.starts_with(b"xmlns:")) {
            for path in self.walk.attribute(self.scope.resolve(name, true)) {
                self.nodes.take(value.len())?;
                (self.sink)(Item::XmlNode { path, value });
            }
        }
        Ok(())
    }

    /// Gives the attributes of an element; returns those that paths may ask for.
    fn attributes(&mut self, element: &Range<usize>) -> Result<Vec<Attribute<'t>>, XmlError> {
        let mut kept = Vec::new();
        let mut names: Vec<&'t [u8]> = Vec::new();
        while self.scan.blank() && !self.scan.starts_with(b">") && !self.scan.starts_with(b"/>") {
            let name = self.scan.name()?;
            let name = self.scan.bytes(&name);
            let raw = self.scan.attribute_value()?;
            let value = self.scan.resolve(raw, self.report.doctype, &mut self.scratch)?;
            let element = self.scan.bytes(element);
            self.budget.take(element.len() + name.len() + value.len())?;
            (self.sink)(Item::XmlAttribute { element, name, value });
            if !self.walk.is_idle() {
                kept.push((name, value.to_vec()));
            }
            names.push(name);
            if names.len() > ATTRIBUTES_COUNT_MAX {
                return Err(XmlError::TooMany);
            }
        }
        // XML 1.0 section 3.1 has no attribute twice. Looking each up among those before it would
        // cost a square.
        names.sort_unstable();
        match names.windows(2).any(|pair| matches!(pair, [first, second] if first == second)) {
            true => Err(self.scan.error()),
            false => Ok(kept),
        }
    }
}
