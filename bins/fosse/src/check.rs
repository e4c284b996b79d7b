//! `fosse check`: all problems of a configuration, or a summary of it. fosse-start finds the
//! problems: it does what a start does, up to where something would be served, so that both agree.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

use fosse_args::Args;
use fosse_die::{EXIT_PERMANENT, temporary};
use fosse_model::{
    ACCOUNTS_BYTES_MAX, Accounts, Backends, Edge, Report, ServerEntry,
    model::{Site, Waf},
    words,
};

use crate::configuration::{Configuration, bounded};
use crate::output::print;
use crate::{PROGRAM, advice, sockets, start};

/// The default configuration.
pub(crate) const DEFAULT_FILE: &str = "/etc/fosse/fosse.toml";

/// Runs the check.
pub(crate) fn run(words: &Args) -> i32 {
    let configuration = match passes(words) {
        Ok(configuration) => configuration,
        Err(status) => return status,
    };
    match configuration.compiled(&accounts()) {
        Ok((edge, plan)) => {
            sockets::report(&edge, &plan, &accounts());
            print(&summary(&configuration, &edge))
        }
        Err(report) => refuse(&report),
    }
}

/// Checks the configuration that the command line names. Returns it.
///
/// # Errors
/// The exit status of what is wrong, which has been said.
pub(crate) fn passes(words: &Args) -> Result<Configuration, i32> {
    let file = words.value("--config").unwrap_or(DEFAULT_FILE);
    let mut start = start::command(words);
    start.arg("--check");
    if std::fs::metadata(file).is_ok_and(|facts| !facts.is_file()) || file == "-" {
        // A pipe can be read once, and fosse-start inherits no descriptor that no option names.
        let configuration = Configuration::load(file, words.values("--dir"));
        let handed = start::sealed(&configuration.bytes);
        start.arg("--config-fd").arg(start::number(&handed));
        if words.values("--dir").is_empty() {
            start.args(["--dir", "."]);
        }
        return run_start(&mut start).map(|()| configuration);
    }
    start.arg("--config").arg(file);
    run_start(&mut start).map(|()| Configuration::load(file, words.values("--dir")))
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
pub(crate) fn summary(configuration: &Configuration, edge: &Edge) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let mut out = format!(
        "{}: {}, {}, {}\n",
        configuration.name,
        count(edge.listen.len(), "listener"),
        count(edge.site.len(), "site"),
        count(edge.backend.len(), "backend")
    );
    for name in configuration.included() {
        let _ = writeln!(out, "  include  {}", fosse_die::Escaped(name.as_bytes()));
    }
    for listen in edge.listen.iter() {
        let public = if listen.public.value { ", public" } else { "" };
        let _ = writeln!(out, "  listen   {}{public}", listen.address.value.written());
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
        hosts.extend(site.default_for.iter().map(|listener| format!("all other hosts of {}", listener.0)));
        let _ = writeln!(out, "  site     {} ({}){}", hosts.join(", "), firewall(site), words::of_site(site));
        for route in site.route.iter() {
            let _ = writeln!(out, "    route  {}", words::of_route(site, route));
        }
        let room = advice::bodies_that_share_room(site, &backends, &edge.limits);
        for note in room.into_iter().chain(advice::routes_below_prefixes(site)) {
            let _ = writeln!(out, "    note   {note}");
        }
    }
    for backend in edge.backend.iter() {
        let servers = backend.all_servers().map(written);
        let files = backend.files.iter().map(|root| format!("files below {}", root.0));
        let _ = writeln!(out, "  backend  {}: {}", backend.name.0, servers.chain(files).collect::<Vec<_>>().join(", "));
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
        let text = "[[listen]]\naddress = \"127.0.0.1:80\"\n[[site]]\nhosts = [\"a.example\"]\ndefault = true\nbackend = \"app\"\n\
                     [[site.route]]\nprefix = \"/api\"\nbackend = \"api\"\n\
                     [[backend]]\nname = \"app\"\nservers = [\"unix:/run/a\"]\n[[backend]]\nname = \"api\"\nservers = [\"127.0.0.1:1\"]\n";
        let configuration = Configuration::of_text("x", text);
        let (edge, _) = configuration.compiled(&Accounts::default()).unwrap_or_else(|report| panic!("{report}"));
        let expected = "x: 1 listener, 1 site, 2 backends\n  listen   127.0.0.1:80\n  \
                        site     a.example, all other hosts (waf block, rules builtin) -> app\n    route  /api -> api\n  \
                        backend  app: unix:/run/a\n  backend  api: 127.0.0.1:1\n";
        assert_eq!(summary(&configuration, &edge), expected);
    }
}
