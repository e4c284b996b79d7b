//! `fosse up`: becomes fosse-start, with a configuration from a file or from the flags.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use fosse_die::{fatal, temporary, usage, warning};
use fosse_model::{Accounts, Report, compile};

use crate::{PROGRAM, args::Args, check, edge, rules::layout, site::Site, sockets, start};

/// The flags that make a configuration, and so exclude one.
const OF_A_SITE: &[&str] = &[
    "--listen",
    "--backend",
    "--waf",
    "--rules",
    "--audit-log",
    "--inspect-responses",
    "--tls-cert",
    "--tls-key",
    "--lanes",
    "--status-socket",
];

/// Runs the edge; returns only where it cannot.
pub(crate) fn run(words: &Args) -> i32 {
    refuse_what_is_not_there_yet(words);
    let mut start = start::command(words);
    // Open until exec is done.
    let handed;
    match words.value("--config") {
        Some(path) => {
            if let Some(flag) = OF_A_SITE.iter().find(|flag| words.has(flag)) {
                usage(PROGRAM, &format!("{flag} and --config exclude each other: write it into the configuration"));
            }
            start.arg("--config").arg(path);
            // What is wrong with it fosse-start says.
            if let Ok(bytes) = std::fs::read(path) {
                report_sockets(&bytes);
            }
        }
        None => {
            let text = configuration(words);
            report_sockets(text.as_bytes());
            handed = start::sealed(text.as_bytes());
            start.arg("--config-fd").arg(start::number(&handed));
            if let Some((directory, _)) = audit_log(words) {
                start.arg("--log-dir").arg(directory);
            }
            if !words.has("--dir") {
                for directory in layout::directories(&rules(words)) {
                    start.arg("--dir").arg(directory);
                }
            }
        }
    }
    let error = start.exec();
    temporary(PROGRAM, format_args!("unable to run {}: {error}", start.get_program().display()))
}

/// Reports the sockets of backends that fosse-connect cannot connect to as they are now.
fn report_sockets(configuration: &[u8]) {
    if let Ok((edge, plan)) = check::compiled("", configuration) {
        sockets::report(&edge, &plan, &check::accounts());
    }
}

fn refuse_what_is_not_there_yet(words: &Args) {
    if words.has("--tls-cert") || words.has("--tls-key") {
        fatal(PROGRAM, "--tls-cert, --tls-key: TLS is not in this version; put fosse behind a proxy that has it");
    }
}

/// Returns the flags as a configuration.
fn configuration(words: &Args) -> String {
    let needed = |flag: &str| match words.value(flag) {
        Some(value) => value.to_owned(),
        None => usage(PROGRAM, "up needs --listen ADDR and --backend ADDR, or --config FILE; fosse help up shows more"),
    };
    let lanes = words.value("--lanes").map(|text| {
        text.parse().unwrap_or_else(|_| usage(PROGRAM, &format!("--lanes: '{text}' is not a number of lanes")))
    });
    let site = Site {
        listen: needed("--listen"),
        backend: needed("--backend"),
        waf: words.value("--waf").map(str::to_owned),
        rules: rules(words),
        audit_log: audit_log(words).map(|(_, name)| name),
        inspect_responses: words.has("--inspect-responses"),
        lanes,
        status_socket: status_socket(words.value("--status-socket")),
    };
    let text = site.configuration();
    if let Err(report) = compile("command line", text.as_bytes(), &Accounts::default()) {
        refuse(&report);
    }
    text
}

/// Ends the program with the problems, without file and line: the file is made from the flags.
fn refuse(report: &Report) -> ! {
    for problem in report.problems() {
        let cure = if problem.cure.is_empty() { String::new() } else { format!("; {}", problem.cure) };
        let _ = writeln!(std::io::stderr(), "{PROGRAM}: usage: {}{cure}", problem.what);
    }
    fatal(PROGRAM, "these flags make no configuration")
}

/// Returns the path for fosse-status, or "off" where there is no place for it: an edge is worth
/// having without it.
fn status_socket(asked: Option<&str>) -> String {
    if let Some(asked) = asked {
        return if asked == "off" { asked.to_owned() } else { absolute(asked) };
    }
    let without = |why: &str| {
        warning(
            PROGRAM,
            format_args!("{why}: fosse status will not see this edge (--status-socket PATH gives it a place)"),
        );
        "off".to_owned()
    };
    let Some(path) = edge::status_socket_path() else { return without("no XDG_RUNTIME_DIR") };
    if edge::is_served(&path) {
        return without(&format!("another edge serves {}", path.display()));
    }
    match path.parent().map(make_directory) {
        Some(Err(error)) => without(&format!("unable to make {}: {error}", path.display())),
        _ => path.to_string_lossy().into_owned(),
    }
}

/// Returns the rules in the words of a configuration.
fn rules(words: &Args) -> Vec<String> {
    let named = words.value("--rules").map(layout::of).transpose();
    named.unwrap_or_else(|why| fatal(PROGRAM, why)).unwrap_or_default().entries()
}

/// Returns the directory and the name of the file of `--audit-log`.
fn audit_log(words: &Args) -> Option<(PathBuf, String)> {
    let path = PathBuf::from(absolute(words.value("--audit-log")?));
    if words.has("--log-dir") {
        usage(PROGRAM, "--audit-log and --log-dir exclude each other: the log's path says its directory");
    }
    match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) => Some((directory.to_path_buf(), name.to_string_lossy().into_owned())),
        _ => usage(PROGRAM, &format!("--audit-log: '{}' is no path of a file", path.display())),
    }
}

fn make_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

fn absolute(path: &str) -> String {
    std::path::absolute(PathBuf::from(path)).map_or_else(|_| path.to_owned(), |p| p.to_string_lossy().into_owned())
}
