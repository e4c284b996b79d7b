//! Variables out of the request body.

use super::bodies::Bodies;
use super::head::form_options;
use super::request::{Line, Reading, Request};
use super::variables::Variables;
use crate::arena::widen;
use crate::modes::{Processor, XmlArguments};
use crate::variable::Variable;
use fosse_bodies::form::{self, FormReport};
use fosse_bodies::json::{self, JsonOptions, JsonReport};
use fosse_bodies::multipart::{self, MultipartOptions, MultipartReport};
use fosse_bodies::xml::{self, XmlOptions, XmlReport};
use fosse_bodies::{Item, Sink};

/// Fills in what the request body gives.
pub(super) fn fill(request: &mut Request, bodies: &Bodies, variables: &mut Variables<'_>) {
    variables.set_single(Variable::RequestBodyLength, request.body.len().to_string().as_bytes());
    variables.set_flag(Variable::InboundDataError, request.is_cut);
    let mut reading = std::mem::take(&mut request.reading);
    if !request.body.is_empty() && bodies.request_access {
        let is_cut = request.is_cut;
        let mut reader = Reader { variables, reading: &mut reading, is_cut, xml_arguments: bodies.xml_arguments };
        match reader.variables.processor {
            // REQUEST_BODY has forms alone, as in ModSecurity 2, unless
            // `ctl:forceRequestBodyVariable` asks for more; STREAM_INPUT_BODY has every body.
            Some(Processor::Urlencoded) => reader.urlencoded(&request.body),
            Some(Processor::Multipart) => reader.multipart(&request.content_type, &request.body),
            Some(Processor::Json) => reader.json(&request.body),
            Some(Processor::Xml) => reader.xml(request),
            None if bodies.force => variables.add_single(Variable::RequestBody, &request.body),
            None => {}
        }
    }
    variables.add_single(Variable::StreamInputBody, &request.body);
    if variables.rules.uses(Variable::FullRequest) || variables.rules.uses(Variable::FullRequestLength) {
        fill_full_request(&request.line, &request.body, variables);
    }
    fill_report(&reading, variables);
    request.reading = reading;
}

fn fill_report(reading: &Reading, variables: &mut Variables<'_>) {
    variables.set_single(Variable::ArgsCombinedSize, reading.combined_size.to_string().as_bytes());
    variables.set_flag(Variable::UrlencodedError, reading.urlencoded_error);
    let message = reading.error.as_deref().unwrap_or_default();
    for variable in [Variable::ReqbodyError, Variable::ReqbodyProcessorError] {
        variables.set_flag(variable, reading.error.is_some());
    }
    for variable in [Variable::ReqbodyErrorMsg, Variable::ReqbodyProcessorErrorMsg] {
        variables.set_single(variable, message.as_bytes());
    }
}

fn fill_full_request(line: &Line, body: &[u8], variables: &mut Variables<'_>) {
    let mut full = line.raw.clone();
    full.extend_from_slice(b"\n");
    for entry in variables.values.column(Variable::RequestHeaders) {
        full.extend_from_slice(variables.text(entry.key));
        full.extend_from_slice(b": ");
        full.extend_from_slice(variables.text(entry.value));
        full.extend_from_slice(b"\n");
    }
    full.extend_from_slice(b"\n");
    full.extend_from_slice(body);
    variables.add_single(Variable::FullRequest, &full);
    variables.add_number(Variable::FullRequestLength, u64::try_from(full.len()).unwrap_or(u64::MAX));
}

/// Runs one of the parsers and takes in what it finds.
struct Reader<'b, 'r> {
    variables: &'b mut Variables<'r>,
    reading: &'b mut Reading,
    /// The body is longer than what there is of it.
    is_cut: bool,
    xml_arguments: XmlArguments,
}

impl Reader<'_, '_> {
    fn urlencoded(&mut self, body: &[u8]) {
        let body = if self.is_cut { form::whole_escapes(body) } else { body };
        self.variables.add_single(Variable::RequestBody, body);
        let options = form_options(&self.variables.rules.settings);
        let mut report = FormReport::default();
        self.parse(|sink| report = form::urlencoded(body, &options, sink));
        self.reading.urlencoded_error |= report.invalid > 0;
        if report.over_limit {
            self.reading.error = Some("SecArgumentsLimit exceeded".to_owned());
        }
        self.check_no_files(body.len());
    }

    fn json(&mut self, body: &[u8]) {
        let settings = &self.variables.rules.settings;
        let options = JsonOptions {
            depth_count_max: widen(settings.json_depth_limit).min(json::DEPTH_COUNT_MAX),
            arguments_count_max: widen(settings.arguments_limit),
            is_cut: self.is_cut,
            ..JsonOptions::default()
        };
        let mut report = JsonReport::default();
        self.parse(|sink| report = json::parse(body, &options, sink));
        if let Some(error) = report.error {
            self.reading.error = Some(error.to_string());
        }
        self.check_no_files(body.len());
    }

    fn xml(&mut self, request: &Request) {
        let rules = self.variables.rules;
        let options = XmlOptions {
            arguments_count_max: widen(rules.settings.arguments_limit),
            charset: request.charset(),
            paths: if self.xml_arguments == XmlArguments::Only { &[] } else { &rules.paths },
            leaves_as_arguments: self.xml_arguments != XmlArguments::Off,
            is_cut: self.is_cut,
            ..XmlOptions::default()
        };
        let mut report = XmlReport::default();
        self.parse(|sink| report = xml::parse(&request.body, &options, sink));
        match report.error {
            Some(error) => self.reading.error = Some(error.to_string()),
            None if self.xml_arguments == XmlArguments::Only => {}
            None => self.variables.add_single(Variable::Xml, b"[XML document tree]"),
        }
        self.check_no_files(request.body.len());
    }

    fn multipart(&mut self, content_type: &[u8], body: &[u8]) {
        let settings = &self.variables.rules.settings;
        let options = MultipartOptions {
            files_count_max: widen(settings.upload_file_limit),
            parts_count_max: widen(settings.arguments_limit),
            is_cut: self.is_cut,
        };
        let mut report = MultipartReport::default();
        self.parse(|sink| report = multipart::parse(content_type, body, &options, sink));
        if let Some(error) = report.error {
            self.reading.error = Some(format!("Multipart parsing error: {error}"));
        }
        fill_multipart_flags(&report, self.variables);
        // Files are parts of the body, so what they hold together is no more than all of it.
        self.check_no_files(body.len() - report.files_combined_bytes);
    }

    /// Notes a body without its files over SecRequestBodyNoFilesLimit as an error, on which the
    /// rules decide.
    fn check_no_files(&mut self, bytes: usize) {
        let limit = self.variables.rules.settings.request_body_no_files_limit;
        if u64::try_from(bytes).unwrap_or(u64::MAX) > limit {
            let message = format!("Request body no files data length is larger than the configured limit ({limit}).");
            self.reading.error.get_or_insert(message);
            self.variables.set_single(Variable::InboundDataError, b"1");
        }
    }

    fn parse(&mut self, parse: impl FnOnce(Sink<'_>)) {
        let tree = self.xml_arguments != XmlArguments::Only;
        let (variables, combined) = (&mut *self.variables, &mut self.reading.combined_size);
        parse(&mut |item| {
            if let Item::Argument { name, value } = item {
                *combined += name.len() + value.len();
            }
            add_item(item, tree, variables);
        });
    }
}

/// Adds what a parser found; `tree` tells whether places in XML documents are wanted.
fn add_item(item: Item<'_>, tree: bool, variables: &mut Variables<'_>) {
    match item {
        Item::Argument { name, value } => {
            variables.add_named((Variable::ArgsPost, Variable::ArgsPostNames), name, value);
        }
        Item::File { name, filename, content } => add_file(name, filename, content, variables),
        Item::PartHeader { part, line } if variables.rules.uses(Variable::MultipartPartHeaders) => {
            let part = variables.values.bytes.push(part);
            variables.add_keyed(Variable::MultipartPartHeaders, part, line);
        }
        Item::XmlContent(text) if tree => variables.add_single(Variable::XmlText, text),
        Item::XmlAttribute { value, .. } if tree => variables.add_single(Variable::XmlAttributes, value),
        Item::XmlNode { path, value } => {
            // Not asked whether any rule uses it: without one there are no paths to find.
            let key = variables.rules.path_keys[path];
            let value = variables.values.bytes.push(value);
            variables.values.add(variables.rules, Variable::XmlNodes, key, value);
        }
        Item::XmlDoctype(text) => variables.add_single(Variable::XmlDoctype, text),
        _ => {}
    }
}

fn add_file(name: &[u8], filename: &[u8], content: &[u8], variables: &mut Variables<'_>) {
    let (name, filename) = (variables.values.bytes.push(name), variables.values.bytes.push(filename));
    let size = variables.values.push_number(i64::try_from(content.len()).unwrap_or(i64::MAX));
    for (variable, value) in [
        (Variable::Files, filename),
        (Variable::FilesNames, name),
        (Variable::FilesSizes, size),
        (Variable::MultipartFilename, filename),
        (Variable::MultipartName, name),
    ] {
        if variables.rules.uses(variable) {
            variables.values.add(variables.rules, variable, name, value);
        }
    }
    variables.add_keyed(Variable::FilesTmpContent, name, content);
}

fn fill_multipart_flags(report: &MultipartReport, variables: &mut Variables<'_>) {
    for (variable, value) in [
        (Variable::MultipartStrictError, report.strict_error()),
        (Variable::MultipartBoundaryQuoted, report.boundary_quoted),
        (Variable::MultipartBoundaryWhitespace, report.boundary_whitespace),
        (Variable::MultipartDataBefore, report.data_before),
        (Variable::MultipartDataAfter, report.data_after),
        (Variable::MultipartHeaderFolding, report.header_folding),
        (Variable::MultipartLfLine, report.lf_line),
        (Variable::MultipartCrlfLfLines, report.crlf_lf_lines()),
        (Variable::MultipartMissingSemicolon, report.missing_semicolon),
        (Variable::MultipartInvalidQuoting, report.invalid_quoting),
        (Variable::MultipartInvalidPart, report.invalid_part),
        (Variable::MultipartInvalidHeaderFolding, report.invalid_header_folding),
        (Variable::MultipartFileLimitExceeded, report.file_limit_exceeded),
    ] {
        variables.set_flag(variable, value);
    }
    variables.set_single(Variable::MultipartUnmatchedBoundary, report.unmatched_boundary.to_string().as_bytes());
    variables.set_single(Variable::FilesCombinedSize, report.files_combined_bytes.to_string().as_bytes());
}
