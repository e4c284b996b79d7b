//! Command lines are read by their table, and what no row knows is refused with a line that helps.

use fosse_args::{Args, Flag, Positional, Request, Takes, Usage, read};

const FILE: Flag = Flag { name: "--config", takes: Takes::Path("FILE"), help: "the file" };
const DIR: Flag = Flag { name: "--dir", takes: Takes::Path("DIR..."), help: "directories" };
const WAF: Flag = Flag { name: "--waf", takes: Takes::Word(&["off", "detect", "block"]), help: "mode" };
const QUIET: Flag = Flag { name: "--quiet", takes: Takes::Nothing, help: "say nothing" };

const CHECK: Usage = Usage {
    name: "check",
    summary: "checks",
    words: &[Positional::same_as(&FILE)],
    flags: &[FILE, DIR, WAF, QUIET],
    ..Usage::NOTHING
};
const EXPLAIN: Usage = Usage {
    name: "explain",
    summary: "explains",
    words: &[
        Positional::needed(Takes::Text("HOST")),
        Positional::needed(Takes::Text("PATH")),
        Positional::same_as(&FILE),
    ],
    flags: &[FILE],
    ..Usage::NOTHING
};
const LOAD: Usage =
    Usage { name: "load", summary: "loads", words: &[Positional::same_as(&DIR)], flags: &[DIR], ..Usage::NOTHING };
static TOOL: Usage = Usage {
    name: "tool",
    summary: "does",
    commands: &[
        CHECK,
        EXPLAIN,
        LOAD,
        Usage { name: "rules", summary: "groups", commands: &[CHECK, LOAD], ..Usage::NOTHING },
    ],
    elsewhere: &[("stop", "svc -d stops it")],
    ..Usage::NOTHING
};

fn request(line: &str) -> Result<Request, String> {
    read(&TOOL, &line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

fn args(line: &str) -> Args {
    match request(line) {
        Ok(Request::Run(args)) => args,
        other => panic!("{line}: {other:?}"),
    }
}

fn shown(line: &str) -> String {
    match request(line) {
        Ok(Request::Show(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn options_are_taken_in_both_spellings_in_any_order() {
    let args = args("check --waf=off x.toml --dir a --quiet --dir=b");
    assert_eq!((args.value("--waf"), args.has("--quiet")), (Some("off"), true));
    assert_eq!(args.values("--dir"), ["a", "b"]);
}

#[test]
fn a_word_and_the_option_of_the_same_meaning_are_alike() {
    for line in ["check x.toml", "check --config x.toml", "check --config=x.toml"] {
        assert_eq!(args(line).value("--config"), Some("x.toml"), "{line}");
    }
    for line in ["explain a /b x.toml", "explain --config x.toml a /b"] {
        let args = args(line);
        assert_eq!((args.value("--config"), args.rest(0).len()), (Some("x.toml"), 2), "{line}");
    }
    assert_eq!(args("load --dir c a b").values("--dir"), ["c", "a", "b"]);
    assert_eq!(args("rules load a").values("--dir"), ["a"]);
}

#[test]
fn two_dashes_end_the_options() {
    assert_eq!(args("check --quiet -- --dir").value("--config"), Some("--dir"));
    assert_eq!(args("load -- --help -h").values("--dir"), ["--help", "-h"]);
    assert_eq!(args("check -").value("--config"), Some("-"));
}

#[test]
fn a_wrong_word_is_refused_with_its_cure() {
    let shows = "tool check --help shows what it takes";
    for (line, expected) in [
        ("chekc", "no command 'chekc'; did you mean check?".to_owned()),
        ("stop", "no command 'stop'; svc -d stops it".to_owned()),
        ("frobnicate", "no command 'frobnicate'; tool --help shows them".to_owned()),
        ("rules chck", "no command 'chck'; did you mean check?".to_owned()),
        ("rules", "check, load is missing; tool rules --help shows them".to_owned()),
        ("--quiet", "unknown option --quiet; tool --help shows more".to_owned()),
        ("--vresion", "unknown option --vresion; did you mean --version? tool --help shows more".to_owned()),
        ("rules --hlep", "unknown option --hlep; did you mean --help? tool rules --help shows more".to_owned()),
        ("check --hlep", format!("unknown option --hlep; did you mean --help? {shows}")),
        ("check --versoin a", format!("unknown option --versoin; did you mean --version? {shows}")),
        ("check --quite", format!("unknown option --quite; did you mean --quiet? {shows}")),
        ("check -c x", format!("unknown option -c; {shows}")),
        (
            "check --waf dettect",
            format!("--waf: 'dettect' is none of off, detect, block, did you mean detect? {shows}"),
        ),
        ("check --dir --waf off", format!("--dir needs a value: --dir DIR...; {shows}")),
        ("check --dir", format!("--dir needs a value: --dir DIR...; {shows}")),
        ("check --quiet=1", format!("--quiet takes no value; {shows}")),
        ("check --waf off --waf off", format!("--waf given twice; {shows}")),
        ("check a b", format!("unknown word 'b'; {shows}")),
        ("check a --config b", format!("'a' and --config: the file is named twice; {shows}")),
        ("explain a", "PATH is missing; tool explain --help shows what it takes".to_owned()),
    ] {
        assert_eq!(request(line).unwrap_err(), expected);
    }
}

#[test]
fn help_and_version_are_shown_whatever_else_is_said() {
    for line in ["", "--help", "-h", "-V --help"] {
        assert!(
            shown(line).starts_with("tool: does\n\nusage: tool COMMAND [OPTIONS]\n\n  check     checks\n"),
            "{line}"
        );
    }
    for line in ["check --help", "check -h", "check --dir --help", "check a b c --nonsense -h"] {
        let text = shown(line);
        assert!(text.starts_with("tool check: checks\n\nusage: tool check [FILE] [OPTIONS]\n\noptions:\n"), "{text}");
        assert!(text.contains("  --waf off|detect|block      mode\n") && text.contains("  --help "), "{text}");
    }
    assert!(shown("rules check --help").starts_with("tool rules check: "));
    for line in ["--version", "-V"] {
        assert_eq!(shown(line), format!("tool {}\n", env!("CARGO_PKG_VERSION")));
    }
}
