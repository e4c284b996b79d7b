//! Certificates of a real authority (pebble), through a whole edge: ordered, served, renewed, tried
//! again. Without pebble, or root, a test says that it is skipped.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use fosse_harness::pebble::Options;
use fosse_harness::{Dir, Edge, Pebble, free_port, is_root, wait_for};
use rustix::process::Signal;

/// The ports at which authorities ask and clients come.
#[derive(Clone, Copy)]
struct Ports {
    plain: u16,
    tls: u16,
}

impl Ports {
    fn new() -> Self {
        Self { plain: free_port(), tls: free_port() }
    }

    fn pebble(self, options: &Options<'_>) -> Option<Pebble> {
        if !is_root() {
            eprintln!("skipped: not root");
            return None;
        }
        Pebble::with(self.plain, self.tls, options)
    }
}

/// An edge whose certificates are those of authorities, and the directory with their store.
struct Ordering {
    edge: Edge,
    store: Dir,
    ports: Ports,
}

/// The tables of an authority and of a certificate that is ordered of it.
fn ordered(name: &str, pebble: &Pebble, host: &str) -> String {
    format!(
        "[[acme]]\nname = \"{name}\"\ndirectory = \"{}\"\nca_file = \"{}\"\nagree_to_terms = true\n\
         contact = [\"admin@example.org\"]\n[[certificate]]\nacme = \"{name}\"\nnames = [\"{host}\"]\n",
        pebble.directory(),
        pebble.ca_file().display(),
    )
}

/// The listeners at the ports, one of them without TLS.
fn listeners(ports: Ports) -> String {
    format!(
        "[[listen]]\naddress = \"{{address}}\"\n[[listen]]\naddress = \"127.0.0.1:{}\"\n\
         [[listen]]\naddress = \"127.0.0.1:{}\"\ntls = true\n",
        ports.plain, ports.tls
    )
}

impl Ordering {
    fn start(ports: Ports, tables: &str, hosts: &str) -> Self {
        Self::listening(ports, &listeners(ports), tables, hosts)
    }

    fn listening(ports: Ports, listeners: &str, tables: &str, hosts: &str) -> Self {
        let store = Dir::new();
        fs::create_dir(store.join("certificates")).unwrap();
        fs::set_permissions(store.join("certificates"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let configuration = format!(
            "lanes = 1\nuid_base = {{uid_base}}\n{listeners}{tables}\
             [[site]]\nhosts = [{hosts}]\nrespond = 200\nrespond_body = \"served\"\n"
        );
        let certificates = store.join("certificates");
        let edge = Edge::with_config(&configuration, &["--certificates-dir", &certificates.to_string_lossy()]);
        Self { edge, store, ports }
    }

    /// The serial number of what is shown to a client that asks for a host and trusts a root alone;
    /// none where the handshake fails.
    fn serial(&self, host: &str, pebble: &Pebble) -> Option<String> {
        let root = self.store.join("root.pem");
        fs::write(&root, pebble.root()).unwrap();
        let client = format!(
            "openssl s_client -connect 127.0.0.1:{} -servername {host} -CAfile {} -verify_return_error \
             -verify_hostname {host} </dev/null 2>/dev/null | openssl x509 -noout -serial 2>/dev/null",
            self.ports.tls,
            root.display()
        );
        let run = Command::new("sh").args(["-c", &client]).output().unwrap();
        let serial = String::from_utf8(run.stdout).unwrap();
        Some(serial.trim().strip_prefix("serial=")?.to_owned()).filter(|serial| !serial.is_empty())
    }

    fn wait_for_serial(&self, host: &str, pebble: &Pebble) -> String {
        wait_for("a certificate", || self.serial(host, pebble))
    }

    /// The one file of the store.
    fn stored(&self) -> PathBuf {
        let mut files = fs::read_dir(self.store.join("certificates")).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|ending| ending == "pem")).unwrap()
    }

    /// Kills fosse-acme, and waits for the next one.
    fn replace_acme(&self) {
        let before = self.edge.process("acme");
        before.signal(Signal::KILL);
        wait_for("another acme", || {
            let all = self.edge.processes();
            all.into_iter().find(|one| one.program == "acme" && one.pid != before.pid)
        });
    }

    /// Waits until `fosse certs` shows one certificate, of which `is` holds.
    fn listed(&self, is: impl Fn(&str) -> bool) {
        wait_for("a row of fosse certs", || {
            let shown = self.edge.fosse(&["certs", "--json"]);
            let text = String::from_utf8(shown.stdout).unwrap();
            (text.matches("\"names\"").count() == 1 && is(&text)).then_some(())
        });
    }

    fn count(&self, words: &str) -> usize {
        self.edge.log().matches(words).count()
    }

    fn stop(self) {
        let alarms = self.edge.alarms();
        assert!(alarms.is_empty(), "{alarms:?}\n{}", self.edge.log());
        self.edge.stop();
    }
}

const HOST: &str = "a.example.org";

#[test]
fn a_certificate_is_ordered_and_served_without_a_reload() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(&Options::default()) else { return };
    let ordering = Ordering::start(ports, &ordered("ca", &pebble, HOST), &format!("\"{HOST}\""));
    ordering.wait_for_serial(HOST, &pebble);
    // What is no question of an authority is as without: the path of a token is for acme alone.
    let path = "/.well-known/acme-challenge/nobody";
    let status = |path: &str| {
        let url = format!("http://127.0.0.1:{}{path}", ports.plain);
        let words = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", &format!("Host: {HOST}"), &url];
        String::from_utf8(Command::new("curl").args(words).output().unwrap().stdout).unwrap()
    };
    assert_eq!((status(path), status("/")), ("404".to_owned(), "200".to_owned()));
    assert_eq!(ordering.count("event=serving"), 1, "{}", ordering.edge.log());
    ordering.listed(|row| row.contains("\"next_renewal\": 1") && row.contains("\"last_error\": null"));
    ordering.stop();
}

#[test]
fn a_certificate_is_ordered_by_a_handshake_where_no_listener_is_without_tls() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(&Options::default()) else { return };
    let tables =
        ordered("ca", &pebble, HOST).replace("[[certificate]]", "challenge = \"tls-alpn-01\"\n[[certificate]]");
    // Two for one name: their proofs take turns.
    let rsa = tables[tables.find("[[certificate]]").unwrap()..].to_owned() + "key_type = \"rsa-2048\"\n";
    let listeners = listeners(ports).replace("\"\n[[listen]]", "\"\ntls = true\n[[listen]]");
    assert_eq!(listeners.matches("tls = true").count(), 3, "{listeners}");
    let ordering = Ordering::listening(ports, &listeners, &(tables + &rsa), &format!("\"{HOST}\""));
    ordering.wait_for_serial(HOST, &pebble);
    wait_for("both", || (ordering.count("event=certificate-issued") == 2).then_some(()));
    assert!(ordering.edge.counter("tls", "challenged") > 0, "{}", ordering.edge.log());
    assert_eq!(ordering.count("event=serving"), 1, "{}", ordering.edge.log());
    ordering.stop();
}

#[test]
fn a_revoked_certificate_is_renewed_because_its_authority_says_so() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(&Options::default()) else { return };
    let ordering = Ordering::start(ports, &ordered("ca", &pebble, HOST), &format!("\"{HOST}\""));
    let first = ordering.wait_for_serial(HOST, &pebble);
    ordering.edge.wait_for_log("event=renewal-window");
    pebble.revoke(&ordering.stored(), &ordering.stored());
    // It asks again at once, as it has forgotten when it would have.
    ordering.replace_acme();
    wait_for("another certificate", || ordering.serial(HOST, &pebble).filter(|serial| *serial != first));
    ordering.stop();
}

#[test]
fn an_order_that_failed_waits_for_its_next_attempt_though_acme_is_killed() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(&Options { blocked: &[HOST], ..Options::default() }) else { return };
    let ordering = Ordering::start(ports, &ordered("ca", &pebble, HOST), &format!("\"{HOST}\""));
    ordering.edge.wait_for_log("event=certificate-failed");
    ordering.replace_acme();
    // It counts them once it has looked at what is due.
    wait_for("a look", || (ordering.edge.counter("acme", "certificates") == 1).then_some(()));
    let log = ordering.edge.log();
    assert_eq!(ordering.count("event=certificate-ordered"), 1, "{log}");
    assert!(log.contains("failures=1 retry_seconds=1"), "{log}");
    assert_eq!(ordering.serial(HOST, &pebble), None);
    ordering.listed(|row| {
        let says = |word: &str| row.contains(word);
        says("\"not_after\": null")
            && says("\"failures\": 1")
            && says("\"next_renewal\": 1")
            && !says("\"last_error\": null")
    });
    ordering.stop();
}

#[test]
fn an_order_is_begun_again_where_acme_was_killed_in_the_middle() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(&Options::default()) else { return };
    let ordering = Ordering::start(ports, &ordered("ca", &pebble, HOST), &format!("\"{HOST}\""));
    ordering.edge.wait_for_log("event=certificate-ordered");
    ordering.replace_acme();
    ordering.wait_for_serial(HOST, &pebble);
    ordering.stop();
}

#[test]
fn each_certificate_is_of_the_authority_that_it_names() {
    let ports = Ports::new();
    let Some(one) = ports.pebble(&Options::default()) else { return };
    let Some(other) = ports.pebble(&Options::default()) else { return };
    let tables = [ordered("one", &one, HOST), ordered("other", &other, "b.example.org")].concat();
    let ordering = Ordering::start(ports, &tables, "\"a.example.org\", \"b.example.org\"");
    ordering.wait_for_serial(HOST, &one);
    ordering.wait_for_serial("b.example.org", &other);
    assert_eq!(ordering.serial(HOST, &other), None, "its root is another one");
    ordering.stop();
}

#[test]
fn an_account_is_bound_to_the_one_whose_key_the_configuration_names() {
    let ports = Ports::new();
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let Some(pebble) = ports.pebble(&Options { account: Some(("kid-1", key)), ..Options::default() }) else { return };
    let keys = Dir::new();
    fs::write(keys.join("eab"), key).unwrap();
    fs::set_permissions(keys.join("eab"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let bound = format!("key_id = \"kid-1\"\nkey_file = \"{}\"\n[[certificate]]", keys.join("eab").display());
    let tables = ordered("ca", &pebble, HOST).replace("[[certificate]]", &bound);
    let ordering = Ordering::start(ports, &tables, &format!("\"{HOST}\""));
    ordering.wait_for_serial(HOST, &pebble);
    ordering.stop();
}
