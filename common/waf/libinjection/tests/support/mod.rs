//! Published values and a small deterministic mutator, shared by the tests of this crate.
#![allow(dead_code)] // Each test binary uses its part.

use std::path::PathBuf;

pub(crate) fn data(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One case of a packed file: the name, the input and the expectation, both without trailing white
/// space.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) input: Vec<u8>,
    pub(crate) expected: Vec<u8>,
}

fn split_once<'a>(text: &'a [u8], marker: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(marker.len()).position(|window| window == marker)?;
    Some((&text[..at], &text[at + marker.len()..]))
}

fn trim_end(text: &[u8]) -> &[u8] {
    let kept = text.iter().rposition(|byte| !b" \n\t\r".contains(byte)).map_or(0, |last| last + 1);
    &text[..kept]
}

/// The cases of a packed file of libinjection's tests.
pub(crate) fn cases(name: &str) -> Vec<Case> {
    let file = data(name);
    let mut rest = file.as_slice();
    let mut cases = Vec::new();
    while let Some((_, after)) = split_once(rest, b"--CASE-- ") {
        let end = split_once(after, b"\n--CASE-- ").map_or(after.len(), |(case, _)| case.len() + 1);
        let (case, next) = after.split_at(end);
        let (head, body) = split_once(case, b"--INPUT--\n").expect("an input");
        let (input, expected) = split_once(body, b"--EXPECTED--").expect("an expectation");
        let name = String::from_utf8_lossy(head).lines().next().unwrap_or_default().to_string();
        let expected = expected.strip_prefix(b"\n").unwrap_or(expected);
        cases.push(Case { name, input: trim_end(input).to_vec(), expected: trim_end(expected).to_vec() });
        rest = next;
    }
    cases
}

/// A line of verdicts.txt: fingerprint (or `-`), 0 or 1 for XSS, and the value with `\xNN` for odd
/// bytes.
pub(crate) struct Verdict {
    pub(crate) fingerprint: String,
    pub(crate) xss: bool,
    pub(crate) value: Vec<u8>,
}

pub(crate) fn verdicts() -> Vec<Verdict> {
    let file = String::from_utf8(data("verdicts.txt")).expect("ASCII");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let verdict = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().expect("three parts").to_string();
        Verdict { fingerprint: part(), xss: part() == "1", value: unescape(part().as_bytes()) }
    };
    lines.map(verdict).collect()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'\\' {
            let hex = std::str::from_utf8(&after[1..3]).expect("two digits");
            value.push(u8::from_str_radix(hex, 16).expect("two digits"));
            rest = &after[3..];
        } else {
            value.push(*first);
        }
    }
    value
}

/// Every published value: the inputs of the cases and the collected attacks and false positives.
pub(crate) fn values() -> Vec<Vec<u8>> {
    let files = ["tokens.txt", "folding.txt", "sqli.txt", "html5.txt"];
    let inputs = files.iter().flat_map(|file| cases(file)).map(|case| case.input);
    inputs.chain(verdicts().into_iter().map(|verdict| verdict.value)).collect()
}

/// Fragments that steer the tokenizers into their rarer states, separated by broken bars.
const FRAGMENTS: &str = concat!(
    "'¦\"¦`¦--¦-- ¦#¦/*¦*/¦/*!¦\\¦\\N¦$$¦$a$¦$1,¦$.¦[¦]¦{¦}¦(¦)¦((¦))¦,¦;¦;;¦::¦:=¦:¦<=>¦!¦!!¦not ¦~¦@¦@@¦@`¦",
    "@'¦1¦0x1¦0b1¦0x¦1e¦1.e5¦1.¦.¦.1¦1f¦1d ¦n'¦nq'[¦q'(¦)'¦u&'¦b'01'¦x'1f'¦e'¦select ¦union ¦all ¦in ¦not in ¦",
    "like ¦is ¦null ¦and ¦or ¦user(¦user ¦current_user ¦if ¦if(¦into outfile ¦binary ¦int ¦collate ¦utf8_x ¦_¦",
    "sp_password¦sleep(¦database(¦from ¦where ¦group by ¦having ¦waitfor ¦delay ¦case ¦when ¦a.b¦select.1¦",
    "select`a`¦+¦*¦%¦/¦^¦|¦||¦&&¦&¦=¦<¦>¦</¦/>¦<!--¦-->¦-!>¦-\0->¦<![CDATA[¦]]>¦<!doctype¦<?import¦<%¦%>¦<a ¦",
    "<script>¦<svg¦<x\0ml>¦ onload=¦ href=¦ style=¦ xmlns=¦ attributename=¦javascript:¦&#106;ava¦&#x6a;ava¦",
    "<a href=&#x14a;ava¦<a href=&#x10014a;ava¦<!xml>¦<!xm¦<![if>¦q' ¦ '-- ¦1 collate utf8_¦",
    "binary collate x_y int ¦&#¦&#x¦data:¦[if¦\0¦\x0b¦\n¦\r¦\t¦ ¦a¦n ¦aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa¦",
    "$a\0$x¦$a\0$¦collate `u\0_` int ",
);

/// Changes published values; the same seed gives the same values.
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Mutator(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }

    pub(crate) fn mutate(&mut self, values: &[Vec<u8>]) -> Vec<u8> {
        let mut value = values[self.below(values.len())].clone();
        if self.below(4) == 0 {
            value.clear();
        }
        for _ in 0..=self.below(8) {
            let at = self.below(value.len() + 1);
            let to = at + self.below((value.len() - at).min(12) + 1);
            match self.below(8) {
                0 => value.insert(at, self.below(256) as u8),
                1 => drop(value.drain(at..to)),
                2 => {
                    let other = &values[self.below(values.len())];
                    let from = self.below(other.len() + 1);
                    value.splice(at..to, other[from..(from + 16).min(other.len())].iter().copied());
                }
                3 => value.truncate(to),
                _ => {
                    let fragments: Vec<_> = FRAGMENTS.split('¦').collect();
                    let fragment = fragments[self.below(fragments.len())];
                    value.splice(at..at, fragment.bytes());
                }
            }
        }
        value
    }
}
