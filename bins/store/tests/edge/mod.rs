//! An edge whose rules keep records, and what its clients see.
#![allow(dead_code, reason = "each test file uses its part")]

use fosse_harness::{Backend, Client, Dir, Edge, Process, Response, wait_for};

/// Counts the requests of each address, and denies those beyond `most` with 429. Who asks `/?is=N`
/// learns by 418 whether it was the Nth.
pub(crate) fn counting(most: u32) -> String {
    format!(
        "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{{REMOTE_ADDR}},setvar:ip.hits=+1,expirevar:ip.hits=3600\"\n\
         SecRule ARGS:is \"@eq %{{ip.hits}}\" \"id:2,phase:1,deny,status:418\"\n\
         SecRule IP:hits \"@gt {most}\" \"id:3,phase:1,deny,status:429\"\n"
    )
}

/// A directory with these rules.
pub(crate) fn rules(text: &str) -> Dir {
    let dir = Dir::new();
    std::fs::write(dir.join("own.conf"), text).unwrap();
    dir
}

/// The configuration of an edge with the rules of a directory.
pub(crate) fn configuration(backend: &Backend, rules: &Dir, lanes: u32) -> String {
    format!(
        "lanes = {lanes}\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nrules = [\"{}/own*.conf\"]\n",
        backend.address(),
        rules.path().display()
    )
}

/// An edge with the rules of a directory.
pub(crate) fn edge(backend: &Backend, rules: &Dir, lanes: u32) -> Edge {
    Edge::with_config(&configuration(backend, rules, lanes), &["--dir", &rules.path().to_string_lossy()])
}

/// The answer to a request on a connection.
pub(crate) fn answer(client: &mut Client, target: &str) -> Option<Response> {
    let sent = client.try_send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    sent.ok().and_then(|()| client.try_response(false))
}

/// The status of a request on a connection; 0 where there is no answer.
pub(crate) fn ask(client: &mut Client, target: &str) -> u16 {
    answer(client, target).map_or(0, |response| response.status)
}

/// The status of a request on a connection of its own.
pub(crate) fn status(edge: &Edge, target: &str) -> u16 {
    ask(&mut Client::connect(edge.address()), target)
}

/// So many connections that two lanes share them.
pub(crate) fn connections_over_lanes(edge: &Edge) -> Vec<Client> {
    let clients: Vec<Client> = (0..40).map(|_| Client::connect(edge.address())).collect();
    wait_for("connections on two lanes", || {
        let page = edge.status_page("/status.txt");
        let holding = page.lines().filter(|line| line.starts_with("parse ")).filter(|line| {
            let held = line.split(' ').find_map(|word| word.strip_prefix("connections="));
            held.is_some_and(|held| held != "0")
        });
        (holding.count() > 1).then_some(())
    });
    clients
}

/// The store, if there is one.
pub(crate) fn store(edge: &Edge) -> Option<Process> {
    edge.processes().into_iter().find(|process| process.program == "store")
}

/// A store that is another than this one.
pub(crate) fn another_store(edge: &Edge, pid: u32) -> Process {
    wait_for("another store", || store(edge).filter(|process| process.pid != pid))
}
