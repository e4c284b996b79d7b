//! `fosse doctor`: what would keep a request from its application, in the order of its way, and the
//! cure of each: the configuration, listeners, servers, and the edge where one runs.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use fosse_args::Args;
use fosse_die::usage;
use fosse_model::{
    Edge as Configuration,
    address::{ListenAddress, ServerAddress},
};
use fosse_plan::Plan;

use crate::configuration::Configuration as Files;
use crate::edge::Edge;
use crate::output::print;
use crate::{PROGRAM, audit, check, port, running, sockets};

/// Longest wait for a server that says nothing to a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);

/// A problem is exit status 1.
const EXIT_PROBLEM: i32 = 1;

/// Problems, and what is as it should be.
#[derive(Debug, Default)]
struct Findings {
    lines: String,
    problems: usize,
}

impl Findings {
    fn ok(&mut self, what: impl fmt::Display) {
        self.line("ok", what);
    }

    fn note(&mut self, what: impl fmt::Display) {
        self.line("note", what);
    }

    fn problem(&mut self, what: impl fmt::Display) {
        self.problems += 1;
        self.line("problem", what);
    }

    fn line(&mut self, word: &str, what: impl fmt::Display) {
        self.lines.push_str(&format!("{word:7}  {what}\n"));
    }
}

/// Runs the command.
pub(crate) fn run(words: &Args) -> i32 {
    let mut found = Findings::default();
    let named = words.has("--config").then(|| of_file(words, &mut found));
    // A configuration with a mistake does not say where its edge would be asked.
    let edge = match &named {
        Some(None) => None,
        // Read once: it may be a pipe.
        Some(Some((configuration, _))) if !words.has("--status-socket") => {
            configuration.status_socket.value.0.as_ref().map(|path| Edge::at(path.into()))
        }
        _ => Some(Edge::named(words).unwrap_or_else(|why| usage(PROGRAM, &why))),
    };
    let asked = edge.as_ref().map(Edge::start_pid);
    let pid = asked.as_ref().and_then(|asked| asked.as_ref().ok()).copied();
    let configuration = match (named, pid) {
        (Some(configuration), _) => configuration,
        (None, Some(pid)) => of_running(pid, &mut found),
        (None, None) => of_file(words, &mut found),
    };
    if let Some((configuration, plan)) = &configuration {
        // The ports of one that runs, and that this user may not ask, are its own.
        if pid.is_none() && !edge.as_ref().is_some_and(Edge::keeps_this_user_out) {
            listeners(configuration, &mut found);
        }
        source_addresses(configuration, &mut found);
        servers(configuration, plan, &mut found);
    }
    match (&edge, asked) {
        (Some(edge), Some(Ok(pid))) => running_edge(edge, pid, &mut found),
        // None runs, or this user may not ask it.
        (_, Some(Err(why))) => found.note(why),
        _ => {}
    }
    let count = if found.problems == 1 { "1 problem".to_owned() } else { format!("{} problems", found.problems) };
    let printed = print(&format!("{}{count}\n", found.lines));
    if printed == 0 && found.problems > 0 { EXIT_PROBLEM } else { printed }
}

/// Checks the configuration of the command line.
fn of_file(words: &Args, found: &mut Findings) -> Option<(Configuration, Plan)> {
    match check::passes(words) {
        Ok(configuration) => sound(&configuration, found),
        Err(_) => {
            found.problem("the configuration cannot be served, for the reasons above");
            None
        }
    }
}

/// Checks what a running edge would reload.
fn of_running(pid: u32, found: &mut Findings) -> Option<(Configuration, Plan)> {
    if running::check(pid).is_some() {
        found.problem("the configuration could not be reloaded, for the reasons above");
        return None;
    }
    let Some(configuration) = running::configuration(pid) else {
        found.note("the configuration of the running edge cannot be read by this user; root may");
        return None;
    };
    sound(&configuration, found)
}

fn sound(configuration: &Files, found: &mut Findings) -> Option<(Configuration, Plan)> {
    match configuration.compiled(&check::accounts()) {
        Ok(both) => {
            found.ok(format_args!("{} can be served", configuration.name));
            Some(both)
        }
        Err(report) => {
            found.problem(report);
            None
        }
    }
}

/// Looks whether the ports of an edge that does not run are free.
fn listeners(configuration: &Configuration, found: &mut Findings) {
    for listen in configuration.listen.iter() {
        if let ListenAddress::Tcp(address) = listen.address.value
            && listen.name.value.is_none()
        {
            match port::unusable(address) {
                Some(why) => found.problem(why),
                None => found.ok(format_args!("{address} is free")),
            }
        }
    }
}

/// Looks whether this machine has the addresses that connections to servers are to come from.
fn source_addresses(configuration: &Configuration, found: &mut Findings) {
    for backend in configuration.backend.iter() {
        for source in backend.source_address.iter() {
            let name = &backend.name.0;
            match UdpSocket::bind((source.0, 0)) {
                Ok(_) => found.ok(format_args!("connections to the servers of {name} can come from {}", source.0)),
                Err(error) => found.problem(format_args!(
                    "no connection to the servers of {name} can come from {}: {error}; correct source_address",
                    source.0
                )),
            }
        }
    }
}

/// Connects to each server, after a look at what fosse-connect may do.
fn servers(configuration: &Configuration, plan: &Plan, found: &mut Findings) {
    let accounts = check::accounts();
    for server in configuration.backend.iter().flat_map(|backend| backend.all_servers()) {
        let (name, address) = (server.address.value.written(), &server.address.address);
        if let Some(problem) = sockets::problem_of(address, plan, &accounts) {
            found.problem(format_args!("{name} {problem}"));
        } else if let Err(error) = connect(address) {
            found.problem(format_args!("{name} takes no connection: {error}; is the application running?"));
        } else {
            found.ok(format_args!("{name} takes connections"));
        }
    }
}

fn connect(server: &ServerAddress) -> std::io::Result<()> {
    let tcp = |address: SocketAddr| TcpStream::connect_timeout(&address, CONNECT_TIME_MAX).map(drop);
    match server {
        ServerAddress::Tcp(address) => tcp(*address),
        ServerAddress::Localhost(port) => {
            tcp((Ipv4Addr::LOCALHOST, *port).into()).or_else(|_| tcp((Ipv6Addr::LOCALHOST, *port).into()))
        }
        ServerAddress::Named(name, port) => {
            let mut last = Err(std::io::ErrorKind::NotFound.into());
            for address in (name.as_str(), *port).to_socket_addrs()? {
                last = tcp(address);
                if last.is_ok() {
                    break;
                }
            }
            last
        }
        ServerAddress::Unix(path) => UnixStream::connect(path).map(drop),
    }
}

/// Looks at an edge that runs: its last reload, its processes.
fn running_edge(edge: &Edge, pid: u32, found: &mut Findings) {
    match edge.reload() {
        Err(why) => found.problem(why),
        Ok(Some(last)) if last.progress.starts_with("failed") => {
            found.problem(format_args!("the last reload failed, and what served before goes on: {}", last.words));
        }
        Ok(_) => found.ok(format_args!("an edge serves, process {pid}")),
    }
    match audit::counts(pid) {
        Err(why) => found.note(why),
        Ok((processes, 0)) => found.ok(format_args!("its {processes} processes are what they may be")),
        Ok((_, differences)) => {
            found.problem(format_args!("{differences} differences in its processes: fosse audit shows them"));
        }
    }
}
