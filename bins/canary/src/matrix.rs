//! The table: actions down, programs across; and the cells that must not be.

use std::fmt;

use crate::action::Action;
use crate::actions;
use crate::attempt::{self, Layers, Outcome};
use crate::fixture::Fixture;
use crate::programs::Program;

/// Widest action name, and width of a program's column.
const ACTION_WIDTH: usize = 24;
const COLUMN_WIDTH: usize = 12;

/// Every action under every program's policy.
#[derive(Debug)]
pub(crate) struct Matrix {
    programs: Vec<Program>,
    rows: Vec<(Action, Vec<Outcome>)>,
}

impl Matrix {
    /// Runs every attempt, after one that must succeed: where that fails, `killed` would mean
    /// nothing.
    ///
    /// # Errors
    /// The first attempt that could not be run at all.
    pub(crate) fn fill(programs: &[Program], fixture: &Fixture, layers: Layers) -> Result<Matrix, String> {
        for program in programs {
            let control = attempt::run(program, &actions::CONTROL, fixture, layers)?;
            if control != Outcome::Allowed {
                return Err(format!("{} cannot even write to fd 2: {control}", program.policy.program));
            }
        }
        let row = |action: Action| {
            let cells = programs.iter().map(|program| attempt::run(program, &action, fixture, layers));
            Ok((action, cells.collect::<Result<_, String>>()?))
        };
        let rows = actions::all().map(row).collect::<Result<_, String>>()?;
        Ok(Matrix { programs: programs.to_vec(), rows })
    }

    /// Returns every cell that says ALLOWED without an exception, and every exception that is no
    /// longer one. Where this kernel's Landlock lacks something (`degraded`) the exceptions for
    /// that may be used, and those for what it lacks need not be.
    #[must_use]
    pub(crate) fn unexpected(&self, degraded: bool) -> Vec<String> {
        let mut found = Vec::new();
        for (program, action, outcome) in self.cells() {
            let name = program.policy.program;
            let exception = program.exceptions.iter().find(|exception| exception.action == action);
            match (outcome == Outcome::Allowed, exception) {
                (true, None) => found.push(format!("{name} may do {action}")),
                (true, Some(exception)) if exception.degraded && !degraded => {
                    found.push(format!("{name} may do {action}"))
                }
                // A call that this kernel has not got is let through by the filter all the same.
                (false, Some(_)) if degraded && outcome.is_missing() => {}
                (false, Some(exception)) if !exception.degraded => {
                    found.push(format!("{name} is excepted for {action} and cannot do it"));
                }
                _ => {}
            }
        }
        found
    }

    /// Returns the exceptions in use, each with its limit.
    #[must_use]
    pub(crate) fn exceptions(&self) -> Vec<String> {
        let used = self.cells().filter(|(_, _, outcome)| *outcome == Outcome::Allowed);
        let listed = used.filter_map(|(program, action, _)| {
            let exception = program.exceptions.iter().find(|exception| exception.action == action)?;
            Some(format!("{} {action}: {}", program.policy.program, exception.limit))
        });
        listed.collect()
    }

    fn cells(&self) -> impl Iterator<Item = (&Program, &'static str, Outcome)> {
        self.rows.iter().flat_map(|(action, outcomes)| {
            self.programs.iter().zip(outcomes).map(|(program, outcome)| (program, action.name, *outcome))
        })
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:ACTION_WIDTH$}", "action")?;
        for program in &self.programs {
            write!(f, " {:COLUMN_WIDTH$}", program.name())?;
        }
        for (action, outcomes) in &self.rows {
            write!(f, "\n{:ACTION_WIDTH$}", action.name)?;
            for outcome in outcomes {
                write!(f, " {outcome:COLUMN_WIDTH$}")?;
            }
        }
        writeln!(f)
    }
}

/// Returns every cell that is looser here than in a table printed before, and every row and column
/// that the table lacks.
#[must_use]
pub(crate) fn looser_than(matrix: &Matrix, golden: &str) -> Vec<String> {
    let mut lines = golden.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let programs = lines.next().unwrap_or_default();
    let rows: Vec<Vec<&str>> = lines.collect();
    let mut found = absent(matrix, &programs, &rows);
    for (program, action, outcome) in matrix.cells() {
        let column = programs.iter().position(|name| *name == program.name());
        let row = rows.iter().find(|row| row.first() == Some(&action));
        let before = column.zip(row).and_then(|(column, row)| row.get(column));
        if let Some(word) = before.filter(|word| outcome.looseness() > looseness(word)) {
            found.push(format!("{action} under {} was {word} and is now {outcome}", program.name()));
        }
    }
    found
}

/// Returns the columns and rows that the golden table lacks: it must be printed again and read.
fn absent(matrix: &Matrix, programs: &[&str], rows: &[Vec<&str>]) -> Vec<String> {
    let has_row = |name: &str| rows.iter().any(|row| row.first() == Some(&name));
    let columns = matrix.programs.iter().map(Program::name).filter(|name| !programs.contains(name));
    let actions = matrix.rows.iter().map(|(action, _)| action.name).filter(|name| !has_row(name));
    columns.chain(actions).map(|name| format!("{name} is not in the golden table")).collect()
}

fn looseness(word: &str) -> u8 {
    match word {
        "killed" => 0,
        "ALLOWED" => 2,
        _ => 1,
    }
}
