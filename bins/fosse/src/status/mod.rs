//! `fosse status`: a running edge, for people.

mod all;
mod rules;
mod servers;
mod summary;
mod terminal;
mod traffic;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::time::Instant;

use fosse_args::Args;
use fosse_die::{EXIT_TEMPORARY, Severity, say};

use self::traffic::{ByKind, ByName, Order, Table, per_second, since};
use crate::{
    PROGRAM,
    edge::{Edge, Row},
    output::print,
    process_stat::ProcessStat,
};

/// Looks that are compared with `--watch`: with too few of them rates and quantiles jump.
const LOOKS_MAX: usize = 10;

/// Runs the command.
pub(crate) fn run(words: &Args) -> i32 {
    match shown(words) {
        Ok(status) => status,
        Err(why) => {
            say(PROGRAM, Severity::Fatal, why);
            EXIT_TEMPORARY
        }
    }
}

fn shown(words: &Args) -> Result<i32, String> {
    let edge = Edge::of(words)?;
    if words.has("--json") {
        let page = || edge.page("/status.json");
        return if words.has("--watch") { watch::plain(page) } else { Ok(print(&page()?)) };
    }
    let mut view = View {
        edge,
        begun: Instant::now(),
        looks: VecDeque::new(),
        order: Order::of_word(words.value("--sort")),
        all: words.has("--all"),
    };
    if words.has("--watch") {
        return watch::watch(&mut view);
    }
    view.look()?;
    Ok(print(&view.page()))
}

/// An edge, the last looks at it, and how they are shown.
#[derive(Debug)]
struct View {
    edge: Edge,
    begun: Instant,
    /// The newest last.
    looks: VecDeque<Sample>,
    order: Order,
    all: bool,
}

impl View {
    /// Looks at the edge.
    ///
    /// # Errors
    /// One line.
    fn look(&mut self) -> Result<(), String> {
        self.looks.push_back(Sample::take(&self.edge, self.begun)?);
        self.looks.drain(..self.looks.len() - self.looks.len().min(LOOKS_MAX + 1));
        Ok(())
    }

    /// Returns the page of the last look; empty before the first.
    fn page(&self) -> String {
        let Some(now) = self.looks.back() else { return String::new() };
        let before = self.looks.front().filter(|_| self.looks.len() > 1);
        let mut text = summary::page(now, before);
        text.push_str(&rules::table(&now.rules, self.all));
        text.push_str(&tables(now, before, self.order, self.all));
        if self.all {
            text.push_str(&all::page(&now.rows));
        }
        text
    }
}

/// Returns the tables of backends and sites.
fn tables(now: &Sample, before: Option<&Sample>, order: Order, all: bool) -> String {
    let table = |title, of: fn(&ByKind) -> &ByName| {
        let recent = before.map(|before| (since(of(&now.traffic), of(&before.traffic)), now.ms_since(before)));
        let recent = recent.as_ref().map(|(recent, ms)| (recent, *ms));
        Table { title, total: of(&now.traffic), recent, order, all }.page()
    };
    table("BACKEND", |traffic| &traffic.backends) + &table("SITE", |traffic| &traffic.sites)
}

/// One look at an edge.
#[derive(Debug)]
struct Sample {
    rows: Vec<Row>,
    traffic: ByKind,
    servers: BTreeMap<String, servers::Server>,
    rules: Vec<rules::Rule>,
    /// The version of what runs, which may not be that of this program.
    version: String,
    /// Number of its configuration; `None` where it does not say.
    generation: Option<u64>,
    /// Its requests in a second; `None` where it does not say.
    requests_per_second: Option<u64>,
    /// The process id of its fosse-start.
    pid: u32,
    up_s: u64,
    /// The last reload and its end.
    reload: String,
    /// Milliseconds since this program began to look.
    at_ms: u64,
}

impl Sample {
    fn take(edge: &Edge, begun: Instant) -> Result<Self, String> {
        let json = edge.page("/status.json")?;
        let version = json.split("\"version\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let reload = edge.reload()?.map_or_else(
            || "none yet".to_owned(),
            |last| format!("{} {} {}", last.number, last.progress, last.words).trim_end().to_owned(),
        );
        let pid = edge.start_pid()?;
        Ok(Self {
            rows: edge.rows()?,
            // An edge of an earlier version has no such page, nor that of rules.
            traffic: ByKind::read(&edge.page("/traffic.txt").unwrap_or_default()),
            servers: servers::read(&edge.page("/servers.txt")?),
            rules: rules::read(&edge.page("/rules.txt").unwrap_or_default()),
            version: version.unwrap_or("of unknown version").to_owned(),
            generation: number(&json, "generation").filter(|number| *number > 0),
            requests_per_second: number(&json, "requests_per_second"),
            pid,
            up_s: up_s(pid).unwrap_or(0),
            reload,
            at_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Returns the sum over the living and the dead.
    fn sum(&self, program: &str, name: &str) -> u64 {
        self.rows.iter().filter(|row| row.program == program).map(|row| row.count(name)).fold(0, u64::wrapping_add)
    }

    fn of_living(&self, program: &str, name: &str) -> u64 {
        living(&self.rows).filter(|row| row.program == program).map(|row| row.count(name)).fold(0, u64::wrapping_add)
    }

    /// Returns by how much a sum grew in a second. It may shrink: a process that has ended may be
    /// counted neither as living nor as dead in one look.
    fn rate(&self, before: &Self, program: &str, name: &str) -> u64 {
        let grown = self.sum(program, name).saturating_sub(before.sum(program, name));
        per_second(grown, self.ms_since(before))
    }

    const fn ms_since(&self, before: &Self) -> u64 {
        self.at_ms - before.at_ms
    }

    fn lanes(&self) -> usize {
        living(&self.rows).filter(|row| row.program == "parse").count()
    }
}

/// Returns the number of a name in the head of a page of JSON; `None` in that of an edge of an
/// earlier version.
fn number(json: &str, name: &str) -> Option<u64> {
    let (head, _) = json.split_once("\"processes\"")?;
    let (_, rest) = head.split_once(&format!("\"{name}\":"))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn living(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter().filter(|row| row.pid.is_some())
}

/// Returns the seconds for which a process has run; `None` where /proc does not show it.
fn up_s(pid: u32) -> Option<u64> {
    let started: u64 = ProcessStat::read(pid)?.field(22)?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime_s: u64 = uptime.split('.').next()?.parse().ok()?;
    let ticks_s = rustix::param::clock_ticks_per_second();
    uptime_s.checked_sub(started / ticks_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn row(program: &str, lane: Option<u32>, pid: Option<u32>, counts: &[(&str, u64)]) -> Row {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Row { program: program.into(), lane, pid, counts }
    }

    #[test]
    fn a_number_is_one_of_the_head() {
        let rest = "\"processes\":[],\"sites\":{\"age\":7}}";
        assert_eq!(number(&format!("{{\"generation\":12,\"n\":3,{rest}"), "generation"), Some(12));
        assert_eq!(number(&format!("{{\"n\":3,{rest}"), "n"), Some(3));
        assert_eq!(number(&format!("{{\"n\":3,{rest}"), "age"), None);
    }

    #[test]
    fn this_process_has_run_for_a_time_that_is_known() {
        assert!(up_s(std::process::id()).is_some());
        assert_eq!(up_s(u32::MAX), None);
    }
}
