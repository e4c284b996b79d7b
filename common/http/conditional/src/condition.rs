//! Conditional requests (RFC 9110, section 13).

use std::time::SystemTime;

use fosse_http1::trim;

/// Members of one list of entity tags that are compared.
const TAGS_COUNT_MAX: usize = 64;

/// The validators of a representation (RFC 9110, section 8.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// The entity tag with its quotes, without `W/`; empty where it has none, which no tag equals.
    pub tag: &'a [u8],
    /// They name these bytes and no others.
    pub strong: bool,
    /// Last-Modified, in whole seconds, where it is known.
    pub modified: Option<SystemTime>,
}

/// The outcome of the conditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Go on.
    Proceed,
    /// 304: the client has it.
    NotModified,
    /// 412: the client wants another one.
    Failed,
}

/// Evaluates the conditions among the fields of a request, names and values, in the order of
/// section 13.2.2: a list of tags outweighs a date.
#[must_use]
pub fn evaluate<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone, facts: &Validators<'_>) -> Outcome {
    let lists = |name: &'static str| values(fields.clone(), name);
    let date = |name| lists(name).next().and_then(parse_date);
    if lists("if-match").next().is_some() {
        if !lists("if-match").any(|list| names(list, facts, true)) {
            return Outcome::Failed;
        }
    } else if date("if-unmodified-since").is_some_and(|date| facts.modified.is_some_and(|modified| modified > date)) {
        return Outcome::Failed;
    }
    let has_it = if lists("if-none-match").next().is_some() {
        lists("if-none-match").any(|list| names(list, facts, false))
    } else {
        date("if-modified-since").is_some_and(|date| facts.modified.is_some_and(|modified| modified <= date))
    };
    if has_it { Outcome::NotModified } else { Outcome::Proceed }
}

/// Returns whether the Range field of this request counts: If-Range is absent, or names exactly
/// these bytes (section 13.1.5).
#[must_use]
pub fn range_holds<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])>, facts: &Validators<'_>) -> bool {
    let mut values = values(fields, "if-range");
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(_), Some(_)) => false,
        (Some(value), None) if value.contains(&b'"') => facts.strong && value == facts.tag,
        (Some(value), None) => facts.strong && facts.modified.is_some() && parse_date(value) == facts.modified,
    }
}

/// Iterates over the values of the fields of a name.
fn values<'f>(
    fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    name: &'static str,
) -> impl Iterator<Item = &'f [u8]> {
    fields.filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
}

/// Returns whether a list of entity tags is `*` or has the tag of these facts. In a strong
/// comparison a weak tag matches none (section 8.8.3.2).
fn names(list: &[u8], facts: &Validators<'_>, strongly: bool) -> bool {
    if trim(list) == b"*" {
        return true;
    }
    let mut rest = list;
    for _ in 0..TAGS_COUNT_MAX {
        let Some((weak, tag, after)) = next_tag(rest) else { return false };
        if tag == facts.tag && !(strongly && (weak || !facts.strong)) {
            return true;
        }
        rest = after;
    }
    false
}

/// Splits the first entity tag off a list, with its quotes (which may hold commas, and no quote);
/// `None` at the end of the list and at anything that is no tag.
fn next_tag(list: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let at = list.iter().position(|byte| !b" \t,".contains(byte))?;
    let (weak, rest) = list[at..].strip_prefix(b"W/").map_or((false, &list[at..]), |rest| (true, rest));
    let end = rest.strip_prefix(b"\"")?.iter().position(|byte| *byte == b'"')? + 2;
    let (tag, rest) = rest.split_at(end);
    Some((weak, tag, rest))
}

fn parse_date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_http1::{HeadLimits, RequestHead};
    use std::time::{Duration, UNIX_EPOCH};

    const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const LATER: &str = "Tue, 14 Nov 2023 22:13:21 GMT";
    const EARLIER: &str = "Tue, 14 Nov 2023 22:13:19 GMT";

    fn facts(strong: bool) -> Validators<'static> {
        let modified = Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        Validators { tag: b"\"a,b\"", strong, modified }
    }

    fn with<T>(fields: &str, look: impl Fn(std::vec::IntoIter<(&[u8], &[u8])>) -> T) -> T {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap();
        let fields: Vec<(&[u8], &[u8])> = head.fields.iter().map(|field| (field.name, field.value)).collect();
        look(fields.into_iter())
    }

    fn judged(fields: &str, strong: bool) -> Outcome {
        with(fields, |fields| evaluate(fields, &facts(strong)))
    }

    #[test]
    fn a_client_that_has_it_gets_304() {
        for list in ["\"a,b\"", "W/\"a,b\"", "\"x\", \"a,b\"", "*", "\"x\",,\t\"a,b\" , \"y\"", "\"x\"\"a,b\""] {
            assert_eq!(judged(&format!("If-None-Match: {list}\r\n"), true), Outcome::NotModified, "{list}");
        }
        assert_eq!(judged("If-None-Match: \"x\"\r\nif-none-match: \"a,b\"\r\n", false), Outcome::NotModified);
        assert_eq!(judged(&format!("If-Modified-Since: {DATE}\r\n"), true), Outcome::NotModified);
        assert_eq!(judged(&format!("If-Modified-Since: {LATER}\r\n"), true), Outcome::NotModified);
    }

    #[test]
    fn a_client_that_has_another_gets_it() {
        for list in ["\"a\"", "a,b", "\"a,b", "", "w/\"a,b\"", "x, \"a,b\"", "'a,b'"] {
            assert_eq!(judged(&format!("If-None-Match: {list}\r\n"), true), Outcome::Proceed, "{list}");
        }
        assert_eq!(judged(&format!("If-Modified-Since: {EARLIER}\r\n"), true), Outcome::Proceed);
        assert_eq!(judged("If-Modified-Since: yesterday\r\n", true), Outcome::Proceed);
    }

    #[test]
    fn a_list_of_tags_outweighs_a_date() {
        assert_eq!(judged(&format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {LATER}\r\n"), true), Outcome::Proceed);
        assert_eq!(judged(&format!("If-Match: *\r\nIf-Unmodified-Since: {EARLIER}\r\n"), true), Outcome::Proceed);
    }

    #[test]
    fn a_client_that_wants_another_is_refused() {
        assert_eq!(judged("If-Match: \"x\"\r\n", true), Outcome::Failed);
        assert_eq!(judged("If-Match: W/\"a,b\"\r\n", true), Outcome::Failed);
        assert_eq!(judged("If-Match: \"a,b\"\r\n", false), Outcome::Failed);
        assert_eq!(judged("If-Match: \"a,b\"\r\n", true), Outcome::Proceed);
        assert_eq!(judged(&format!("If-Unmodified-Since: {EARLIER}\r\n"), true), Outcome::Failed);
        assert_eq!(judged(&format!("If-Unmodified-Since: {DATE}\r\n"), true), Outcome::Proceed);
    }

    #[test]
    fn parts_are_joined_only_where_the_bytes_are_the_same() {
        let holds = |fields: &str, strong| with(fields, |fields| range_holds(fields, &facts(strong)));
        assert!(holds("", false));
        assert!(holds("If-Range: \"a,b\"\r\n", true));
        assert!(holds(&format!("If-Range: {DATE}\r\n"), true));
        assert!(!holds("If-Range: \"a,b\"\r\n", false));
        assert!(!holds(&format!("If-Range: {DATE}\r\n"), false));
        for other in ["W/\"a,b\"", "\"a\"", LATER, EARLIER, "", "*", "\"a,b\"\r\nIf-Range: \"a,b\""] {
            assert!(!holds(&format!("If-Range: {other}\r\n"), true), "{other}");
        }
    }
}
