//! Sets of certificates that change while an edge serves: `fosse certs reload`, as certbot's hook
//! runs it.

mod edge;

use edge::site::{Site, site};
use fosse_harness::wait_for;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The certificate that an edge shows to a new client, as a number of those that were made.
fn shown(site: &Site, made: &[Vec<u8>]) -> usize {
    let mut client = site.client_of(trusting(made), rustls::DEFAULT_VERSIONS);
    client.flush().unwrap();
    let shown = client.conn.peer_certificates().unwrap()[0].to_vec();
    made.iter().position(|der| *der == shown).unwrap()
}

fn trusting(made: &[Vec<u8>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    made.iter().for_each(|der| roots.add(CertificateDer::from(der.clone())).unwrap());
    roots
}

/// Whether a request over a new connection, to whatever it shows of these, has its response.
fn is_served(site: &Site, made: &[Vec<u8>]) -> bool {
    let mut client = site.client_of(trusting(made), rustls::DEFAULT_VERSIONS);
    let mut said = String::new();
    let asked = client.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    asked.and_then(|()| client.read_to_string(&mut said)).is_ok() && said.starts_with("HTTP/1.1 200")
}

fn reload(site: &Site) -> (bool, String) {
    let out = site.edge.fosse(&["certs", "reload"]);
    let said = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn clients_that_come_all_the_time_see_the_old_certificate_then_the_new_one_and_never_an_error() {
    let site = site();
    let made = vec![site.made.der(0), site.made.renewed(0, 1), site.made.renewed(0, 2)];
    let before: Vec<u32> = site.edge.children_of("tls").iter().map(|process| process.pid).collect();
    let (stop, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let now = shown(&site, &made);
                        assert!(now >= last, "certificate {now} after {last}");
                        last = now;
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                    last
                })
            })
            .collect();
        for number in 1..made.len() {
            let so_far = seen.load(Ordering::Relaxed);
            wait_for("handshakes", || (seen.load(Ordering::Relaxed) > so_far + 50).then_some(()));
            site.made.put_renewed(0, number);
            let (done, said) = reload(&site);
            assert!(done && said.contains("serves, 1 certificates"), "{said}\n{}", site.edge.log());
            assert_eq!(shown(&site, &made), number, "every handshake has it once the command is done");
        }
        stop.store(true, Ordering::Relaxed);
        assert!(clients.into_iter().all(|client| client.join().unwrap() >= 1));
    });
    let after: Vec<u32> = site.edge.children_of("tls").iter().map(|process| process.pid).collect();
    assert_eq!(before, after, "no lane was made anew");
    wait_for("the keys of before to go", || (site.edge.children_of("keys").len() == 1).then_some(()));
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
    assert!(is_served(&site, &made));
}

#[test]
fn files_that_are_not_as_they_should_be_change_nothing_and_whoever_asked_is_told_why() {
    let site = site();
    let made = vec![site.made.der(0), site.made.renewed(0, 1)];
    std::fs::write(site.made.path("0.pem"), "nothing").unwrap();
    let (done, said) = reload(&site);
    assert!(!done && said.contains("0.pem: there is no certificate in PEM"), "{said}");
    assert_eq!(shown(&site, &made), 0);
    let listed = site.edge.fosse(&["certs"]);
    let said = String::from_utf8_lossy(&[listed.stdout, listed.stderr].concat()).into_owned();
    assert!(said.contains("was refused: ") && said.contains("a.example"), "{said}");
    site.made.put_renewed(0, 1);
    let (done, said) = reload(&site);
    assert!(done, "{said}");
    assert_eq!(shown(&site, &made), 1);
    let listed = site.edge.fosse(&["certs", "--json"]);
    let said = String::from_utf8_lossy(&[listed.stdout, listed.stderr].concat()).into_owned();
    assert!(said.starts_with("[{\"names\": [\"a.example\"], \"not_after\": ") && !said.contains("refused"), "{said}");
}

#[test]
fn a_keys_and_a_lane_that_are_replaced_have_the_newest_set() {
    let site = site();
    let made = vec![site.made.der(0), site.made.renewed(0, 1)];
    site.made.put_renewed(0, 1);
    assert!(reload(&site).0);
    wait_for("the keys of before to go", || (site.edge.children_of("keys").len() == 1).then_some(()));
    for program in ["keys", "tls"] {
        let process = site.edge.process(program);
        process.signal(rustix::process::Signal::KILL);
        wait_for(program, || site.edge.children_of(program).iter().any(|one| one.pid != process.pid).then_some(()));
        wait_for("the edge serves", || is_served(&site, &made).then_some(()));
        assert_eq!(shown(&site, &made), 1, "{program}");
    }
}

#[test]
fn a_handshake_that_has_begun_ends_with_the_certificate_that_it_began_with() {
    let site = site();
    let made = vec![site.made.der(0), site.made.renewed(0, 1)];
    // The first flight of TLS 1.2 has the certificate; its key is wanted in the same breath, and
    // the client is in nobody's way while it does not go on.
    let mut client = site.client_of(trusting(&made), &[&rustls::version::TLS12]);
    client.conn.write_tls(&mut client.sock).unwrap();
    while client.conn.peer_certificates().is_none() {
        client.conn.read_tls(&mut client.sock).unwrap();
        client.conn.process_new_packets().unwrap();
    }
    site.made.put_renewed(0, 1);
    let (done, said) = reload(&site);
    assert!(done, "{said}");
    assert_eq!(shown(&site, &made), 1);
    let keys = || site.edge.children_of("keys").len();
    assert_eq!(keys(), 2, "its keys waits for it");
    client.flush().unwrap();
    assert_eq!(client.conn.peer_certificates().unwrap()[0].to_vec(), made[0]);
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    wait_for("its keys to go", || (keys() == 1).then_some(()));
}
