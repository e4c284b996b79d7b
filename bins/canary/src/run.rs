//! One run: the table filled, or traces read, and what follows from it.

use fosse_args::Args;
use fosse_lockdown::Mode;

use crate::matrix::{self, Matrix};
use crate::programs::{self, Program};
use crate::stage::Stage;
use crate::trial::{self, Walls};
use crate::{PROGRAM, actions, below, trace};

/// Does what the command line asks for and ends.
pub fn run(mut args: Args) -> ! {
    if args.flag(actions::EXECUTED) {
        std::process::exit(trial::ALLOWED);
    }
    let walls = walls(&mut args);
    let traces = args.value("--traces");
    let mode = if args.flag("--sandbox-strict") { Mode::Strict } else { Mode::Default };
    let golden = args.value("--golden");
    let programs = if walls == Walls::Launcher { vec![programs::LAUNCHER] } else { chosen(&mut args) };
    args.end();
    if let Some(directory) = traces {
        end(&traced(&directory, &programs));
    }
    let degraded = trial::announce(PROGRAM, mode).unwrap_or_else(|why| fosse_die::temporary(PROGRAM, why));
    let stage = Stage::build()
        .unwrap_or_else(|why| fosse_die::temporary(PROGRAM, format_args!("unable to set the stage: {why}")));
    let matrix = Matrix::fill(&programs, &stage, walls).unwrap_or_else(|why| fosse_die::fatal(PROGRAM, why));
    drop(stage);
    print!("{matrix}");
    let mut findings = if walls == Walls::Full { held(&matrix, degraded) } else { Vec::new() };
    findings.extend(golden.map_or_else(Vec::new, |path| looser(&matrix, &path)));
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

fn walls(args: &mut Args) -> Walls {
    let asked: Vec<Walls> = Walls::ALL.into_iter().filter(|walls| args.flag(walls.option())).collect();
    match asked.as_slice() {
        [] => Walls::Full,
        [one] => *one,
        _ => args.refuse("one of the options for walls at most"),
    }
}

fn chosen(args: &mut Args) -> Vec<Program> {
    let mut chosen = Vec::new();
    while let Some(name) = args.word() {
        match programs::ALL.iter().find(|program| program.name() == name) {
            Some(program) => chosen.push(*program),
            None => args.refuse(format_args!("no program {name}")),
        }
    }
    if chosen.is_empty() { programs::ALL.to_vec() } else { chosen }
}

/// Under the full set nothing may be allowed but the exceptions, which are told.
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
