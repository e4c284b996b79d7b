//! Rows about bytes that would mean something else in HTTP/1.1.

use super::Then::Stream;
use super::{Row, request, row, trailers, with};
use crate::client::*;
use fosse_http2::Code::Protocol;

/// A byte that would end a line, a name or a request line of HTTP/1.1, everywhere it could be put.
pub(crate) fn smuggled() -> Vec<Row> {
    let mut rows = Vec::new();
    for bad in ["\r", "\n", "\0", "\r\nx: y", "\u{7f}", "\u{1}"] {
        let put = |text: &str| ["", bad].concat() + text;
        for (name, value) in
            [("a", format!("b{bad}c")), ("a", put("c")), ("a", format!("b{bad}")), ("cookie", format!("a={bad}"))]
        {
            rows.push(row("8.2.1", "a control byte in a value", with(&[(name, &value)]), Stream(1, Protocol)));
            rows.push(row(
                "8.2.1",
                "a control byte in a trailer",
                trailers(END_STREAM, &[(name, &value)]),
                Stream(1, Protocol),
            ));
        }
    }
    for bad in ["\r", "\n", "\0", " ", "\t", ":", "\u{7f}", "\u{e9}", "\"", "(", "/"] {
        for name in [format!("a{bad}b"), format!("a{bad}")] {
            rows.push(row("8.2.1", "a byte in a name that no token has", with(&[(&name, "c")]), Stream(1, Protocol)));
            rows.push(row(
                "8.2.1",
                "such a byte in a trailer's name",
                trailers(END_STREAM, &[(&name, "c")]),
                Stream(1, Protocol),
            ));
        }
    }
    rows.extend(in_pseudo_fields());
    rows.push(row("8.2.1", "a name of nothing", with(&[("", "c")]), Stream(1, Protocol)));
    for value in [" a", "a ", "\ta", "a\t", " "] {
        rows.push(row("8.2.1", "a space at an end of a value", with(&[("a", value)]), Stream(1, Protocol)));
    }
    rows
}

/// Such bytes at every place of every pseudo-header field.
fn in_pseudo_fields() -> Vec<Row> {
    let mut rows = Vec::new();
    for bad in [" ", "\r\n", "\n", "\0", "\t", "\u{e9}", "#", "\u{7f}", " HTTP/1.1\r\nx: "] {
        for place in 0..PLAIN.len() {
            for at in 0..=PLAIN[place].1.len() {
                let mut fields = PLAIN.to_vec();
                let value = PLAIN[place].1;
                // A method may have a number sign.
                if place == 0 && bad == "#" {
                    continue;
                }
                let value = [&value[..at], bad, &value[at..]].concat();
                fields[place].1 = &value;
                rows.push(row("8.3", "a byte in a pseudo-header field", request(&fields), Stream(1, Protocol)));
            }
        }
    }
    rows
}
