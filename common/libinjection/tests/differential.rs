//! The verdicts are those of the C library, on everything published and on mutations of it.
//!
//! Needs a C compiler and the C library: the package libmodsecurity3, which carries it, or any file to link that is named
//! in FOSSE_LIBINJECTION. FOSSE_LIBINJECTION_ROUNDS sets the number of mutations.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/libmodsecurity.so.3",
    "/usr/lib/aarch64-linux-gnu/libmodsecurity.so.3",
    "/usr/lib64/libmodsecurity.so.3",
];
const ROUNDS_DEFAULT: usize = 60_000;
/// Values sent between two readings of answers, few enough that neither pipe fills up.
const BATCH: usize = 500;

/// Compiles the oracle; none (with the reason printed) where that cannot be done.
fn oracle() -> Option<PathBuf> {
    let library = match std::env::var("FOSSE_LIBINJECTION") {
        Ok(named) => named.split_whitespace().map(PathBuf::from).collect(),
        Err(_) => LIBRARIES.iter().map(PathBuf::from).filter(|path| path.exists()).take(1).collect::<Vec<_>>(),
    };
    if library.is_empty() {
        println!("skipped: no C libinjection here (package libmodsecurity3, or name one in FOSSE_LIBINJECTION)");
        return None;
    }
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libinjection-oracle");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.c");
    let compiled = Command::new("cc").arg("-no-pie").arg("-o").arg(&program).arg(source).args(library).output();
    match compiled {
        Ok(output) if output.status.success() => Some(program),
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

/// What the C library says, in the order of the values.
fn answers(program: &Path, values: &[Vec<u8>]) -> Vec<String> {
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the oracle starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut answers = Vec::new();
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
            answers.push(line.trim_end().to_string());
            line.clear();
        }
    });
    assert!(child.wait().expect("the oracle ends").success());
    assert_eq!(answers.len(), values.len());
    answers
}

/// Compares, with the one difference that is meant: the C library stops reading HTML at byte 0xFF.
fn compare(program: &Path, values: &[Vec<u8>]) {
    let mut wrong = Vec::new();
    for (value, answer) in values.iter().zip(answers(program, values)) {
        let (fingerprint, xss) = answer.split_once(' ').expect("two answers");
        let sqli = fosse_libinjection::is_sqli(value);
        let ours = sqli.as_ref().map_or("-", |fingerprint| fingerprint.as_str());
        let stricter = fosse_libinjection::is_xss(value) && value.contains(&0xff);
        if ours != fingerprint || !(stricter || fosse_libinjection::is_xss(value) == (xss == "1")) {
            wrong.push(format!(
                "{} C: {answer} ours: {ours} {}",
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
    let mut mutator = support::Mutator::new(0x5eed_cafe);
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
