//! nginx.conf: blocks `http`, `upstream`, `server`, `location`. Names and meanings are those of
//! nginx.org's documentation of version 1.22 to 1.28.

mod around;
mod closed;
mod codings;
mod conditions;
mod directive;
mod fastcgi;
mod hosts;
mod internals;
mod location;
mod params;
mod proxy;
mod returned;
mod rewrite;
mod scope;
mod server;
mod settings;
mod settle;
mod units;
mod upstream;
mod variables;
mod words;

use crate::edge::Edge;
use crate::notes::Notes;
use crate::{File, Mistake, ReadFiles};
use directive::{Directive, directives};
use scope::Scope;
use upstream::Upstreams;

/// Directives that say how nginx itself runs, by their beginnings.
const OF_NGINX: &[&str] = &[
    "user",
    "worker_",
    "pid",
    "events",
    "error_log",
    "load_module",
    "daemon",
    "master_process",
    "thread_pool",
    "timer_resolution",
    "pcre_jit",
    "lock_file",
    "env",
    "debug_",
    "working_directory",
    "google_perftools",
];
const WHY_OF_NGINX: &str =
    "says how nginx runs; fosse has one lane for each core, logs on its standard error, and users of its own";

/// Reads a configuration: nginx.conf, or a file that it includes into `http`.
///
/// # Errors
/// The first line that is not in nginx's language.
pub(crate) fn read(file: File, files: ReadFiles<'_>, notes: &mut Notes) -> Result<Edge, Mistake> {
    let all = directives(file, files, notes)?;
    let mut edge = Edge::default();
    // A file of sites-available has what stands in http.
    let mut inside = Vec::new();
    for directive in all {
        match directive.name() {
            "http" => inside.extend(directive.block.unwrap_or_default()),
            name if OF_NGINX.iter().any(|beginning| name.starts_with(beginning)) => {
                directive.left_out(WHY_OF_NGINX, notes);
            }
            _ => inside.push(directive),
        }
    }
    http(&inside, &mut edge, notes);
    Ok(edge)
}

fn http(inside: &[Directive], edge: &mut Edge, notes: &mut Notes) {
    let mut upstreams = Upstreams::default();
    let mut scope = Scope::default();
    for directive in inside {
        match directive.name() {
            "upstream" => upstreams.add(directive, notes),
            "server" => {}
            _ => scope.take(directive, notes),
        }
    }
    let servers: Vec<&Directive> = inside.iter().filter(|directive| directive.name() == "server").collect();
    for server in &servers {
        server::read(server, &scope, &upstreams, edge, notes);
    }
    // Without a server that says so, the first one has the hosts that none names.
    if !edge.sites.iter().any(|site| site.is_default)
        && let Some(first) = edge.sites.first_mut()
    {
        first.is_default = true;
    }
    upstreams.note_unused(notes);
}
