//! Certificates of clients that their authority has revoked, as `client_crl` names its list.

mod edge;

use std::process::Command;

use edge::site::Site;
use fosse_harness::is_root;
use fosse_wire::signing::KeyKind;

const SETTINGS: &str = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n\
                        certificate=ca.pem\nprivate_key=ca.key\ndefault_crl_days=30\n";

/// A site for clients of an authority, of which there are `client` and `other`; nobody is revoked.
fn site() -> Site {
    let made = edge::Made::new().certificate(KeyKind::EcdsaP256, &["a.example"]).authority();
    made.openssl(
        "req -x509 -CA ca.pem -CAkey ca.key -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key \
         -subj /CN=other -addext basicConstraints=critical,CA:FALSE -days 30 -out other.pem",
    );
    for (name, text) in [("ca.cnf", SETTINGS), ("index.txt", ""), ("crlnumber", "01\n")] {
        std::fs::write(made.path(name), text).unwrap();
    }
    list(&made, "");
    let [authority, list] = ["ca.pem", "list.pem"].map(|name| made.path(name));
    let keys = format!("client_ca = \"{authority}\"\nclient_crl = \"{list}\"\n");
    let site = format!("[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\nwaf = \"off\"\n[site.tls]\n{keys}");
    Site::of(made, "", &site)
}

/// Has the authority write its list.
fn list(made: &edge::Made, more: &str) {
    made.openssl(&format!("ca -config ca.cnf -gencrl -out list.pem {more}"));
}

fn reload(site: &Site) {
    let out = site.edge.fosse(&["certs", "reload"]);
    assert!(out.status.success(), "{}\n{}", String::from_utf8_lossy(&out.stderr), site.edge.log());
}

/// Whether a client with this certificate has a response.
fn is_served(site: &Site, name: &str, version: &str) -> bool {
    let [certificate, key] = ["pem", "key"].map(|ending| site.made.path(&format!("{name}.{ending}")));
    let (said, status) = site.curl(&["--cert", &certificate, "--key", &key, "--tls-max", version], "/head");
    let refused = said.contains("revoked") || said.contains("unknown") || said.contains("alert");
    assert!(status == Some(0) || refused, "{said}\n{}", site.edge.log());
    status == Some(0)
}

/// Whether openssl takes up the session of a client that it has had before, as far as the edge lets
/// it; `options` say where it lies.
fn is_resumed(site: &Site, options: &str) -> bool {
    let [certificate, key] = ["client.pem", "client.key"].map(|name| site.made.path(name));
    let address = site.edge.address().to_string();
    let command = format!(
        "echo | timeout 10 openssl s_client -connect {address} -servername a.example -tls1_2 \
                           -cert {certificate} -key {key} {options} 2>&1"
    );
    let out = Command::new("sh").args(["-c", &command]).current_dir(site.made.path("")).output().unwrap();
    String::from_utf8_lossy(&out.stdout).contains("Reused, TLSv1.2")
}

#[test]
fn who_is_revoked_is_refused_from_the_next_reload_of_certificates_on_and_nobody_else_is() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    for name in ["client", "other"] {
        assert!(is_served(&site, name, "1.3") && is_served(&site, name, "1.2"), "{name}");
    }
    is_resumed(&site, "-sess_out session");
    assert!(is_resumed(&site, "-sess_in session"));
    site.made.openssl("ca -config ca.cnf -revoke client.pem");
    list(&site.made, "");
    assert!(is_served(&site, "client", "1.3"), "the list of before is in force");
    reload(&site);
    for version in ["1.3", "1.2"] {
        assert!(!is_served(&site, "client", version) && is_served(&site, "other", version), "{version}");
    }
    assert!(!is_resumed(&site, "-sess_in session"), "a session of before is none for who is revoked since");
}

#[test]
fn a_list_that_has_ended_lets_nobody_in() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    assert!(is_served(&site, "other", "1.3"));
    list(&site.made, "-crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z");
    reload(&site);
    site.edge.wait_for_log("list 1, of CN=ca, has ended at 2020-02-01");
    assert!(!is_served(&site, "other", "1.3"));
    list(&site.made, "");
    reload(&site);
    assert!(is_served(&site, "other", "1.3"));
}
