//! One run: the table is filled, or traces are read, and findings are reported.

use fosse_args::{Args, Flag, Positional, SANDBOX_STRICT, Takes, Usage};
use fosse_lockdown::Mode;

use crate::attempt::{self, Layers};
use crate::fixture::Fixture;
use crate::matrix::{self, Matrix};
use crate::programs::{self, Program};
use crate::{PROGRAM, actions, below, trace};

/// The command line.
pub const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "tries every forbidden action under each program's policy",
    words: &[Positional::optional(Takes::Text("PROGRAM..."))],
    flags: &[
        Flag { name: "--landlock-only", takes: Takes::Nothing, help: "with no other layer" },
        Flag { name: "--seccomp-only", takes: Takes::Nothing, help: "with no other layer" },
        Flag {
            name: "--no-layers",
            takes: Takes::Nothing,
            help: "with no layer at all: what the actions do unhindered",
        },
        Flag { name: "--launcher", takes: Takes::Nothing, help: "fosse-start's own policy" },
        Flag {
            name: "--golden",
            takes: Takes::Path("FILE"),
            help: "an earlier table; nothing may be looser than in it",
        },
        Flag {
            name: "--traces",
            takes: Takes::Path("DIRECTORY"),
            help: "logs of strace -ff -X raw: reads before the lock, rows never seen",
        },
        SANDBOX_STRICT,
        Flag { name: actions::EXECUTED, takes: Takes::Nothing, help: "what a process that got past the lock says" },
    ],
    about: "Exit 0 where nothing is allowed beyond the listed exceptions (and, with --golden, nothing is looser\n\
            than in FILE), else 1.\n",
    ..Usage::NOTHING
};

/// Does what the command line asks for and ends.
pub fn run(args: &Args) -> ! {
    if args.has(actions::EXECUTED) {
        std::process::exit(attempt::ALLOWED);
    }
    let layers = layers(args);
    let traces = args.value("--traces");
    let mode = if args.has(SANDBOX_STRICT.name) { Mode::Strict } else { Mode::Default };
    let golden = args.value("--golden");
    let programs = if layers == Layers::Launcher { vec![programs::LAUNCHER] } else { chosen(args) };
    if let Some(directory) = traces {
        end(&traced(directory, &programs));
    }
    let degraded = attempt::announce(PROGRAM, mode).unwrap_or_else(|why| fosse_die::temporary(PROGRAM, why));
    let fixture = Fixture::build()
        .unwrap_or_else(|why| fosse_die::temporary(PROGRAM, format_args!("unable to make the fixture: {why}")));
    let matrix = Matrix::fill(&programs, &fixture, layers).unwrap_or_else(|why| fosse_die::fatal(PROGRAM, why));
    drop(fixture);
    print!("{matrix}");
    let mut findings = if layers == Layers::Full { held(&matrix, degraded) } else { Vec::new() };
    findings.extend(golden.map_or_else(Vec::new, |path| looser(&matrix, path)));
    end(&findings)
}

fn end(findings: &[String]) -> ! {
    for finding in findings {
        fosse_die::alert(PROGRAM, finding);
    }
    std::process::exit(i32::from(!findings.is_empty()))
}

fn traced(directory: &str, programs: &[Program]) -> Vec<String> {
    let lives = trace::read_directory(directory.as_ref());
    let lives = lives.unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("{directory}: {error}")));
    let all = programs.len() == programs::ALL.len();
    let programs: Vec<Program> = programs.iter().filter(|program| program.is_real()).copied().collect();
    let mut found = trace::findings(&lives, &programs);
    if all {
        let logs = trace::edge_logs(directory.as_ref());
        let logs = logs.unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("{directory}: {error}")));
        found.extend(below::findings(&logs));
    }
    found
}

fn layers(args: &Args) -> Layers {
    let asked: Vec<Layers> =
        Layers::ALL.into_iter().filter(|layers| *layers != Layers::Full && args.has(layers.option())).collect();
    match asked.as_slice() {
        [] => Layers::Full,
        [one] => *one,
        _ => args.refuse("one of the options for layers at most"),
    }
}

fn chosen(args: &Args) -> Vec<Program> {
    let mut chosen = Vec::new();
    for name in args.rest(0) {
        match programs::ALL.iter().find(|program| program.name() == *name) {
            Some(program) => chosen.push(*program),
            None => args.refuse(format_args!("no program {name}")),
        }
    }
    if chosen.is_empty() { programs::ALL.to_vec() } else { chosen }
}

/// Prints the exceptions. Returns everything else that is allowed under the full set.
fn held(matrix: &Matrix, degraded: bool) -> Vec<String> {
    for exception in matrix.exceptions() {
        println!("exception {exception}");
    }
    matrix.unexpected(degraded)
}

fn looser(matrix: &Matrix, path: &str) -> Vec<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => matrix::looser_than(matrix, &text),
        Err(error) => vec![format!("{path}: {error}")],
    }
}
