//! What must hold for every parser on every input; a fuzz driver calls these.

use fosse_bodies::form::{FormOptions, cookies, urlencoded};
use fosse_bodies::inflate::{Encoding, Inflate, InflateLimits, RATIO_FREE_BYTES};
use fosse_bodies::json::{self, JsonOptions, Naming};
use fosse_bodies::multipart::{self, MultipartOptions};
use fosse_bodies::xml::{self, XmlOptions, XmlPath};
use fosse_bodies::{Item, OUTPUT_FACTOR_MAX, OUTPUT_SLACK_BYTES};

/// Counts the bytes of items and panics when they are more than promised.
struct Meter {
    bytes: usize,
    bound: usize,
}

impl Meter {
    fn new(data: &[u8]) -> Self {
        // Text that becomes UTF-8 doubles at most, and that is what the factor then counts from;
        // arguments of an XML-RPC call, leaves as arguments and places come on top of a document's
        // text.
        Self { bytes: 0, bound: 4 * (data.len() * 2 * OUTPUT_FACTOR_MAX + OUTPUT_SLACK_BYTES) }
    }

    fn note(&mut self, item: Item<'_>) {
        self.bytes += match item {
            Item::Argument { name, value } | Item::Cookie { name, value } => name.len() + value.len(),
            Item::File { name, filename, content } => name.len() + filename.len() + content.len(),
            Item::PartHeader { part, line } => part.len() + line.len(),
            Item::XmlText { element, text } => element.len() + text.len(),
            Item::XmlAttribute { element, name, value } => element.len() + name.len() + value.len(),
            Item::XmlDoctype(text) | Item::XmlContent(text) | Item::XmlNode { value: text, .. } => text.len(),
        };
        assert!(self.bytes <= self.bound, "more output than promised");
    }
}

/// Queries and urlencoded bodies.
pub(crate) fn form(data: &[u8]) {
    let mut meter = Meter::new(data);
    let mut count = 0;
    let report = urlencoded(data, &FormOptions::default(), &mut |item| {
        count += 1;
        meter.note(item);
    });
    assert_eq!(count, report.arguments);
    cookies(data, b';', 100, &mut |item| meter.note(item));
}

/// JSON bodies, in both namings, which must agree on everything but names, and those that are the
/// beginnings of longer ones.
pub(crate) fn json(data: &[u8]) {
    for is_cut in [false, true] {
        json_of(data, is_cut);
    }
}

fn json_of(data: &[u8], is_cut: bool) {
    let mut reports = Vec::new();
    for naming in [Naming::Version2, Naming::Version3] {
        let mut meter = Meter::new(data);
        let options = JsonOptions { naming, is_cut, ..JsonOptions::default() };
        let report = json::parse(data, &options, &mut |item| {
            if let Item::Argument { name, value } = item {
                assert!(std::str::from_utf8(name).is_ok() && std::str::from_utf8(value).is_ok());
            }
            meter.note(item);
        });
        assert!(!is_cut || report.error != Some(json::JsonError::Premature));
        reports.push(report);
    }
    if let [second, third] = reports.as_slice()
        && second.error != Some(json::JsonError::NamesTooLong)
        && third.error != Some(json::JsonError::NamesTooLong)
    {
        assert_eq!(second, third);
    }
}

/// Multipart bodies, and the beginnings of longer ones; the first line is the Content-Type.
pub(crate) fn multipart(data: &[u8]) {
    for is_cut in [false, true] {
        multipart_of(data, is_cut);
    }
}

fn multipart_of(data: &[u8], is_cut: bool) {
    let (content_type, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&b"multipart/form-data; boundary=b"[..], data),
    };
    let mut meter = Meter::new(data);
    let (mut fields, mut files, mut file_bytes) = (0, 0, 0);
    let options = MultipartOptions { is_cut, ..MultipartOptions::default() };
    let report = multipart::parse(content_type, body, &options, &mut |item| {
        meter.note(item);
        match item {
            Item::Argument { .. } => fields += 1,
            Item::File { content, .. } => {
                files += 1;
                file_bytes += content.len();
            }
            _ => {}
        }
    });
    assert_eq!((report.fields, report.files, report.files_combined_bytes), (fields, files, file_bytes));
    assert!(report.strict_error() || !report.crlf_lf_lines());
    assert!(!is_cut || report.error != Some(multipart::MultipartError::FinalBoundaryMissing));
}

/// XML bodies.
pub(crate) fn xml(data: &[u8]) {
    let paths = ["/*", "//@*", "//a//b", "//*[local-name()='a']/@b", "//text()"];
    let paths: Vec<XmlPath> = paths.iter().filter_map(|path| XmlPath::parse(path.as_bytes(), None).ok()).collect();
    let options = XmlOptions { paths: &paths, leaves_as_arguments: true, ..XmlOptions::default() };
    let mut meter = Meter::new(data);
    let (mut text_bytes, mut root_bytes) = (0, None);
    let report = xml::parse(data, &options, &mut |item| {
        meter.note(item);
        match item {
            Item::XmlText { text, .. } => text_bytes += text.len(),
            Item::XmlNode { path: 0, value } => root_bytes = Some(value.len()),
            Item::XmlContent(text) => assert_eq!(text.len(), text_bytes),
            _ => {}
        }
    });
    assert!(report.error.is_some() || root_bytes == Some(text_bytes), "/* is not all the text");
    let plain = xml::parse(data, &XmlOptions::default(), &mut |_| {});
    assert!(plain.error == report.error || report.error.is_some(), "paths change what is well-formed");
    let mut meter = Meter::new(data);
    let cut = xml::parse(data, &XmlOptions { is_cut: true, ..options }, &mut |item| meter.note(item));
    assert!(cut.error != Some(xml::XmlError::Premature));
    assert!(cut.error.is_none() || report.error.is_some(), "the beginning of what is well-formed is no error");
}

/// Content codings: the first byte chooses the coding and the size of the pieces.
pub(crate) fn inflate(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let encoding = if choice & 1 == 0 { Encoding::Gzip } else { Encoding::Deflate };
    let limits = InflateLimits { output_bytes_max: 1 << 20, ratio_max: 50 };
    let decode = |piece_len: usize| {
        let (mut inflate, mut out) = (Inflate::new(encoding, limits), Vec::new());
        let mut result = body.chunks(piece_len).try_for_each(|piece| inflate.push(piece, &mut out));
        if result.is_ok() {
            result = inflate.finish(&mut out);
        }
        assert!(out.len() <= limits.output_bytes_max);
        assert!(out.len() <= (body.len() * limits.ratio_max).max(RATIO_FREE_BYTES));
        (result.is_ok(), out)
    };
    let whole = decode(body.len().max(1));
    let pieces = decode(usize::from(choice >> 1).max(1));
    if whole.0 && pieces.0 {
        assert_eq!(whole.1, pieces.1, "pieces decode to something else");
    }
}
