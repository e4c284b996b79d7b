//! The launcher's filter against traces and policies: every row of it must occur, and it must
//! permit every call that the programs below it may make.

use fosse_lockdown::call;
use fosse_lockdown::launcher::LAUNCHER;

use crate::trace::{Line, unused_of};

/// Returns the calls in one process's log that were made below the launcher's filter: in start and
/// its fork server those after their own seccomp(2), in all others every call.
#[must_use]
pub(crate) fn lines_below(log: &str) -> Vec<Line> {
    let all: Vec<Line> = log.lines().filter_map(Line::read).collect();
    let is = |line: &Line, name: &str| line.name == name;
    let puts_it_up = all.first().is_some_and(|line| is(line, "execve")) || all.iter().any(|line| is(line, "unshare"));
    if !puts_it_up {
        return all;
    }
    let after = all.into_iter().skip_while(|line| !is(line, call::SECCOMP.name));
    after.skip(1).collect()
}

/// Returns the rows of the filter that do not occur in the logs of a whole edge.
#[must_use]
pub(crate) fn findings(logs: &[String]) -> Vec<String> {
    let lines: Vec<Line> = logs.iter().flat_map(|log| lines_below(log)).collect();
    unused_of("launcher", LAUNCHER, &lines.iter().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_lockdown::launcher;

    use crate::programs::{self, Program};

    /// Calls that a program's policy permits and the filter above it does not: they could never be
    /// made.
    fn out_of_reach(programs: &[Program]) -> Vec<String> {
        let rows = programs.iter().flat_map(|program| program.policy.syscalls.iter().map(move |row| (program, row)));
        let beyond = rows.filter(|(_, row)| !launcher::permits(row.call));
        beyond
            .map(|(program, row)| format!("{} may call {}, start's filter ends it", program.name(), row.call.name))
            .collect()
    }

    #[test]
    fn a_program_may_call_nothing_that_the_filter_above_it_ends() {
        // This one is started by people, not by start.
        let by_start = |program: &&Program| program.name() != "frames";
        let programs: Vec<Program> = programs::ALL.iter().filter(by_start).copied().collect();
        assert_eq!(out_of_reach(&programs), Vec::<String>::new());
    }

    #[test]
    fn what_start_does_before_its_filter_does_not_count_and_what_children_do_does() {
        let names = |log| lines_below(log).into_iter().map(|line| line.name).collect::<Vec<_>>();
        assert_eq!(names("execve(\"/x\", [], 0) = 0\nmount(0) = 0\nseccomp(1, 0, 0) = 0\nwait4(1) = 2\n"), ["wait4"]);
        assert_eq!(names("unshare(7) = 0\nseccomp(1, 0, 0) = 0\nclone(0) = 2\n"), ["clone"]);
        assert_eq!(names("dup2(1, 2) = 2\nseccomp(1, 0, 0) = 0\nread(0) = 1\n"), ["dup2", "seccomp", "read"]);
    }
}
