//! A test file.

use saphyr::{ScalarStyle, Yaml, YamlLoader};
use saphyr_parser::Parser;

/// One test.
#[derive(Clone, Debug, Default)]
pub struct Test {
    /// The rule it is about.
    pub rule: u32,
    /// Its number within that rule's tests.
    pub number: u32,
    /// Its own description.
    pub description: String,
    /// Its requests, in order.
    pub stages: Vec<Stage>,
}

/// One request and what is expected of it.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// The request.
    pub input: Input,
    /// The expected result.
    pub output: Expectation,
}

/// A request as a test describes it.
#[derive(Clone, Debug)]
pub struct Input {
    /// The method; GET if the test names none.
    pub method: String,
    /// The request target; `/` if the test names none.
    pub uri: String,
    /// The protocol; HTTP/1.1 if the test names none.
    pub version: String,
    /// The headers, in the order they are sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub data: Option<String>,
    /// The body in Base64.
    pub encoded_data: Option<String>,
    /// The whole request in Base64, instead of all else.
    pub encoded_request: Option<String>,
    /// Adds Connection, Content-Type and Content-Length where they are missing.
    pub complete_headers: bool,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            method: "GET".into(),
            uri: "/".into(),
            version: "HTTP/1.1".into(),
            headers: Vec::new(),
            data: None,
            encoded_data: None,
            encoded_request: None,
            complete_headers: true,
        }
    }
}

/// The expected result of a stage; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// The response's status.
    pub status: Option<u16>,
    /// A pattern the response's body matches.
    pub response_contains: Option<String>,
    /// A pattern the log matches.
    pub log_contains: Vec<String>,
    /// A pattern the log does not match.
    pub no_log_contains: Vec<String>,
    /// Rules that are in the log.
    pub expect_ids: Vec<u32>,
    /// Rules that are not in the log.
    pub no_expect_ids: Vec<u32>,
    /// The connection ends in an error instead of a response.
    pub expect_error: bool,
}

/// Reads a test file. The error is for people.
pub fn read(text: &str) -> Result<Vec<Test>, String> {
    let mut tests = Vec::new();
    for document in &documents(text)? {
        let rule = number(get(document, "rule_id")).unwrap_or_default();
        for entry in list(get(document, "tests")) {
            tests.push(test(rule, entry)?);
        }
    }
    Ok(tests)
}

/// Returns the documents of a YAML file. Scalars remain the text they are written as: `version:
/// 1.1` is no number here.
pub(crate) fn documents(text: &str) -> Result<Vec<Yaml<'_>>, String> {
    let mut loader = YamlLoader::<'_, Yaml<'_>>::default();
    loader.early_parse(false);
    let mut parser = Parser::new_from_str(text);
    parser.load(&mut loader, true).map_err(|error| error.to_string())?;
    Ok(loader.into_documents())
}

fn test(rule: u32, entry: &Yaml<'_>) -> Result<Test, String> {
    let number = number(get(entry, "test_id")).ok_or("a test without test_id")?;
    let description = text(get(entry, "desc")).unwrap_or_default();
    let stages = list(get(entry, "stages")).iter().map(|stage| {
        // Older files have one more level.
        let stage = get(stage, "stage").unwrap_or(stage);
        Stage {
            input: get(stage, "input").map(input).unwrap_or_default(),
            output: get(stage, "output").map(output).unwrap_or_default(),
        }
    });
    Ok(Test { rule, number, description, stages: stages.collect() })
}

fn input(entry: &Yaml<'_>) -> Input {
    let base = Input::default();
    Input {
        method: text(get(entry, "method")).unwrap_or(base.method),
        uri: text(get(entry, "uri")).unwrap_or(base.uri),
        version: text(get(entry, "version")).unwrap_or(base.version),
        headers: headers(entry),
        data: text(get(entry, "data")),
        encoded_data: text(get(entry, "encoded_data")),
        encoded_request: text(get(entry, "encoded_request")).filter(|request| !request.is_empty()),
        complete_headers: !is_false(get(entry, "autocomplete_headers")) && !is_true(get(entry, "stop_magic")),
    }
}

/// Returns the headers: those of a map in the order of their names, those of a list in its own
/// order.
fn headers(entry: &Yaml<'_>) -> Vec<(String, String)> {
    let ordered = list(get(entry, "ordered_headers"));
    if !ordered.is_empty() {
        let pairs = ordered.iter().map(|pair| (text(get(pair, "name")), text(get(pair, "value"))));
        return pairs.filter_map(|(name, value)| Some((name?, value.unwrap_or_default()))).collect();
    }
    let mut headers: Vec<(String, String)> = match get(entry, "headers") {
        Some(Yaml::Mapping(map)) => map
            .iter()
            .filter_map(|(name, value)| Some((text(Some(name))?, text(Some(value)).unwrap_or_default())))
            .collect(),
        _ => Vec::new(),
    };
    headers.sort();
    headers
}

pub(crate) fn output(entry: &Yaml<'_>) -> Expectation {
    let log = get(entry, "log");
    let of_log = |key: &str| log.and_then(|log| get(log, key));
    let ids = |key: &str| list(of_log(key)).iter().filter_map(|id| number(Some(id))).collect();
    let patterns = |old: &str, new: &str| [text(get(entry, old)), text(of_log(new))].into_iter().flatten().collect();
    Expectation {
        status: number(get(entry, "status")).and_then(|status| u16::try_from(status).ok()),
        response_contains: text(get(entry, "response_contains")),
        log_contains: patterns("log_contains", "match_regex"),
        no_log_contains: patterns("no_log_contains", "no_match_regex"),
        expect_ids: ids("expect_ids"),
        no_expect_ids: ids("no_expect_ids"),
        expect_error: is_true(get(entry, "expect_error")),
    }
}

pub(crate) fn get<'y, 'i>(node: &'y Yaml<'i>, key: &str) -> Option<&'y Yaml<'i>> {
    match node {
        Yaml::Mapping(map) => {
            map.iter().find(|(name, _)| text(Some(name)).as_deref() == Some(key)).map(|(_, value)| value)
        }
        _ => None,
    }
}

pub(crate) fn list<'y, 'i>(node: Option<&'y Yaml<'i>>) -> &'y [Yaml<'i>] {
    match node {
        Some(Yaml::Sequence(items)) => items,
        _ => &[],
    }
}

pub(crate) fn text(node: Option<&Yaml<'_>>) -> Option<String> {
    match node? {
        Yaml::Representation(text, style, _) => {
            let plain_null = *style == ScalarStyle::Plain && matches!(&**text, "" | "~" | "null");
            (!plain_null).then(|| text.clone().into_owned())
        }
        Yaml::Tagged(_, inner) => text(Some(inner)),
        _ => None,
    }
}

pub(crate) fn number(node: Option<&Yaml<'_>>) -> Option<u32> {
    text(node)?.trim().parse().ok()
}

fn is_true(node: Option<&Yaml<'_>>) -> bool {
    text(node).is_some_and(|text| text == "true")
}

fn is_false(node: Option<&Yaml<'_>>) -> bool {
    text(node).is_some_and(|text| text == "false")
}
