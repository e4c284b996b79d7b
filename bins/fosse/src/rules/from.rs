//! `fosse rules from`: the lines of fosse.toml that use a rule set as it lies on the disk.

use std::fmt::Write as _;

use fosse_args::Args;
use fosse_die::fatal;

use super::layout;
use super::source::Source;
use crate::PROGRAM;
use crate::output::print;

/// Prints the lines, of rules that compile.
pub(crate) fn run(words: &Args) -> i32 {
    let paths = words.values("--rules");
    if paths.is_empty() {
        words.refuse("rules from needs the path of a rule set");
    }
    let entries = layout::entries(paths).unwrap_or_else(|why| fatal(PROGRAM, why));
    let count = Source::of(paths).compile("").len();
    print(&lines(&entries, count))
}

fn lines(entries: &[String], count: usize) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {count} rules, as they lie there. In [[site]]:");
    out.push_str("rules = [\n");
    for entry in entries {
        let _ = writeln!(out, "    {entry:?},");
    }
    out.push_str("]\n");
    let directories = layout::directories(entries);
    if !directories.is_empty() {
        let flags: Vec<String> = directories.iter().map(|path| format!("--dir {}", path.display())).collect();
        let _ =
            writeln!(out, "# Files outside of the directory of fosse.toml are read where fosse-start is allowed to:");
        let _ = writeln!(out, "#   fosse-start {}", flags.join(" "));
    }
    out
}
