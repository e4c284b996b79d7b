//! Authorities that mean harm: each costs its own certificates alone, and no memory.

mod hostile;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use fosse_harness::{Client, Dir, Edge, free_port, get, is_root, wait_for};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use hostile::{ATTACKS, Attack, Shown, asks_for_handshakes, attacking};

/// KiB that fosse-acme may have had at its worst: it has 10 MiB without any attack, and what each
/// of these says without an end would soon be more.
const MEMORY_KIB_MAX: u64 = 32 << 10;

/// Authorities that a configuration may have.
const AUTHORITIES: usize = 8;

fn configuration(attacks: &[Attack], ports: &[u16], ca_file: &str) -> String {
    let mut text = format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n[[listen]]\n\
         address = \"127.0.0.1:{}\"\ntls = true\n[[site]]\ndefault = true\nrespond = 200\nrespond_body = \"served\"\n",
        free_port()
    );
    for (attack, port) in attacks.iter().zip(ports) {
        let name = attack.name;
        text += &format!(
            "[[acme]]\nname = \"{name}\"\ndirectory = \"https://127.0.0.1:{port}/directory\"\nca_file = \"{ca_file}\"\n\
             agree_to_terms = true\ncontact = [\"admin@example.org\"]\n\
             [[certificate]]\nacme = \"{name}\"\nnames = [\"{name}.example.org\"]\n\
             [[site]]\nhosts = [\"{name}.example.org\"]\nrespond = 200\n"
        );
    }
    text
}

/// Asks as an authority would for a token that nobody waits for.
fn challenge(edge: &Edge) -> u16 {
    let mut client = Client::connect(edge.address());
    client.send(
        b"GET /.well-known/acme-challenge/nobody HTTP/1.1\r\nHost: hang.example.org\r\nConnection: close\r\n\r\n",
    );
    client.response().status
}

#[test]
fn an_authority_that_attacks_costs_its_own_certificates_and_no_others() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    ATTACKS.chunks(AUTHORITIES).for_each(withstand);
}

fn withstand(attacks: &[Attack]) {
    let dir = Dir::new();
    let shown = Shown::make(dir.path());
    let ports: Vec<u16> = attacks.iter().map(|attack| attacking(&shown, attack.act)).collect();
    fs::create_dir(dir.join("certificates")).unwrap();
    fs::set_permissions(dir.join("certificates"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let certificates = dir.join("certificates");
    let configuration = configuration(attacks, &ports, &dir.join("authority.pem").to_string_lossy());
    let edge = Edge::with_config(&configuration, &["--certificates-dir", &certificates.to_string_lossy()]);
    let program = edge.process("acme");
    for attack in attacks {
        let line = wait_for(attack.name, || {
            // While some attack, whoever else wants something is served.
            assert_eq!((challenge(&edge), get(edge.address(), "/").status), (404, 200), "{}", edge.log());
            let (log, name) = (edge.log(), format!(" acme={} ", attack.name));
            let is_end = |line: &&str| line.contains("event=certificate-failed") && line.contains(&name);
            log.lines().find(is_end).map(str::to_owned)
        });
        assert!(line.contains(attack.error), "{line}");
    }
    let most = program.field("VmHWM");
    println!("{most} at most");
    let most: u64 = most.trim_end_matches(" kB").trim().parse().unwrap();
    assert!(most < MEMORY_KIB_MAX, "{most} KiB");
    assert_eq!(edge.process("acme").pid, program.pid, "{}", edge.log());
    edge.stop();
}

/// An edge with an order that waits for its authority, which asks for a handshake; no listener is
/// without TLS.
struct Pending {
    edge: Edge,
    tls: u16,
    _dir: Dir,
}

impl Pending {
    fn start() -> Self {
        let (dir, tls) = (Dir::new(), free_port());
        let port = attacking(&Shown::make(dir.path()), asks_for_handshakes);
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout served.key -days 30 \
                     -subj /CN=served -addext subjectAltName=DNS:served.example.org -out served.pem";
        let run = Command::new("openssl").args(words.split_whitespace()).current_dir(dir.path()).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        fs::create_dir(dir.join("certificates")).unwrap();
        fs::set_permissions(dir.join("certificates"), fs::Permissions::from_mode(0o700)).unwrap();
        let at = dir.path().display();
        let configuration = format!(
            "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\ntls = true\n\
             [[listen]]\naddress = \"127.0.0.1:{tls}\"\ntls = true\n\
             [[certificate]]\nfile = \"{at}/served.pem\"\nkey = \"{at}/served.key\"\n\
             [[acme]]\nname = \"ca\"\ndirectory = \"https://127.0.0.1:{port}/directory\"\n\
             ca_file = \"{at}/authority.pem\"\nagree_to_terms = true\nchallenge = \"tls-alpn-01\"\n\
             [[certificate]]\nacme = \"ca\"\nnames = [\"pending.example.org\"]\n\
             [[site]]\nhosts = [\"served.example.org\"]\nrespond = 200\nrespond_body = \"served\"\n"
        );
        let certificates = dir.join("certificates");
        let edge = Edge::with_config(&configuration, &["--certificates-dir", &certificates.to_string_lossy()]);
        Self { edge, tls, _dir: dir }
    }

    /// All that openssl says of a handshake for a name with these protocols, and of the certificate
    /// that it was shown.
    fn shake(&self, name: &str, protocols: &str, more: &str) -> String {
        let client = format!(
            "openssl s_client -connect 127.0.0.1:{} -servername {name} -alpn {protocols} {more} </dev/null 2>&1 \
             | tee /dev/stderr | openssl x509 -noout -text 2>/dev/null",
            self.tls
        );
        let run = Command::new("sh").args(["-c", &client]).output().unwrap();
        String::from_utf8_lossy(&[run.stderr, run.stdout].concat()).into_owned()
    }

    /// A client that has said its first message as an authority does, and nothing more.
    fn hangs(&self, name: &'static str) -> TcpStream {
        let mut config = ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        let mut client = ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
        let (mut socket, mut hello) = (TcpStream::connect(("127.0.0.1", self.tls)).unwrap(), Vec::new());
        client.write_tls(&mut hello).unwrap();
        socket.write_all(&hello).unwrap();
        socket
    }
}

/// The extension of RFC 8737 as openssl shows one that it does not know, or knows.
const IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31: critical";
/// The alert for a name that is not served.
const UNRECOGNIZED: &str = "unrecognized name";

#[test]
fn who_asks_for_a_handshake_gets_the_proof_of_a_pending_order_and_others_are_served() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let pending = Pending::start();
    for version in ["-tls1_3", "-tls1_2"] {
        wait_for("the proof", || {
            let said = pending.shake("pending.example.org", "acme-tls/1", version);
            (said.contains(IDENTIFIER) && said.contains("ALPN protocol: acme-tls/1")).then_some(())
        });
    }
    // Another protocol beside it is no authority: such a client is as any other.
    for protocols in ["acme-tls/1,http/1.1", "http/1.1,acme-tls/1"] {
        let said = pending.shake("pending.example.org", protocols, "");
        assert!(said.contains(UNRECOGNIZED) && !said.contains(IDENTIFIER), "{said}");
        let said = pending.shake("served.example.org", protocols, "");
        assert!(said.contains("ALPN protocol: http/1.1") && said.contains("served.example.org"), "{said}");
        assert!(!said.contains(IDENTIFIER), "{said}");
    }
    for name in ["served.example.org", "foreign.example.org"] {
        let said = pending.shake(name, "acme-tls/1", "");
        assert!(said.contains(UNRECOGNIZED) && said.contains("no peer certificate"), "{name}: {said}");
    }
    // More that say nothing than there is room for: the oldest makes it.
    let mut hanging: Vec<TcpStream> = (0..100).map(|_| pending.hangs("pending.example.org")).collect();
    let said = pending.shake("pending.example.org", "acme-tls/1", "");
    assert!(said.contains(IDENTIFIER), "{said}");
    let said = pending.shake("served.example.org", "http/1.1", "");
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
    // What was said to the first one is there, and then the end of its connection.
    let _ = hanging[0].read_to_end(&mut Vec::new());
    assert!(pending.edge.counter("acme", "handshakes") >= 3, "{}", pending.edge.log());
    let alarms = pending.edge.alarms();
    assert!(alarms.is_empty(), "{alarms:?}\n{}", pending.edge.log());
    pending.edge.stop();
}
