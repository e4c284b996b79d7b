//! Servers that mean harm, before a whole edge: each costs its own requests alone, and no memory.

mod hostile;

use fosse_harness::{Client, Edge, get, is_root};

use hostile::{ATTACKS, Attack, Listening};

/// KiB that fosse-dispatch-h2 may have had at its worst: it has 2 MiB without any attack, and what
/// each of these says without an end would soon be more.
const MEMORY_KIB_MAX: u64 = 8 << 10;

fn configuration(servers: &[(String, u16)]) -> String {
    let mut text = "uid_base = {uid_base}\nlanes = 1\n[[listen]]\naddress = \"{address}\"\n".to_owned();
    for (name, port) in servers {
        let default = if name == "good" { "default = true" } else { &format!("hosts = [\"{name}.example\"]") };
        text += &format!(
            "[[site]]\n{default}\nbackend = \"{name}\"\nwaf = \"off\"\n\
             [[backend]]\nname = \"{name}\"\nservers = [\"127.0.0.1:{port}\"]\nprotocol = \"h2\"\n\
             first_byte_seconds = 2\nidle_seconds = 2\n"
        );
    }
    text
}

/// Asks a server that attacks. Returns the status; none where the connection has ended in a
/// response.
fn ask(edge: &Edge, name: &str) -> Option<u16> {
    let mut client = Client::connect(edge.address());
    client.send(format!("GET / HTTP/1.1\r\nHost: {name}.example\r\nConnection: close\r\n\r\n").as_bytes());
    let mut statuses = std::iter::from_fn(|| client.try_response(false).map(|response| response.status));
    // Interim ones go on to the client as they come.
    statuses.find(|status| *status >= 200)
}

#[test]
fn a_server_that_attacks_costs_its_own_requests_and_no_others() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let good = Listening::good();
    let attackers: Vec<(&Attack, Listening)> =
        ATTACKS.iter().map(|attack| (attack, Listening::attacking(attack.act))).collect();
    let mut servers = vec![("good".to_owned(), good.port)];
    servers.extend(attackers.iter().map(|(attack, listening)| (attack.name.to_owned(), listening.port)));
    let edge = Edge::with_config(&configuration(&servers), &[]);
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
    let program = edge.process("dispatch-h2");
    for (attack, listening) in &attackers {
        let name = attack.name;
        // Twice: what the first leaves behind is there for the second.
        for round in 0..2 {
            let status = std::thread::scope(|scope| {
                let asks = scope.spawn(|| ask(&edge, name));
                listening.wait_for_attacks(1);
                assert_eq!(get(edge.address(), "/").status, 200, "{name}: beside it\n{}", edge.log());
                asks.join().unwrap()
            });
            let is_expected = attack.expected.contains(&status.unwrap_or(0));
            assert!(is_expected, "{name}, {round}: {status:?}\n{}", edge.log());
        }
        let most = program.field("VmHWM");
        println!("{name}: {most} at most");
        let most: u64 = most.trim_end_matches(" kB").trim().parse().unwrap();
        assert!(most < MEMORY_KIB_MAX, "{name}: {most} KiB");
        assert_eq!(edge.process("dispatch-h2").pid, program.pid, "{name}\n{}", edge.log());
    }
    assert_eq!(edge.alarms(), Vec::<String>::new());
    edge.stop();
}
