//! Traces of programs: reads the logs of `strace -ff -X raw -o DIR/trace ...` and compares them
//! with the policies.
//!
//! Two questions. Did any program read a byte before its lock was on? And does every row of every
//! policy that says `seen` occur? A row nobody needs is a door nobody watches.

use std::collections::BTreeMap;
use std::path::Path;

use fosse_lockdown::{Args, BASE, Call, Cond, Row, Why, call};

use crate::programs::Program;

/// The longest name that a process can give itself, in bytes (prctl(2), PR_SET_NAME).
const NAME_BYTES_MAX: usize = 15;

/// The name that a zygote gives itself. It reads files that root has sealed and launches by start,
/// and never locks itself down as its instances do.
const ZYGOTE: &str = "fosse-zygote";

/// Calls that bring bytes or descriptors in.
const READING: &[Call] = &[
    call::READ,
    call::READV,
    call::PREAD64,
    call::RECVFROM,
    call::RECVMSG,
    call::RECVMMSG,
    call::ACCEPT4,
    call::SPLICE,
    call::SENDFILE,
];

/// One system call as strace prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its name.
    pub name: String,
    /// Its arguments; those that are no plain number are `None`.
    pub arguments: Vec<Option<u64>>,
    /// The arguments as printed.
    pub words: Vec<String>,
    /// The value it returned, if a number.
    pub result: Option<i64>,
}

impl Line {
    /// Reads one line; `None` for signals, ends and whatever else is no call.
    #[must_use]
    pub(crate) fn read(text: &str) -> Option<Line> {
        let (name, rest) = text.split_once('(')?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        let (inside, after) = split_call(rest);
        let result = after.trim_start().strip_prefix('=').and_then(|rest| rest.split_whitespace().next());
        let words: Vec<String> = split_arguments(inside).into_iter().map(str::to_owned).collect();
        // strace prints clone's arguments in an order of its own, with names.
        let flags = words.iter().find_map(|word| word.strip_prefix("flags=")).filter(|_| name == call::CLONE.name);
        let arguments = flags.map_or_else(|| words.iter().map(|w| number(w)).collect(), |flags| vec![number(flags)]);
        Some(Line { name: name.to_owned(), arguments, words, result: result.and_then(signed) })
    }

    fn is(&self, call: Call) -> bool {
        self.name == call.name
    }

    /// Returns the name that the process gives itself with this call.
    fn names_itself(&self) -> Option<&str> {
        const PR_SET_NAME: u64 = 15;
        let names = self.is(call::PRCTL) && self.arguments.first() == Some(&Some(PR_SET_NAME));
        self.words.get(1).filter(|_| names).and_then(|word| word.split('"').nth(1))
    }

    fn matches(&self, row: &Row) -> bool {
        self.is(row.call)
            && match row.args {
                Args::Any => true,
                Args::Refuse(_) => false,
                Args::All(conditions) => conditions.iter().all(|condition| self.fulfils(condition)),
            }
    }

    fn fulfils(&self, condition: &Cond) -> bool {
        let long = |index: u8| self.arguments.get(usize::from(index)).copied().flatten();
        let int = |index: u8| long(index).map(|value| value & 0xffff_ffff);
        match *condition {
            Cond::Is(index, value) => int(index) == Some(value.into()),
            Cond::Lacks(index, bits) => int(index).is_some_and(|found| found & u64::from(bits) == 0),
            Cond::Masked(index, mask, value) => {
                int(index).is_some_and(|found| found & u64::from(mask) == u64::from(value))
            }
            Cond::AtMost(index, value) => int(index).is_some_and(|found| found <= value.into()),
            Cond::AtLeast(index, value) => int(index).is_some_and(|found| found >= value.into()),
            Cond::IsLong(index, value) => long(index) == Some(value),
            Cond::OwnPid(index) => int(index).is_some(),
        }
    }
}

/// The calls of one process: from its exec to its lock, and after.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    /// The program it executed last, as `fosse-parse`; for the instance of a zygote what it calls
    /// itself.
    pub program: String,
    zygote: bool,
    before: Vec<Line>,
    after: Vec<Line>,
    locked: bool,
    killed: bool,
}

impl Life {
    /// Reads one process's log.
    #[must_use]
    pub(crate) fn read(log: &str) -> Life {
        let mut life = Life::default();
        for text in log.lines() {
            life.killed |= text.starts_with("+++ killed by SIGSYS");
            let Some(line) = Line::read(text) else { continue };
            match line.names_itself() {
                Some(ZYGOTE) => life.zygote = true,
                Some(name) if life.program.is_empty() => life.program = name.to_owned(),
                _ => {}
            }
            let succeeded = line.result == Some(0);
            if succeeded && (line.is(call::EXECVE) || line.is(call::EXECVEAT)) {
                life = Life { program: executed(text), ..Life::default() };
            } else if life.locked {
                life.after.push(line);
            } else if succeeded && line.is(call::SECCOMP) {
                life.locked = true;
            } else {
                life.before.push(line);
            }
        }
        life
    }

    /// Returns whether this is that program: an instance has only the beginning of a long name.
    fn is_of(&self, program: &str) -> bool {
        self.program == program || (self.program.len() == NAME_BYTES_MAX && program.starts_with(&self.program))
    }

    /// Returns the calls before the lock that read from a descriptor this process had not opened
    /// itself.
    #[must_use]
    pub(crate) fn early_reads(&self) -> Vec<String> {
        let mut own: Vec<u64> = Vec::new();
        let mut early = Vec::new();
        for line in &self.before {
            let opened = line.result.and_then(|fd| u64::try_from(fd).ok());
            if line.is(call::OPENAT) || line.is(call::OPEN) {
                own.extend(opened);
            } else if READING.iter().any(|reading| line.is(*reading)) {
                let from = line.arguments.first().copied().flatten();
                if from.is_none_or(|fd| !own.contains(&fd)) {
                    early.push(format!("{}({})", line.name, line.words.join(", ")));
                }
            }
        }
        early
    }
}

/// Reads every log of a directory.
///
/// # Errors
/// The error of the file that cannot be read.
pub(crate) fn read_directory(directory: &Path) -> std::io::Result<Vec<Life>> {
    let mut lives = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let bytes = std::fs::read(entry?.path())?;
        lives.push(Life::read(&String::from_utf8_lossy(&bytes)));
    }
    Ok(lives)
}

/// Reads the logs of an edge, without those of programs that run beside it.
///
/// # Errors
/// The error of the file that cannot be read.
pub(crate) fn edge_logs(directory: &Path) -> std::io::Result<Vec<String>> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b"trace.") {
            logs.push(String::from_utf8_lossy(&std::fs::read(entry.path())?).into_owned());
        }
    }
    Ok(logs)
}

/// Returns early reads, kills by the sandbox, rows that never occur, and programs without a log.
#[must_use]
pub(crate) fn findings(lives: &[Life], programs: &[Program]) -> Vec<String> {
    let mut found = Vec::new();
    let mut of: BTreeMap<&str, Vec<&Life>> = BTreeMap::new();
    for life in lives.iter().filter(|life| !life.zygote) {
        let named = programs.iter().map(|program| program.policy.program).find(|program| life.is_of(program));
        let Some(name) = named else { continue };
        found.extend(life.early_reads().into_iter().map(|read| format!("{name} before its lock: {read}")));
        if life.killed {
            found.push(format!("{name} was killed by its own policy"));
        }
        if life.locked {
            of.entry(name).or_default().push(life);
        }
    }
    for program in programs {
        match of.get(program.policy.program) {
            None => found.push(format!("{} was never seen locked", program.policy.program)),
            Some(lives) => found.extend(unused(program.policy.program, program.policy.syscalls, lives)),
        }
    }
    let all: Vec<&Life> = of.into_values().flatten().collect();
    found.extend(unused("every program", BASE, &all));
    found
}

fn unused(who: &str, rows: &[Row], lives: &[&Life]) -> Vec<String> {
    unused_of(who, rows, &lives.iter().flat_map(|life| &life.after).collect::<Vec<_>>())
}

/// Returns the rows that say `seen` and are not among these calls.
#[must_use]
pub(crate) fn unused_of(who: &str, rows: &[Row], lines: &[&Line]) -> Vec<String> {
    let occurs = |row: &Row| lines.iter().any(|line| line.matches(row));
    let missing = rows.iter().filter(|row| row.why == Why::Seen && row.call.number >= 0 && !occurs(row));
    missing.map(|row| format!("{who}: row never seen: {} {:?} ({})", row.call.name, row.args, row.reason)).collect()
}

/// Returns the program of an exec, `execve("/x/fosse-parse", [...` and
/// `execveat(5, "", ["fosse-parse", ...`: the first string that is not empty (the path is printed
/// whole, the words are cut).
fn executed(text: &str) -> String {
    let word = text.split('"').skip(1).step_by(2).find(|word| !word.is_empty()).unwrap_or_default();
    word.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Splits at the parenthesis that closes the call.
fn split_call(text: &str) -> (&str, &str) {
    let end = Depth::default().ends(text, |depth, c| c == ')' && depth.is_outermost());
    let (inside, after) = text.split_at_checked(end).unwrap_or((text, ""));
    (inside, after.strip_prefix(')').unwrap_or(after))
}

fn split_arguments(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = Depth::default().ends(rest, |depth, c| c == ',' && depth.is_outermost());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        words.push(word.trim());
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    words
}

/// The state of a walk through brackets and strings.
#[derive(Default)]
struct Depth {
    open: u32,
    quoted: bool,
    escaped: bool,
}

impl Depth {
    const fn is_outermost(&self) -> bool {
        self.open == 0 && !self.quoted
    }

    /// Returns the index of the first character for which `stop` holds, else the length.
    fn ends(mut self, text: &str, stop: impl Fn(&Depth, char) -> bool) -> usize {
        for (at, c) in text.char_indices() {
            if stop(&self, c) {
                return at;
            }
            self.step(c);
        }
        text.len()
    }

    fn step(&mut self, c: char) {
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.quoted => self.escaped = true,
            '"' => self.quoted = !self.quoted,
            '(' | '[' | '{' if !self.quoted => self.open += 1,
            // strace cuts long arguments, so that more may close than open.
            ')' | ']' | '}' if !self.quoted => self.open = self.open.saturating_sub(1),
            _ => {}
        }
    }
}

/// Reads a number, or several joined by `|`, as strace prints flags of which it knows some.
fn number(word: &str) -> Option<u64> {
    let word = word.split_whitespace().next()?;
    let mut parts = word.split('|').map(|part| if part == "NULL" { Some(0) } else { signed(part) });
    parts.try_fold(0, |all, part| Some(all | part?.cast_unsigned()))
}

fn signed(word: &str) -> Option<i64> {
    match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(u64::cast_signed),
        None => match word.strip_prefix('0').filter(|rest| !rest.is_empty()) {
            Some(octal) => i64::from_str_radix(octal, 8).ok(),
            None => word.parse().ok(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_calls_as_strace_prints_them() {
        let line = Line::read(r#"sendto(7, "a, \"(b", 6, 0x4040, NULL, 0) = 6"#).unwrap();
        assert_eq!(line.name, "sendto");
        assert_eq!(line.arguments, [Some(7), None, Some(6), Some(0x4040), Some(0), Some(0)]);
        assert_eq!(line.result, Some(6));
        let line = Line::read("fcntl(-1, 0x1) = -1 EBADF (Bad file descriptor)").unwrap();
        assert_eq!((line.arguments, line.result), (vec![Some(u64::MAX), Some(1)], Some(-1)));
        let line = Line::read("accept4(3, {sa_family=0x2, sin_port=htons(1)}, [16], 0x80800) = 9").unwrap();
        assert_eq!((line.arguments, line.result), (vec![Some(3), None, None, Some(0x80800)], Some(9)));
        let line = Line::read("socket(0x1, 0x1|0x80800, 0) = 4").unwrap();
        assert_eq!(line.arguments, [Some(1), Some(0x80801), Some(0)]);
        let line = Line::read("clone(child_stack=NULL, flags=0x8000|17) = 9").unwrap();
        assert_eq!(line.arguments, [Some(0x8011)]);
        for text in ["+++ exited with 0 +++", "--- SIGCHLD {si_signo=SIGCHLD} ---", ""] {
            assert_eq!(Line::read(text), None);
        }
    }

    #[test]
    fn a_read_before_the_lock_is_found_and_one_after_is_not() {
        let log = "clone(0) = 0\nread(0, \"x\", 1) = 1\n\
                   execveat(5, \"\", [\"fosse-parse\", \"--x\"], [\"A=b\"], 0x1000) = 0\n\
                   openat(-100, \"/proc/self/auxv\", 0) = 3\nread(3, \"x\", 1) = 1\nread(5, \"x\", 1) = 1\n\
                   seccomp(0x1, 0, {len=9, filter=0x1}) = 0\nrecvfrom(0, \"x\", 1, 0, NULL, NULL) = 1\n";
        let life = Life::read(log);
        assert_eq!(life.program, "fosse-parse");
        assert_eq!(life.early_reads(), ["read(5, \"x\", 1)"]);
        assert!(life.locked && life.after.len() == 1);
    }

    #[test]
    fn a_zygote_is_known_and_its_instance_is_judged_like_any_program() {
        let zygote = Life::read("execveat(5, \"\", [\"fosse-waf-filter\"], 0) = 0\nprctl(0xf, \"fosse-zygote\") = 0\n");
        assert!(zygote.zygote);
        let log = "prctl(0xf, \"fosse-waf-filte\"...) = 0\nread(0, \"x\", 1) = 1\nseccomp(0x1, 0, {len=9}) = 0\n";
        let instance = Life::read(log);
        assert!(instance.is_of("fosse-waf-filter") && !instance.is_of("fosse-waf") && !instance.zygote);
        assert_eq!(instance.early_reads().len(), 1);
    }

    #[test]
    fn a_row_that_never_occurs_is_found() {
        let life =
            Life::read("execve(\"/x\", [\"fosse-x\"], 0) = 0\nseccomp(1, 0, 0) = 0\nsendto(1, 2, 3, 0, NULL, 0) = 3\n");
        let rows = [
            Row::seen(call::SENDTO, Args::SENDTO_PEER, "occurs"),
            Row::seen(call::SENDTO, Args::All(&[Cond::Is(0, 2)]), "on another descriptor"),
            Row::platform(call::UMASK, Args::Any, "a test provokes it"),
        ];
        let unused = unused("fosse-x", &rows, &[&life]);
        assert_eq!(unused.len(), 1);
        assert!(unused.iter().all(|text| text.contains("on another descriptor")));
    }
}
