//! The operators: what each is called, what it takes, and how its argument is compiled.

use crate::bundle::Bundle;
use crate::check_digit::CheckDigit;
use crate::macros::{Part, Reference, Template, has_macro};
use crate::names::Names;
use crate::network::Network;
use crate::reader::Argument;
use fosse_pattern::{PhraseSet, Regex};
use std::sync::Arc;

/// A comparison of two texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TextTest {
    Equal,
    Contains,
    ContainsWord,
    BeginsWith,
    EndsWith,
    /// The value is in the argument.
    Within,
}

/// A comparison of two numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    Equal,
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
}

impl Order {
    pub(crate) fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Order::Equal => left == right,
            Order::GreaterOrEqual => left >= right,
            Order::Greater => left > right,
            Order::LessOrEqual => left <= right,
            Order::Less => left < right,
        }
    }
}

/// A text a pattern with macros can become, and the pattern it is then.
pub(crate) type Expansion = (Box<[u8]>, Arc<Regex>);

/// A compiled operator.
#[derive(Clone, Debug)]
pub(crate) enum Operator {
    Pattern(Arc<Regex>),
    /// A pattern with macros, and what it is for each value the rules give them: none is compiled
    /// during a request.
    Macros(Template, Arc<[Expansion]>),
    Phrases(Arc<PhraseSet>),
    Text(TextTest, Template),
    Number(Order, Template),
    Address(Arc<[Network]>),
    Sqli,
    Xss,
    /// Matches a value with a byte outside the set.
    ByteRange(Box<[bool; 256]>),
    UrlEncoding,
    Utf8Encoding,
    Digits(CheckDigit, Arc<Regex>),
    Always,
    Never,
}

/// Operators that need what this engine does not have, with the reason for messages.
const REFUSED: &[(&str, &str)] = &[
    ("fuzzyhash", "fuzzy hashes are not built in; take the rule out"),
    ("gsblookup", "the Safe Browsing data is not built in; take the rule out"),
    ("inspectfile", "it runs a program, and this engine runs none; look at FILES_TMP_CONTENT"),
    ("rsub", "it changes what passes, and this engine only judges; take the rule out"),
    ("validatedtd", "no DTD is read; look at places in the document, as in XML:/a/b"),
    ("validatehash", "no links are signed; take the rule out"),
    ("validateschema", "no schema is read; look at places in the document, as in XML:/a/b"),
];

/// Operators that ask the outside world, with the reason why they never hold here. Rule sets in use
/// name them behind TX variables that nobody sets without having the data; a rule that every
/// request reaches is refused.
pub(crate) const ABSENT: &[(&str, &str)] =
    &[("geolookup", "no geographic data base is built in"), ("rbl", "there are no look-ups in the DNS")];

/// Returns the reason an operator never holds, if it is one of [`ABSENT`].
pub(crate) fn absent(name: &str) -> Option<&'static str> {
    ABSENT.iter().find(|(absent, _)| absent.eq_ignore_ascii_case(name)).map(|(_, reason)| *reason)
}

/// An operator as a rule names it.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub operator: Operator,
    pub negated: bool,
    /// Its name without `@`, as written.
    pub name: String,
    /// Its argument, as written.
    pub argument: String,
}

/// An error: offset in the file, message.
type Fault = (u32, String);

/// Reads and compiles an operator argument: `@name argument`, `!@name argument`, or a bare pattern.
pub(crate) fn parse(text: &Argument, from: &str, bundle: &Bundle, names: &mut Names) -> Result<Named, Fault> {
    let mut at = skip_space(&text.bytes, 0);
    let negated = text.bytes.get(at) == Some(&b'!');
    if negated {
        at = skip_space(&text.bytes, at + 1);
    }
    let (name, start) = match text.bytes.get(at) {
        Some(b'@') => {
            let rest = &text.bytes[at + 1..];
            let len = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            let name = String::from_utf8_lossy(&rest[..len]).into_owned();
            (name, skip_space(&text.bytes, at + 1 + len))
        }
        _ => ("rx".to_owned(), at),
    };
    let argument = text.part(start..text.bytes.len());
    let operator = compile(&name, text.offset(at), &argument, from, bundle, names)?;
    Ok(Named { operator, negated, name, argument: argument.text() })
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

#[expect(clippy::too_many_lines, reason = "one arm for each operator")]
fn compile(
    name: &str,
    at: u32,
    argument: &Argument,
    from: &str,
    bundle: &Bundle,
    names: &mut Names,
) -> Result<Operator, Fault> {
    let lower = name.to_ascii_lowercase();
    let mut text = |test| Ok(Operator::Text(test, Template::parse(argument, names)?));
    match lower.as_str() {
        "rx" | "rxglobal" if has_macro(&argument.bytes) => {
            let template = Template::parse(argument, names)?;
            match template.parts.iter().all(|part| matches!(part, Part::Text(_) | Part::Reference(Reference::Tx(_)))) {
                true => Ok(Operator::Macros(template, Arc::default())),
                false => Err((argument.offset(0), MACRO_IN_PATTERN.to_owned())),
            }
        }
        "rx" | "rxglobal" => pattern(argument).map(Operator::Pattern),
        "pm" => phrases(argument, &pm_phrases(&argument.bytes)),
        "pmf" | "pmfromfile" => phrases(argument, &lines(&file_data(argument, from, bundle)?)),
        "streq" => text(TextTest::Equal),
        "contains" | "strmatch" => text(TextTest::Contains),
        "containsword" => text(TextTest::ContainsWord),
        "beginswith" => text(TextTest::BeginsWith),
        "endswith" => text(TextTest::EndsWith),
        "within" => text(TextTest::Within),
        "eq" => number(Order::Equal, argument, names),
        "ge" => number(Order::GreaterOrEqual, argument, names),
        "gt" => number(Order::Greater, argument, names),
        "le" => number(Order::LessOrEqual, argument, names),
        "lt" => number(Order::Less, argument, names),
        "ipmatch" => addresses(argument, argument.bytes.split(|byte| *byte == b',')),
        "ipmatchf" | "ipmatchfromfile" => {
            let data = file_data(argument, from, bundle)?;
            addresses(argument, lines(&data).iter().map(Vec::as_slice))
        }
        "detectsqli" => Ok(Operator::Sqli),
        "detectxss" => Ok(Operator::Xss),
        "validatebyterange" => byte_range(argument),
        "validateurlencoding" => Ok(Operator::UrlEncoding),
        "validateutf8encoding" => Ok(Operator::Utf8Encoding),
        "verifycc" => digits(CheckDigit::CreditCard, argument),
        "verifycpf" => digits(CheckDigit::Cpf, argument),
        "verifyssn" => digits(CheckDigit::Ssn, argument),
        "verifysvnr" => digits(CheckDigit::Svnr, argument),
        "unconditionalmatch" => Ok(Operator::Always),
        "nomatch" => Ok(Operator::Never),
        other if absent(other).is_some() => {
            let reason = absent(other).unwrap_or_default();
            names.notes.push((at, format!("@{name} never holds: {reason}")));
            Ok(Operator::Never)
        }
        other => Err((at, refusal(name, other))),
    }
}

fn refusal(name: &str, lower: &str) -> String {
    match REFUSED.iter().find(|(refused, _)| *refused == lower) {
        Some((_, reason)) => format!("operator @{name} is not available: {reason}"),
        None => format!("unknown operator `@{name}`; expected one like @rx, @pm, @streq, @eq, @ipMatch, @detectSQLi"),
    }
}

/// The error for a macro that a pattern may not have.
const MACRO_IN_PATTERN: &str = "a macro in @rx may only name a TX variable that rules set to constant texts, since no pattern \
     is compiled during a request; expected %{tx.name}, or @streq, @contains or @within";

fn pattern(argument: &Argument) -> Result<Arc<Regex>, Fault> {
    Regex::new(&argument.bytes)
        .map(Arc::new)
        .map_err(|error| (argument.offset(error.offset), format!("in this pattern: {}", error.reason)))
}

fn phrases(argument: &Argument, phrases: &[Vec<u8>]) -> Result<Operator, Fault> {
    if phrases.is_empty() {
        return Ok(Operator::Never);
    }
    PhraseSet::new(phrases)
        .map(|set| Operator::Phrases(Arc::new(set)))
        .map_err(|error| (argument.offset(0), format!("in these phrases: {}", error.reason)))
}

/// Returns the phrases of `@pm`: words, in which `|41 42|` is the bytes of those hexadecimal
/// numbers.
fn pm_phrases(argument: &[u8]) -> Vec<Vec<u8>> {
    let mut phrases = vec![Vec::new()];
    let mut rest = argument;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if let Some((bytes, tail)) = (*byte == b'|').then(|| hexadecimal(after)).flatten() {
            phrases.last_mut().into_iter().for_each(|phrase| phrase.extend_from_slice(&bytes));
            rest = tail;
        } else if byte.is_ascii_whitespace() {
            phrases.push(Vec::new());
        } else {
            phrases.last_mut().into_iter().for_each(|phrase| phrase.push(*byte));
        }
    }
    phrases.retain(|phrase| !phrase.is_empty());
    phrases
}

/// Pairs of hexadecimal digits, with spaces between, up to `|`; and what follows it.
fn hexadecimal(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'|')?;
    let (inside, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let pairs = inside.split(|byte| *byte == b' ').filter(|pair| !pair.is_empty());
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        })
        .collect();
    bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| (bytes, rest))
}

/// Returns the lines of a data file: trimmed, without comments and empty ones.
fn lines(data: &[u8]) -> Vec<Vec<u8>> {
    let trimmed = data.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    trimmed.filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(<[u8]>::to_vec).collect()
}

/// Returns the data files that an argument names, one after the other.
fn file_data(argument: &Argument, from: &str, bundle: &Bundle) -> Result<Vec<u8>, Fault> {
    let mut data = Vec::new();
    for name in argument.text().split_whitespace() {
        let Some((_, bytes)) = bundle.resolve(from, name) else {
            return Err((argument.offset(0), format!("no data file `{name}`; expected one beside {from}")));
        };
        data.extend_from_slice(bytes);
        data.push(b'\n');
    }
    Ok(data)
}

fn number(order: Order, argument: &Argument, names: &mut Names) -> Result<Operator, Fault> {
    let template = Template::parse(argument, names)?;
    let plain = argument.bytes.trim_ascii();
    let digits = plain.strip_prefix(b"-").unwrap_or(plain);
    if template.constant().is_some() && !(digits.first().is_some_and(u8::is_ascii_digit)) {
        return Err((argument.offset(0), format!("`{}` is not a number; expected one, or a macro", argument.text())));
    }
    Ok(Operator::Number(order, template))
}

fn addresses<'a>(argument: &Argument, items: impl Iterator<Item = &'a [u8]>) -> Result<Operator, Fault> {
    let items = items.map(|item| String::from_utf8_lossy(item).trim().to_owned()).filter(|item| !item.is_empty());
    let networks: Result<Vec<Network>, String> = items.map(|item| Network::parse(&item)).collect();
    networks.map(|networks| Operator::Address(networks.into())).map_err(|message| (argument.offset(0), message))
}

fn byte_range(argument: &Argument) -> Result<Operator, Fault> {
    let mut allowed = Box::new([false; 256]);
    for item in argument.text().split(',') {
        let (low, high) = item.split_once('-').unwrap_or((item, item));
        match (low.trim().parse::<u8>(), high.trim().parse::<u8>()) {
            (Ok(low), Ok(high)) if low <= high => {
                let range = usize::from(low)..=usize::from(high);
                allowed[range].fill(true);
            }
            _ => {
                let message =
                    format!("`{}` is not a byte range; expected numbers from 0 to 255 as in 9,10,32-126", item.trim());
                return Err((argument.offset(0), message));
            }
        }
    }
    Ok(Operator::ByteRange(allowed))
}

fn digits(kind: CheckDigit, argument: &Argument) -> Result<Operator, Fault> {
    Ok(Operator::Digits(kind, pattern(argument)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Named, Fault> {
        let mut argument = Argument::default();
        text.bytes().enumerate().for_each(|(at, byte)| argument.push(byte, u32::try_from(at).unwrap()));
        argument.close(u32::try_from(text.len()).unwrap());
        let mut bundle = Bundle::new();
        bundle.insert("words.data", "# comment\n one two \n\nthree\r\n");
        parse(&argument, "main.conf", &bundle, &mut Names::default())
    }

    #[test]
    fn reads_names_negation_and_bare_patterns() {
        let named = read("!@streq  a b").unwrap();
        assert!(named.negated);
        assert_eq!((named.name.as_str(), named.argument.as_str()), ("streq", "a b"));
        assert!(matches!(read("^a+$").unwrap().operator, Operator::Pattern(_)));
        assert!(read("!^a+$").unwrap().negated);
        assert!(matches!(read("@pmFromFile words.data").unwrap().operator, Operator::Phrases(_)));
    }

    #[test]
    fn says_what_was_expected_and_where() {
        for (text, at, part) in [
            ("@foo x", 0, "unknown operator `@foo`"),
            ("@eq one", 4, "not a number"),
            ("@pmFromFile gone.data", 12, "no data file `gone.data`"),
            ("@inspectFile x", 0, "runs a program"),
            ("@validateByteRange 1-999", 19, "byte range"),
            ("@ipMatch 1.2.3.4/40", 9, "prefix"),
            ("@rx %{remote_addr}", 4, "macro in @rx"),
            ("@streq %{tx.a}%{nope.b}", 14, "unknown variable `nope`"),
        ] {
            let (offset, message) = read(text).unwrap_err();
            assert_eq!(offset, at, "{text}");
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn phrases_are_words_with_hexadecimal_between_bars() {
        assert_eq!(
            pm_phrases(b"a|42|c  d|e |4| f"),
            [b"aBc".to_vec(), b"d|e".to_vec(), b"|4|".to_vec(), b"f".to_vec()]
        );
        assert_eq!(lines(b"# c\n one two \n\nthree\r\n"), [b"one two".to_vec(), b"three".to_vec()]);
    }
}
