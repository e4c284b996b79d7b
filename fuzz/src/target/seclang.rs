//! Entry points for a fuzzer: each takes any bytes, and panics on what must not be.

use fosse_seclang::{
    Arena, Bundle, Change, Diagnostic, Environment, Field, Load, Now, Outcome, Record, RecordAddress, Ruleset,
    Schedule, Scratch, Store, Transaction,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;

/// Any bytes are a rule file or are refused, at a place that is in the file.
pub fn rules(data: &[u8]) {
    let mut bundle = Bundle::new();
    bundle.insert("fuzz.conf", data);
    if let Err(errors) = Ruleset::compile(&bundle, "fuzz.conf") {
        assert!(!errors.is_empty(), "refused without a reason");
        let lines = data.split(|byte| *byte == b'\n').count();
        for error in errors {
            assert!(usize::try_from(error.location.line).is_ok_and(|line| line <= lines), "{error}");
            let _ = error.to_string();
        }
    }
}

/// Any bytes, cut at NUL into target, header name, header value and body, go through a rule set
/// that uses every kind of thing; with and without its gates, in turns as short as can be, and with
/// records that come late, the same rules match.
pub fn transaction(data: &[u8]) {
    static RULES: OnceLock<Option<(Ruleset, Ruleset)>> = OnceLock::new();
    let compiled = RULES.get_or_init(|| Some((compiled(Ruleset::compile)?, compiled(Ruleset::compile_ungated)?)));
    let Some((gated, open)) = compiled else { return };
    let matched = matched(gated, data, Schedule::Go, Keeper::AtOnce);
    assert_eq!(matched, self::matched(open, data, Schedule::Go, Keeper::AtOnce), "the gates let something slip");
    assert_eq!(
        matched,
        self::matched(gated, data, Schedule::Yield, Keeper::Late),
        "turns or waits change what matches"
    );
}

/// Keeps one record for everybody.
#[derive(Clone, Copy)]
enum Keeper {
    AtOnce,
    Late,
}

fn record() -> Record {
    let hits = Field { name: b"hits".to_vec(), value: b"1".to_vec(), expires: None };
    Record { fields: vec![hits], created: 0, updated: 0, updates: 1 }
}

impl Store for Keeper {
    fn load(&mut self, _place: RecordAddress<'_>) -> Load {
        match self {
            Keeper::AtOnce => Load::Ready(record()),
            Keeper::Late => Load::Later,
        }
    }

    fn save(&mut self, _place: RecordAddress<'_>, _changes: &[(Vec<u8>, Change)], _timeout_seconds: u32) {}
}

type Compile = fn(&Bundle, &str) -> Result<Ruleset, Vec<Diagnostic>>;

type Phase<'r> = fn(&mut Transaction<'r>, &mut Environment<'_>) -> Outcome;

/// Runs a phase to its end.
fn run<'r>(transaction: &mut Transaction<'r>, env: &mut Environment<'_>, phase: Phase<'r>) {
    loop {
        match phase(transaction, env) {
            Outcome::Yield => {}
            Outcome::Wait => {
                let wanted: Vec<_> = transaction.wanted().map(|place| place.collection).collect();
                assert!(!wanted.is_empty(), "it waits for nothing");
                wanted.into_iter().for_each(|collection| transaction.provide(collection, record()));
            }
            _ => return,
        }
    }
}

fn compiled(compile: Compile) -> Option<Ruleset> {
    let mut bundle = Bundle::new();
    bundle.insert("fuzz.conf", include_str!("seclang.conf"));
    compile(&bundle, "fuzz.conf").ok()
}

fn matched(rules: &Ruleset, data: &[u8], schedule: Schedule, mut store: Keeper) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
    let mut parts = data.splitn(4, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (uri, name, value, body) = (part(), part(), part(), part());
    let mut scratch = Scratch::default();
    let mut schedule = move || schedule;
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    let mut transaction = Transaction::new(rules, Arena::default(), Now::default());
    transaction.connection(IpAddr::V4(Ipv4Addr::LOCALHOST), 1, IpAddr::V4(Ipv4Addr::LOCALHOST), 2);
    transaction.request_line(uri, b"POST", uri, b"HTTP/1.1");
    transaction.header(name, value);
    transaction.header(b"Content-Type", name);
    transaction.header(b"Cookie", value);
    run(&mut transaction, &mut env, Transaction::phase1);
    transaction.request_body(body);
    run(&mut transaction, &mut env, Transaction::phase2);
    transaction.response(200, b"HTTP/1.1");
    transaction.response_header(b"Content-Type", b"text/html");
    run(&mut transaction, &mut env, Transaction::phase3);
    transaction.response_body(body);
    run(&mut transaction, &mut env, Transaction::phase4);
    run(&mut transaction, &mut env, Transaction::phase5);
    let lines = transaction.matches().map(|found| (found.id(), found.variable(), found.log_line()));
    lines.collect()
}

#[cfg(test)]
mod tests {
    /// Bytes of a seed changed here and there, `count` times.
    fn mutants(seeds: &[&[u8]], count: u64) -> Vec<Vec<u8>> {
        let mut state: u64 = 5;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below.max(1)
        };
        (0..count)
            .map(|_| {
                let mut bytes = seeds[draw(seeds.len())].to_vec();
                for _ in 0..draw(6) {
                    let at = draw(bytes.len());
                    match draw(4) {
                        0 => bytes.insert(at.min(bytes.len()), u8::try_from(draw(256)).unwrap()),
                        1 if !bytes.is_empty() => drop(bytes.remove(at)),
                        2 if !bytes.is_empty() => bytes[at] ^= 1 << draw(8),
                        _ => bytes.extend_from_slice(&seeds[draw(seeds.len())][..draw(20).min(seeds[0].len())]),
                    }
                }
                bytes
            })
            .collect()
    }

    #[test]
    fn the_rules_of_the_fuzzer_compile() {
        assert!(super::compiled(super::Ruleset::compile).is_some());
    }

    #[test]
    fn no_rule_file_brings_the_compiler_down() {
        let text = include_bytes!("seclang.conf");
        for mutant in mutants(
            &[text, b"SecRule ARGS|!ARGS:/x/ \"@rx a\" \"id:1,phase:2,chain,msg:'%{tx.1}'\"\nSecRule &TX \"@eq 1\""],
            300,
        ) {
            super::rules(&mutant);
        }
    }

    #[test]
    fn no_request_brings_the_engine_down_or_slips_through_its_gates() {
        let seeds: [&[u8]; 5] = [
            b"/a.php?q=1%27+or+1%3d1--&x=%3cscript%3e&y=evil\0application/x-www-form-urlencoded\0a=1; b=evil\0a=evil&b=EVIL&b=%2fetc%2fpasswd",
            b"/\0application/json\0json\0{\"a\":[\"evil\",{\"b\":\"<script>alert(1)</script>\"}],\"c\":\"evil\",\"d\":\"evil\"}",
            b"/?x=ZXZpbA==\0text/xml\0xml\0<a b='evil'><c>union select 1</c></a>",
            b"/x/../y\0multipart/form-data; boundary=X\0v\0--X\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b.php\"\r\n\r\nevil\r\n--X--\r\n",
            b"/?a=evil&a=evil&a=evil&a=evil&b=1&c=2&d=3&e=4&f=5&g=6&h=7&i=8&j=9&k=10&l=11&m=12&n=evil\0x\0y\0z",
        ];
        for mutant in mutants(&seeds, 3000) {
            super::transaction(&mutant);
        }
    }
}
