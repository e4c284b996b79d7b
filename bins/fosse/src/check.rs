//! `fosse check`: all problems of a configuration, or a summary of it. fosse-start finds the
//! problems: it does what a start does, up to where something would be served, so that both agree.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::Command;

use fosse_args::Args;
use fosse_die::{EXIT_PERMANENT, fatal, temporary};
use fosse_model::{
    ACCOUNTS_BYTES_MAX, Accounts, Backends, CONFIGURATION_BYTES_MAX, Edge, Report, ServerEntry,
    address::ListenAddress,
    compile,
    model::{Site, Waf},
    read,
};
use fosse_plan::Plan;

use crate::output::print;
use crate::{PROGRAM, advice, sockets, start};

/// The default configuration.
pub(crate) const DEFAULT_FILE: &str = "/etc/fosse/fosse.toml";

/// Runs the check.
pub(crate) fn run(words: &Args) -> i32 {
    let (name, bytes) = match passes(words) {
        Ok(configuration) => configuration,
        Err(status) => return status,
    };
    match compiled(&name, &bytes) {
        Ok((edge, plan)) => {
            sockets::report(&edge, &plan, &accounts());
            print(&summary(&name, &edge))
        }
        Err(report) => refuse(&report),
    }
}

/// Checks the configuration that the command line names. Returns its name and its bytes.
///
/// # Errors
/// The exit status of what is wrong, which has been said.
pub(crate) fn passes(words: &Args) -> Result<(String, Vec<u8>), i32> {
    let file = words.value("--config").unwrap_or(DEFAULT_FILE);
    let mut start = start::command(words);
    start.arg("--check");
    if std::fs::metadata(file).is_ok_and(|facts| !facts.is_file()) || file == "-" {
        // A pipe can be read once, and fosse-start inherits no descriptor that no option names.
        let (name, bytes) = load(file);
        let handed = start::sealed(&bytes);
        start.arg("--config-fd").arg(start::number(&handed));
        if words.values("--dir").is_empty() {
            start.args(["--dir", "."]);
        }
        return run_start(&mut start).map(|()| (name, bytes));
    }
    start.arg("--config").arg(file);
    run_start(&mut start).map(|()| load(file))
}

/// Runs fosse-start, which reports problems itself.
fn run_start(start: &mut Command) -> Result<(), i32> {
    let status = start.status().unwrap_or_else(|error| {
        temporary(PROGRAM, format_args!("unable to run {}: {error}", start.get_program().display()))
    });
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(code),
        None => temporary(PROGRAM, format_args!("fosse-start was ended before all was checked: {status}")),
    }
}

/// Returns a configuration's name for messages and its bytes. Ends the program where it cannot be
/// read.
pub(crate) fn load(file: &str) -> (String, Vec<u8>) {
    if file == "-" {
        return (
            "standard input".to_owned(),
            bounded(std::io::stdin().lock(), CONFIGURATION_BYTES_MAX, "standard input"),
        );
    }
    match std::fs::File::open(file) {
        Ok(open) => (file.to_owned(), bounded(open, CONFIGURATION_BYTES_MAX, file)),
        Err(error) => fatal(PROGRAM, format_args!("unable to read {file}: {error}")),
    }
}

/// Reads to the end, or one byte over the limit, by which fosse-model knows that it is too long.
fn bounded(from: impl std::io::Read, bytes_max: usize, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match from.take(bytes_max as u64 + 1).read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) => fatal(PROGRAM, format_args!("unable to read {name}: {error}")),
    }
}

/// Returns a configuration as a model and as a plan.
///
/// # Errors
/// All its problems.
pub(crate) fn compiled(name: &str, bytes: &[u8]) -> Result<(Edge, Plan), Report> {
    let plan = compile(name, bytes, &accounts())?;
    read(name, bytes).map(|edge| (edge, plan))
}

/// Returns the accounts of this machine.
pub(crate) fn accounts() -> Accounts {
    let file = |path: &str| std::fs::File::open(path).map(|f| bounded(f, ACCOUNTS_BYTES_MAX, path)).unwrap_or_default();
    Accounts::from_files(&file("/etc/passwd"), &file("/etc/group"))
}

/// Prints all problems and their number; returns the exit status.
pub(crate) fn refuse(report: &Report) -> i32 {
    let _ = std::io::stderr().write_all(report.to_string().as_bytes());
    let count = if report.total() == 1 { "1 problem".to_owned() } else { format!("{} problems", report.total()) };
    fosse_die::say(PROGRAM, fosse_die::Severity::Fatal, format_args!("{count} in the configuration"));
    EXIT_PERMANENT
}

/// Returns the summary of a sound configuration.
pub(crate) fn summary(name: &str, edge: &Edge) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let mut out = format!(
        "{name}: {}, {}, {}\n",
        count(edge.listen.len(), "listener"),
        count(edge.site.len(), "site"),
        count(edge.backend.len(), "backend")
    );
    for listen in edge.listen.iter() {
        let public = if listen.public.value { ", public" } else { "" };
        let _ = writeln!(out, "  listen   {}{public}", listen_address(&listen.address.value));
        if let Some(note) = advice::lists_of_named_clients(listen, edge) {
            let _ = writeln!(out, "    note   {note}");
        }
    }
    let backends = Backends::of(&edge.backend);
    for site in edge.site.iter() {
        let mut hosts: Vec<String> = site.hosts.iter().map(|host| host.value.written()).collect();
        if site.default.value {
            hosts.push("all other hosts".to_owned());
        }
        let to = site.backend.as_ref().map(|backend| format!(" -> {}", backend.0)).unwrap_or_default();
        let _ = writeln!(out, "  site     {} ({}){to}", hosts.join(", "), firewall(site));
        for route in site.route.iter() {
            let _ = writeln!(out, "    route  {} -> {}", route.prefix.0, route.backend.0);
        }
        if let Some(note) = advice::bodies_that_share_room(site, &backends, &edge.limits) {
            let _ = writeln!(out, "    note   {note}");
        }
    }
    for backend in edge.backend.iter() {
        let servers: Vec<String> = backend.all_servers().map(written).collect();
        let _ = writeln!(out, "  backend  {}: {}", backend.name.0, servers.join(", "));
    }
    out
}

/// Returns a server as people read it: its address, and what else it has to say.
fn written(server: ServerEntry<'_>) -> String {
    let mut text = server.address.value.written();
    if server.weight != 1 {
        let _ = write!(text, " weight {}", server.weight);
    }
    if server.backup {
        text.push_str(" backup");
    }
    text
}

fn listen_address(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) => address.to_string(),
        ListenAddress::Unix(path) => format!("unix:{path}"),
    }
}

/// Returns the firewall's mode at a site and the rules it has there.
fn firewall(site: &Site) -> String {
    let mode = match site.waf.value {
        Waf::Off => return "waf off".to_owned(),
        Waf::Detect => "waf detect",
        Waf::Block => "waf block",
    };
    let rules: Vec<&str> = site.rules.iter().map(|rule| rule.value.0.as_str()).collect();
    if rules.is_empty() { format!("{mode}, no rules") } else { format!("{mode}, rules {}", rules.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_listeners_sites_routes_and_backends() {
        let text = b"[[listen]]\naddress = \"127.0.0.1:80\"\n[[site]]\nhosts = [\"a.example\"]\ndefault = true\nbackend = \"app\"\n\
                     [[site.route]]\nprefix = \"/api\"\nbackend = \"api\"\n\
                     [[backend]]\nname = \"app\"\nservers = [\"unix:/run/a\"]\n[[backend]]\nname = \"api\"\nservers = [\"127.0.0.1:1\"]\n";
        let (edge, _) = compiled("x", text).unwrap_or_else(|report| panic!("{report}"));
        let expected = "x: 1 listener, 1 site, 2 backends\n  listen   127.0.0.1:80\n  \
                        site     a.example, all other hosts (waf block, rules builtin) -> app\n    route  /api -> api\n  \
                        backend  app: unix:/run/a\n  backend  api: 127.0.0.1:1\n";
        assert_eq!(summary("x", &edge), expected);
    }
}
