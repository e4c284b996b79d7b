//! Every example of the pages for people is run as it stands there, and gives what is shown beside
//! it.

use std::fs;
use std::path::Path;

use fosse_examples::configuration::{completed, self_signed, values};
use fosse_examples::{Example, Kind, Outcome, Stage, Step, User, core_rule_set, examples, fits, steps};

/// What is not run, each with the reason: page, how the example or the command in it begins, why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "client -> accept", "a drawing"),
    ("README.md", "make demo ", "`make check` runs it with --check"),
    ("README.md", "make", "builds what all tests run"),
    ("INSTALL.md", "apt-get install ", "installs packages on a machine"),
    ("INSTALL.md", "curl --proto ", "fetches Rust"),
    ("INSTALL.md", "make", "builds what all tests run"),
    ("INSTALL.md", "make uninstall ", "tests/tidy removes an installation; others need this one"),
    ("INSTALL.md", "server {\n", "tests/applications runs it"),
    ("INSTALL.md", "example.org {\n", "tests/applications runs it"),
    ("INSTALL.md", "defaults\n", "tests/applications runs it"),
    ("INSTALL.md", "make check ", "is what runs this test"),
    (
        "INSTALL.md",
        "chgrp fosse",
        "needs an installed group; bins/connect/tests/permissions.rs does the same with another",
    ),
    ("INSTALL.md", "systemctl enable", "tests/systemd runs the unit under a systemd of its own"),
    ("INSTALL.md", "systemctl reload", "tests/systemd runs the unit under a systemd of its own"),
    ("man/fosse-frames.7", "HELLO\nREQUEST", "an order of frames"),
    ("man/fosse-frames.7", "HELLO\nRESPONSE", "an order of frames"),
    ("man/fosse-frames.7", "u32 length", "a layout"),
    ("man/fosse-frames.7", "09 00 00 00", "bytes"),
    ("man/fosse-log.5", "parse.0[4711] fosse-parse: ", "the shape of a line"),
    ("man/fosse-log.5", "waf-filter.0[2578] fosse-waf-filter: ", "a line of the log"),
    (
        "man/fosse-log.5",
        "{\"time\":\"2026-11-29T15:55:53.007Z\",\n",
        "a line; bins/fosse/tests/access_log.rs has its fields",
    ),
    ("man/fosse-log.5", "jq -c", "needs an access log; bins/fosse/tests/access_log.rs reads one"),
    ("man/fosse-status.8", "scrape_configs:\n", "what Prometheus is told"),
    ("man/fosse.toml.5", "fosse.toml:14:11: there is no backend", "a message; the tests of fosse-config-model have it"),
    ("man/fosse.toml.5", "/files/a.zip?expires=1767225600&signature=64 small", "the shape of a link"),
    ("man/fosse.1", "fosse up --listen 127.0.0.1:8080 --backend 127.0.0.1:8000 --waf detect", "see the next line"),
    (
        "man/fosse.1",
        "fosse rules test crs/tests",
        "takes a copy of the tests; bins/fosse/tests/core_rule_set.rs does it",
    ),
];

/// The configuration of the machine whose page has shown none yet is the first of this page.
const CONFIGURATION_PAGE: &str = "man/fosse.toml.5";

fn top(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn pages() -> Vec<String> {
    let manuals = fs::read_dir(top("man")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = manuals.map(|name| format!("man/{name}")).collect();
    pages.extend(["README.md", "INSTALL.md", "SECURITY.md"].map(str::to_owned));
    pages.sort();
    pages
}

fn of(page: &str) -> Vec<Example> {
    examples(page, &fs::read_to_string(top(page)).unwrap())
}

/// Whether an entry of the list means this text: one word means all of it, more its beginning.
fn means(beginning: &str, text: &str) -> bool {
    text.trim() == beginning || beginning.contains([' ', '\n']) && text.starts_with(beginning)
}

/// Configurations that are checked and not served: what they need no machine of a test has.
const ONLY_CHECKED: &[(&str, &str, &str)] = &[
    ("man/fosse-resolve.8", "servers = [\"app.internal", "there is no name server; bins/resolve/tests has some"),
    ("man/fosse-connect-tls.8", "servers = [\"https://", "there is no such server; bins/connect-tls/tests has some"),
    ("man/fosse.toml.5", "servers = [\"https://", "there is no such server; bins/connect-tls/tests has some"),
    ("man/fosse.toml.5", "servers = [\"app.internal", "there is no name server; bins/resolve/tests has some"),
    (
        "man/fosse-dispatch-h2.8",
        "protocol = \"grpc\"",
        "applications here speak HTTP/1.1; bins/dispatch-h2/tests has others",
    ),
    ("man/fosse.toml.5", "freebind = true", "nobody can ask an address that is not there yet; bins/start/tests does"),
];

fn is_left_out(page: &str, text: &str) -> bool {
    NOT_RUN.iter().any(|(on, beginning, _)| *on == page && means(beginning, text))
}

/// The commands of an example that are run.
fn commands(example: &Example) -> Vec<Step> {
    let steps = if example.kind == Kind::Commands { steps(&example.text) } else { Vec::new() };
    steps.into_iter().filter(|step| !is_left_out(&example.page, &step.command)).collect()
}

#[test]
fn what_is_not_run_is_still_in_the_pages() {
    for (page, beginning, why) in NOT_RUN {
        let has = |example: &Example| {
            means(beginning, &example.text) || steps(&example.text).iter().any(|step| means(beginning, &step.command))
        };
        assert!(of(page).iter().any(has), "{page} no longer has '{beginning}' ({why})");
    }
}

#[test]
fn every_example_that_nothing_runs_has_a_reason() {
    for example in pages().iter().flat_map(|page| of(page)) {
        let known = example.kind != Kind::Other || is_left_out(&example.page, &example.text);
        assert!(known, "{}:{}: neither run nor in the list:\n{}", example.page, example.line, example.text);
    }
}

#[test]
fn every_example_does_what_its_page_says() {
    if !fosse_harness::is_root() {
        println!("skipped: needs root");
        return;
    }
    let all: Vec<Vec<Example>> = pages().iter().map(|page| of(page)).collect();
    let stage = Stage::new(&sockets(&all));
    let mut wrong = Vec::new();
    for page in all.iter().filter(|page| !page.is_empty()) {
        stage.write("/etc/fosse/fosse.toml", &completed(&of(CONFIGURATION_PAGE)[0].text));
        for example in page {
            let begun = std::time::Instant::now();
            let result = run(&stage, example);
            println!("{}:{}: {} ms", example.page, example.line, begun.elapsed().as_millis());
            wrong.extend(result.err().map(|why| format!("{}:{}: {why}", example.page, example.line)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The address of an application that listens on no unix socket.
const NEXT: &str = "127.0.0.1:3000";

/// The unix sockets of applications that examples name, and that address.
fn sockets(all: &[Vec<Example>]) -> Vec<String> {
    let mut sockets = Vec::new();
    for example in all.iter().flatten() {
        if example.kind == Kind::Configuration {
            sockets.extend(values(&completed(&example.text), "servers"));
        }
        sockets.extend(commands(example).iter().filter_map(|step| option(&step.command, "--backend")));
    }
    sockets.iter_mut().for_each(|address| *address = address.trim_start_matches("unix:").to_owned());
    sockets.sort();
    sockets.dedup();
    sockets.retain(|name| name.starts_with('/') || name == NEXT);
    sockets
}

fn run(stage: &Stage, example: &Example) -> Result<(), String> {
    if example.text.contains("crs") && core_rule_set().is_none() {
        println!("skipped: {}:{}: no Core Rule Set here", example.page, example.line);
        return Ok(());
    }
    match example.kind {
        _ if example.kind != Kind::Commands && is_left_out(&example.page, &example.text) => Ok(()),
        Kind::Other => Ok(()),
        Kind::Commands => commands(example).iter().try_for_each(|step| command(stage, &example.page, step)),
        Kind::Rules => {
            stage.write("/etc/fosse/example.conf", &example.text);
            succeeds("the rules", &stage.run(&User::Root, "fosse rules check /etc/fosse/example.conf"))
        }
        Kind::Configuration => {
            stage.write("/etc/fosse/fosse.toml", &completed(&example.text));
            for directory in values(&example.text, "files") {
                let made = format!(
                    "mkdir -p {directory} && cp -u /srv/site/index.html {directory}/. || [ -e {directory}/index.html ]"
                );
                succeeds("the directory", &stage.run(&User::Root, &made))?;
            }
            for made in self_signed(&completed(&example.text)) {
                succeeds("the certificate", &stage.run(&User::Root, &made))?;
            }
            succeeds("the configuration", &stage.run(&User::Root, "fosse check"))?;
            if ONLY_CHECKED.iter().any(|(on, line, _)| *on == example.page && example.text.contains(line)) {
                return Ok(());
            }
            serves(stage, &User::Root, "fosse up --config /etc/fosse/fosse.toml")
        }
    }
}

fn command(stage: &Stage, page: &str, step: &Step) -> Result<(), String> {
    let user = match step.ordinary {
        true => User::Visitor,
        false if page.ends_with(".md") => User::Builder,
        false => User::Root,
    };
    if is_server(&step.command) {
        return serves(stage, &user, &step.command);
    }
    let outcome = if needs_an_edge(&step.command) {
        let quiet = "exec fosse up --config /etc/fosse/fosse.toml --log-dir /var/log/fosse > /run/edge.log 2>&1";
        // It can be asked before it serves, and does not end well then.
        let serves = "fosse status && grep -q event=serving /run/edge.log";
        stage.serve(&user, quiet, serves, &step.command)
    } else {
        stage.run(&user, &step.command)
    };
    // A filter ends with 1 where it denies.
    let denied = outcome.status == Some(1) && outcome.stdout.contains("VERDICT ");
    succeeds(&step.command, &if denied { Outcome { status: Some(0), ..outcome.clone() } } else { outcome.clone() })?;
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    if step.shown.is_empty() || fits(&step.shown, &lines) {
        Ok(())
    } else {
        Err(format!("{}\n  shows\n{}\n  and gives\n{}", step.command, step.shown.join("\n"), outcome.stdout))
    }
}

/// Whether a command serves until it is ended.
fn is_server(command: &str) -> bool {
    let first = command.split(['|', '&', ';']).next().unwrap_or_default();
    let mut words = first.split_whitespace();
    let program = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    program == "fosse" && words.next() == Some("up") || ["fosse-start", "fosse-static"].contains(&program)
}

/// Whether a command asks an edge that runs.
fn needs_an_edge(command: &str) -> bool {
    [
        "fosse reload",
        "fosse status",
        "fosse audit",
        "fosse doctor",
        "fosse connections",
        "fosse disconnect",
        "fosse purge",
        "/run/fosse/status.sock",
    ]
    .iter()
    .any(|words| command.contains(words))
}

/// The value of an option of a command line.
fn option(command: &str, name: &str) -> Option<String> {
    let mut words = command.split_whitespace();
    words.find(|word| *word == name).and_then(|_| words.next()).map(str::to_owned)
}

/// Runs a server and asks it one request.
fn serves(stage: &Stage, user: &User, command: &str) -> Result<(), String> {
    let configuration = match option(command, "--config") {
        Some(path) => stage.run(&User::Root, &format!("cat {path}")).stdout,
        None => String::new(),
    };
    let address = option(command, "--listen").or_else(|| values(&configuration, "address").into_iter().next());
    let address = address.ok_or_else(|| format!("{command}: it is not said where it listens"))?;
    let host = values(&configuration, "hosts").into_iter().next().unwrap_or_else(|| "example.org".to_owned());
    let proxy = if configuration.contains("proxy_protocol = true") { "--haproxy-protocol " } else { "" };
    let by = values(&configuration, "peer_uids").into_iter().next();
    let by = by.map(|name| format!("setpriv --reuid {name} --regid {name} --clear-groups ")).unwrap_or_default();
    let direct = address.replace("0.0.0.0", "127.0.0.1");
    let place = match address.strip_prefix("unix:") {
        Some(path) => format!("--unix-socket {path} http://localhost/"),
        // Nobody has signed the certificate, and the name is not to be found.
        None if configuration.contains("tls = true") => format!("-k --connect-to ::{direct} https://{host}/"),
        None => format!("http://{direct}/"),
    };
    // The application here serves one page. A site that does without it, or wants another one, has
    // some response of its own.
    let is_served =
        !["redirect = ", "respond = ", "[backend.fastcgi]", "${"].iter().any(|word| configuration.contains(word));
    let seen = if is_served { "| grep index" } else { "-o /dev/null" };
    let ask = format!("{by}curl -sS --max-time 5 {proxy}-H 'Host: {host}' {place} {seen}");
    let outcome = stage.serve(user, command, &ask, "true");
    succeeds(command, &outcome)
}

fn succeeds(what: &str, outcome: &Outcome) -> Result<(), String> {
    let fatal = outcome.stderr.contains(": fatal: ") || outcome.stderr.contains(": usage: ");
    if outcome.status == Some(0) && !fatal {
        return Ok(());
    }
    Err(format!("{what}\n  ends with {:?}\n{}{}", outcome.status, outcome.stdout, outcome.stderr))
}
