//! The verdicts are those of the C library, on everything published and on mutations of it.
//!
//! Needs a C compiler and the C library: the package libmodsecurity3, which carries it, or any file
//! to link that is named in FOSSE_LIBINJECTION. FOSSE_LIBINJECTION_ROUNDS sets the number of
//! mutations, FOSSE_LIBINJECTION_SEED (not 0) their choice.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/libmodsecurity.so.3",
    "/usr/lib/aarch64-linux-gnu/libmodsecurity.so.3",
    "/usr/lib64/libmodsecurity.so.3",
];
const ROUNDS_DEFAULT: usize = 60_000;
/// Values sent between two readings of verdicts, few enough that neither pipe fills up.
const BATCH: usize = 500;

/// The oracle, compiled once for all tests; none (with the reason printed) where that cannot be
/// done.
fn oracle() -> Option<PathBuf> {
    static ORACLE: OnceLock<Option<PathBuf>> = OnceLock::new();
    ORACLE.get_or_init(compile_oracle).clone()
}

fn compile_oracle() -> Option<PathBuf> {
    let library = match std::env::var("FOSSE_LIBINJECTION") {
        Ok(named) => named.split_whitespace().map(PathBuf::from).collect(),
        Err(_) => LIBRARIES.iter().map(PathBuf::from).filter(|path| path.exists()).take(1).collect::<Vec<_>>(),
    };
    if library.is_empty() {
        println!("skipped: no C libinjection here (package libmodsecurity3, or name one in FOSSE_LIBINJECTION)");
        return None;
    }
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("libinjection-oracle-{}", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.c");
    let compiled = Command::new("cc").arg("-no-pie").arg("-o").arg(&program).arg(source).args(library).output();
    match compiled {
        Ok(output) if output.status.success() => {
            // Renamed, because another run of these tests may be using the file of that name.
            let shared = program.with_file_name("libinjection-oracle");
            std::fs::rename(&program, &shared).expect("one directory");
            Some(shared)
        }
        Ok(output) => {
            println!("skipped: cc could not link the C library: {}", String::from_utf8_lossy(&output.stderr));
            None
        }
        Err(error) => {
            println!("skipped: no C compiler here: {error}");
            None
        }
    }
}

/// Returns the C library's verdicts, in the order of the values.
fn verdicts(program: &Path, values: &[Vec<u8>]) -> Vec<String> {
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the oracle starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut verdicts = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for batch in values.chunks(BATCH) {
                let mut frames = Vec::new();
                for value in batch {
                    frames.extend(u32::try_from(value.len()).expect("a short value").to_le_bytes());
                    frames.extend(value);
                }
                input.write_all(&frames).expect("the oracle reads");
            }
        });
        let mut line = String::new();
        while output.read_line(&mut line).expect("the oracle writes") > 0 {
            verdicts.push(line.trim_end().to_string());
            line.clear();
        }
    });
    assert!(child.wait().expect("the oracle ends").success());
    assert_eq!(verdicts.len(), values.len());
    verdicts
}

/// Compares, with the one difference that is meant: the C library stops reading HTML at byte 0xFF.
fn compare(program: &Path, values: &[Vec<u8>]) {
    let mut wrong = Vec::new();
    for (value, verdict) in values.iter().zip(verdicts(program, values)) {
        let (fingerprint, xss) = verdict.split_once(' ').expect("two verdicts");
        let sqli = fosse_libinjection::is_sqli(value);
        let ours = sqli.as_ref().map_or("-", |fingerprint| fingerprint.as_str());
        let stricter = fosse_libinjection::is_xss(value) && value.contains(&0xff);
        if ours != fingerprint || !(stricter || fosse_libinjection::is_xss(value) == (xss == "1")) {
            wrong.push(format!(
                "{} C: {verdict} ours: {ours} {}",
                value.escape_ascii(),
                fosse_libinjection::is_xss(value)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        values.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

#[test]
fn agrees_with_the_c_library_on_published_values() {
    if let Some(program) = oracle() {
        compare(&program, &support::values());
    }
}

#[test]
fn agrees_with_the_c_library_on_mutations() {
    let Some(program) = oracle() else { return };
    let rounds = std::env::var("FOSSE_LIBINJECTION_ROUNDS").ok().and_then(|text| text.parse().ok());
    let values = support::values();
    let seed = std::env::var("FOSSE_LIBINJECTION_SEED").ok().and_then(|text| text.parse().ok());
    let mut mutator = support::Mutator::new(seed.unwrap_or(0x5eed_cafe));
    let mutations: Vec<_> = (0..rounds.unwrap_or(ROUNDS_DEFAULT)).map(|_| mutator.mutate(&values)).collect();
    compare(&program, &mutations);
}

#[test]
fn agrees_with_the_c_library_on_every_text_of_two_bytes_between_digits() {
    let Some(program) = oracle() else { return };
    let pair = |a, b| [vec![b'1', a, b, b'1'], vec![b'\'', a, b, b' ', b'1'], vec![b'<', b'a', a, b, b'=', b'1']];
    let values: Vec<_> = (0..=255).flat_map(|a| (0..=255).flat_map(move |b| pair(a, b))).collect();
    compare(&program, &values);
}

/// The records of a table in data/.
fn records(table: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(table);
    let text = std::fs::read_to_string(path).expect("a table");
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_string).collect()
}

#[test]
fn agrees_with_the_c_library_on_every_word_of_the_table() {
    let Some(program) = oracle() else { return };
    let places = [
        "{}",
        "1 {} 1",
        "1' {} (1) --",
        "{}(1)",
        "1 union {} 2",
        "{}.a",
        "`{}`",
        "; {} 1",
        "\" {} a",
        "a {} {} b",
        "({} {}(",
    ];
    let words = records("words.txt").into_iter().map(|record| record[2..].to_lowercase());
    let values: Vec<_> = words.flat_map(|word| places.map(|place| place.replace("{}", &word).into_bytes())).collect();
    compare(&program, &values);
}

/// A text for a kind of a fingerprint; several, so that rules about the text are met.
fn text_of(kind: char, choice: usize) -> &'static str {
    let texts: &[&str] = match kind {
        '1' => &["1", "1.5", "null", "0x1f"],
        'N' => &["a", "`b`", "[c]", "user"],
        'S' => &["'x'", "\"y\"", "'", "$$z$$"],
        'V' => &["@a", "@@b", "@`c`", "current_user"],
        'O' => &["=", "-", "like", "::"],
        '&' => &["and", "||", "or", "&&"],
        'F' => &["sleep", "user(", "if", "char"],
        'K' => &["from", "into outfile", "in", "where"],
        'U' => &["union", "union all", "except", "intersect"],
        'E' => &["select", "insert", "update", "select"],
        'B' => &["group by", "order by", "limit", "having"],
        'T' => &["int", "drop", "declare", "binary"],
        'A' => &["collate", "collate", "collate", "collate"],
        'C' => &["--", "/*c*/", "# x", "-- sp_password"],
        'X' => &["/*!", "/*/**/*/", "/*!1*/", "{``"],
        '(' => &["("],
        ')' => &[")"],
        ',' => &[","],
        ':' => &[":"],
        ';' => &[";"],
        _ => &[""],
    };
    texts[choice % texts.len()]
}

#[test]
fn agrees_with_the_c_library_on_values_made_from_every_fingerprint() {
    let Some(program) = oracle() else { return };
    let value = |kinds: &str, choice: usize| {
        let texts = kinds.char_indices().map(|(at, kind)| text_of(kind, choice >> (at % 3)));
        texts.collect::<Vec<_>>().join(if choice.is_multiple_of(2) { " " } else { "" }).into_bytes()
    };
    let values: Vec<_> =
        records("fingerprints.txt").iter().flat_map(|kinds| (0..8).map(|choice| value(kinds, choice))).collect();
    let found = values.iter().filter(|value| fosse_libinjection::is_sqli(value).is_some()).count();
    assert!(found * 3 > values.len(), "only {found} of {} are attacks", values.len());
    compare(&program, &values);
}
