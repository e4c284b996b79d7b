//! fosse-seeds: writes what fuzzing starts from: `DIRECTORY/TARGET/N` for each seed and
//! `DIRECTORY/TARGET.dict` with the tokens, as libFuzzer takes them. Prints the targets' names. A
//! development tool: no lock-down.

#![forbid(unsafe_code)]

use std::path::Path;

use fosse_args::{Args, Positional, Takes, Usage};
use fosse_fuzz::targets::{ALL, PLANTED, Target};

const PROGRAM: &str = "fosse-seeds";
const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "writes what fuzzing starts from",
    words: &[Positional::needed(Takes::Path("DIRECTORY"))],
    ..Usage::NOTHING
};

fn main() {
    let args = Args::of_process(&USAGE);
    let directory = args.positional(0).unwrap_or_default();
    for target in ALL.iter().chain([&PLANTED]) {
        if let Err(error) = write(directory.as_ref(), target) {
            fosse_die::fatal(PROGRAM, format_args!("unable to write below {directory}: {error}"));
        }
    }
    ALL.iter().for_each(|target| println!("{}", target.name));
}

fn write(directory: &Path, target: &Target) -> std::io::Result<()> {
    let corpus = directory.join(target.name);
    std::fs::create_dir_all(&corpus)?;
    for (number, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(corpus.join(number.to_string()), seed)?;
    }
    let escaped = |token: &&[u8]| token.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let lines = target.tokens.iter().filter(|token| !token.is_empty()).map(|token| format!("\"{}\"\n", escaped(token)));
    std::fs::write(directory.join(format!("{}.dict", target.name)), lines.collect::<String>())
}
