//! `fosse drain`, `fosse ready` and `fosse weight` on a running edge.

use std::process::{Command, Output};

use fosse_harness::{Backend, Client, Edge, is_root, programs, wait_for};
use rustix::process::Signal;

use crate::app::configuration;

/// An edge of two lanes before two applications that keep their connections.
fn edge(apps: &[Backend; 2], lines: &str) -> Edge {
    Edge::with_config(&text(apps, lines), &[])
}

fn text(apps: &[Backend; 2], lines: &str) -> String {
    let [a, b] = apps.each_ref().map(Backend::address);
    configuration(&[&a, &b], lines).replace("lanes = 1", "lanes = 2").replace("[[site]]", "[[site]]\nwaf = \"off\"")
}

/// Sends a request over a connection of its own. Returns the head of the response.
fn ask(edge: &Edge, fields: &str) -> String {
    let mut client = Client::connect(edge.address());
    client.send(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}Connection: close\r\n\r\n").as_bytes());
    let response = client.response();
    assert_eq!(response.status, 200, "{}", response.head);
    response.head
}

/// Runs a command that has to succeed.
fn run(edge: &Edge, words: &[&str]) -> String {
    let Output { status, stdout, stderr } = edge.fosse(words);
    assert!(status.success(), "{words:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).into_owned()
}

/// Waits until the server's lines of both lanes say so.
fn wait_until(edge: &Edge, app: &Backend, state: &str) {
    let name = format!("app/{}", app.address());
    wait_for(state, || {
        let page = edge.status_page("/servers.txt");
        let lines: Vec<&str> = page.lines().filter(|line| line.ends_with(&name)).collect();
        (lines.len() == 2 && lines.iter().all(|line| line.contains(state))).then_some(())
    });
}

/// Returns how many of 24 requests each application gets.
fn shares(edge: &Edge, apps: &[Backend; 2]) -> [usize; 2] {
    let before = apps.each_ref().map(Backend::requests);
    (0..24).for_each(|_| drop(ask(edge, "")));
    [0, 1].map(|at| apps[at].requests() - before[at])
}

const NO_SLOW_START: &str = "[backend.health]\nslow_start_seconds = 0";

#[test]
fn a_drained_server_gets_no_requests_over_reloads_deaths_and_an_upgrade_until_it_is_ready() {
    let apps = [Backend::start(), Backend::start()];
    let mut edge = edge(&apps, NO_SLOW_START);
    assert!(shares(&edge, &apps).iter().all(|got| *got > 0));
    let generation = |edge: &Edge| {
        let page = edge.status_page("/status.json");
        page.split("\"generation\":").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    let before = generation(&edge);
    let name = format!("app/{}", apps[0].address());
    let said = run(&edge, &["drain", &apps[0].address()]);
    assert_eq!(said, format!("{name} drained=yes weight=default\n"));
    wait_until(&edge, &apps[0], " drained ");
    wait_for("no idle connection", || (apps[0].live() == 0).then_some(()));
    assert_eq!((shares(&edge, &apps), generation(&edge)), ([0, 24], before), "and no new generation");
    assert!(run(&edge, &["status"]).lines().any(|line| line.starts_with("drained ")));
    edge.reload(&text(&apps, &format!("queue_seconds = 9\n{NO_SLOW_START}")));
    assert_eq!(shares(&edge, &apps), [0, 24], "after a reload");
    for program in ["status", "dispatch"] {
        let killed = edge.process(program).pid;
        rustix::process::kill_process(rustix::process::Pid::from_raw(killed.cast_signed()).unwrap(), Signal::KILL)
            .unwrap();
        wait_for("another one", || (edge.children_of(program).iter().all(|one| one.pid != killed)).then_some(()));
        wait_until(&edge, &apps[0], " drained ");
        assert_eq!(shares(&edge, &apps), [0, 24], "after the death of {program}");
    }
    edge.signal(Signal::USR2);
    edge.wait_for_log("event=upgraded");
    wait_until(&edge, &apps[0], " drained ");
    assert_eq!(shares(&edge, &apps), [0, 24], "after an upgrade");
    assert_eq!(run(&edge, &["ready", &name]), format!("{name} drained=no weight=default\n"));
    wait_until(&edge, &apps[0], " up ");
    assert!(shares(&edge, &apps).iter().all(|got| *got >= 8));
    edge.wait_for_log("event=server-state");
    let _ = edge.terminate();
}

#[test]
fn what_is_under_way_ends_and_clients_that_belong_to_a_drained_server_stay() {
    let apps = [Backend::start(), Backend::start()];
    let edge = edge(&apps, "sticky_cookie = \"srv\"");
    let head = ask(&edge, "");
    let owner = usize::from(apps[0].requests() == 0);
    let cookie = head.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap().split(';').next().unwrap();
    let fields = format!("Cookie: {cookie}\r\n");
    let mut client = Client::connect(edge.address());
    let before = apps[owner].requests();
    client.send(format!("GET /sleep/2000/x HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n").as_bytes());
    wait_for("the request", || (apps[owner].requests() > before).then_some(()));
    run(&edge, &["drain", &apps[owner].address()]);
    wait_until(&edge, &apps[owner], " drained ");
    let (others, own) = (apps[1 - owner].requests(), apps[owner].requests());
    (0..6).for_each(|_| drop(ask(&edge, "")));
    assert_eq!((apps[1 - owner].requests() - others, apps[owner].requests() - own), (6, 0));
    (0..6).for_each(|_| assert!(!ask(&edge, &fields).contains("Set-Cookie")));
    assert_eq!((apps[1 - owner].requests() - others, apps[owner].requests() - own), (6, 6));
    assert_eq!(client.response().status, 200);
    wait_for("no idle connection", || (apps[owner].live() == 0).then_some(()));
}

#[test]
fn a_login_over_a_connection_of_a_drained_server_stays() {
    let apps = [Backend::start(), Backend::start()];
    let edge = edge(&apps, "");
    let mut client = Client::connect(edge.address());
    let mut say = |token: &str| {
        let field = if token.is_empty() { String::new() } else { format!("Authorization: NTLM {token}\r\n") };
        client.send(format!("GET /login/x HTTP/1.1\r\nHost: a.example\r\n{field}\r\n").as_bytes());
        client.response()
    };
    let mut last = say("");
    for token in ["one", "three-alice"] {
        last = say(token);
    }
    assert_eq!((last.status, last.header("x-user")), (200, Some("alice")), "{}", last.head);
    let own = usize::from(apps[0].requests() == 0);
    run(&edge, &["drain", &apps[own].address()]);
    wait_until(&edge, &apps[own], " drained ");
    let again = say("");
    assert_eq!((again.status, again.header("x-user")), (200, Some("alice")), "{}", again.head);
}

#[test]
fn a_weight_is_that_of_the_configuration_again_when_somebody_says_so() {
    let apps = [Backend::start(), Backend::start()];
    let edge = edge(&apps, "");
    let address = apps[0].address();
    run(&edge, &["weight", &address, "0"]);
    wait_until(&edge, &apps[0], " 0 app/");
    assert_eq!(shares(&edge, &apps), [0, 24]);
    run(&edge, &["weight", &address, "5"]);
    wait_until(&edge, &apps[0], " 5 app/");
    let [first, second] = shares(&edge, &apps);
    assert!((18..=22).contains(&first), "{first} and {second}");
    assert!(run(&edge, &["status"]).contains(" weight 5\n"));
    run(&edge, &["weight", &address, "default"]);
    wait_until(&edge, &apps[0], " 1 app/");
    assert!(shares(&edge, &apps).iter().all(|got| *got >= 8));
}

/// Returns what a command that fails says.
fn refused(edge: &Edge, words: &[&str]) -> String {
    let Output { status, stderr, .. } = edge.fosse(words);
    assert!(!status.success(), "{words:?}");
    String::from_utf8_lossy(&stderr).into_owned()
}

#[test]
fn a_wrong_name_or_weight_changes_nothing_and_says_what_would_be_right() {
    let apps = [Backend::start(), Backend::start()];
    let other = format!("{}[[backend]]\nname = \"other\"\nservers = [\"{}\"]\n", text(&apps, ""), apps[1].address());
    let edge = Edge::with_config(&other, &[]);
    edge.wait_for_log("event=serving");
    let [first, second] = apps.each_ref().map(|app| format!("app/{}", app.address()));
    wait_until(&edge, &apps[0], " up ");
    let said = refused(&edge, &["drain", "app/127.0.0.1:1"]);
    assert!(said.contains("there is no such server; there are ") && said.contains(&first), "{said}");
    let said = refused(&edge, &["drain", &apps[1].address()]);
    assert!(said.contains(&format!("say {second} or other/{}", apps[1].address())), "{said}");
    for weight in ["257", "-1", "1.5", "x", ""] {
        assert!(refused(&edge, &["weight", &first, weight]).contains("weight"), "{weight}");
    }
    assert!(!edge.status_page("/servers.txt").contains("drained"));
    assert!(!edge.log().contains("event=server-state"), "{}", edge.log());
}

#[test]
fn only_root_or_who_runs_the_edge_may_change_servers_and_nobody_over_tcp() {
    if !is_root() {
        return;
    }
    let apps = [Backend::start(), Backend::start()];
    let port = fosse_harness::free_port();
    let top = format!("status_socket_mode = \"0666\"\nstatus_address = \"127.0.0.1:{port}\"\n");
    let edge = Edge::with_config(&format!("{top}{}", text(&apps, "")), &[]);
    wait_until(&edge, &apps[0], " up ");
    let address = apps[0].address();
    // The edge's directory is root's own: its socket is opened to everybody by its path.
    std::fs::set_permissions(edge.dir().path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--clear-groups"]).arg(programs().join("fosse")).args(["drain", &address]);
    let output = command.arg("--status-socket").arg(edge.status_socket()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("root alone, or the user who runs the edge"), "{said}");
    let mut client = Client::connect(([127, 0, 0, 1], port).into());
    client.send(format!("POST /servers/drain/{address} HTTP/1.1\r\n\r\n").as_bytes());
    assert_eq!(client.response().status, 404);
    assert!(!edge.status_page("/servers.txt").contains("drained"));
}

#[test]
fn an_ordinary_user_changes_the_servers_of_an_own_edge() {
    if !is_root() {
        return;
    }
    let app = Backend::start();
    let edge = Edge::up_as(65_534, &app.address(), &["--lanes", "1"]);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--clear-groups"]).arg(programs().join("fosse"));
    let output = command.args(["drain", &app.address(), "--status-socket"]).arg(edge.status_socket()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    wait_for("the drained server", || edge.status_page("/servers.txt").contains(" drained ").then_some(()));
}
