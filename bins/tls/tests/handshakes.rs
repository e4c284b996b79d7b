//! Handshakes with real clients: what is agreed on, who is shown what, who is refused and how.

mod edge;

use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use edge::{Edge, Made, settings};
use fosse_counters::tls as count;
use fosse_harness::wait_for;
use fosse_settings::tls::{ClientCertificates, TlsSettings, TlsSite, TlsVersion, UnknownNames};
use fosse_wire::handshaken::Protocol;
use fosse_wire::signing::KeyKind;
use rustls::{ClientConfig, HandshakeKind};

fn plain_edge() -> Edge {
    Edge::new(Made::new().certificate(KeyKind::EcdsaP256, &["a.example", "*.b.example"]), &settings())
}

/// Runs openssl s_client against the edge, and what it said when the client has been handed over or
/// refused.
fn s_client(edge: &Edge, words: &str) -> String {
    let address = edge.address().to_string();
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", &address]).args(words.split(' ').filter(|word| !word.is_empty()));
    client.current_dir(edge.made.dir.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = client.spawn().unwrap();
    edge.accept_one(&fosse_wire::channel::Connection::default());
    let said = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
}

#[test]
fn facts_of_a_handshake_come_with_the_plaintext() {
    let edge = plain_edge();
    let (mut client, mut handed) = edge.through("A.Example");
    assert_eq!((handed.version, &handed.sni[..], handed.protocol), (0x0304, "a.example", Protocol::None));
    assert_eq!((handed.ja4.len(), &handed.ja4[..4]), (36, "t13d"));
    assert!(!handed.proxied && handed.fingerprint.is_none());
    assert_eq!(handed.client.port, client.sock.local_addr().unwrap().port());
    client.write_all(b"question").unwrap();
    assert_eq!(edge::read(&mut handed.plain, 8), b"question");
    handed.plain.write_all(b"reply").unwrap();
    assert_eq!(edge::read(&mut client, 5), b"reply");
}

#[test]
fn post_quantum_key_exchange_is_what_a_client_gets_that_offers_it() {
    let edge = plain_edge();
    let (client, _handed) = edge.through("a.example");
    let group = client.conn.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768);
}

#[test]
fn openssl_speaks_both_versions_with_every_kind_of_key() {
    let kinds = [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa];
    for kind in kinds {
        let edge = Edge::new(Made::new().certificate(kind, &["a.example"]), &settings());
        for (words, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let said = s_client(&edge, &format!("{words} -servername a.example -CAfile 0.pem -verify_return_error"));
            assert!(said.contains("Verify return code: 0 (ok)") && said.contains(version), "{kind:?} {words}: {said}");
            drop(edge.handed());
        }
    }
}

#[test]
fn who_keeps_a_handshake_waiting_makes_room_and_who_has_just_come_does_not() {
    let edge = plain_edge();
    let (mut through, handed) = edge.through("a.example");
    let mut late: Vec<_> = (0..3).map(|_| edge.connect()).collect();
    late.iter_mut().for_each(|client| client.write_all(&[0x16, 3, 1, 2]).unwrap());
    wait_for("room", || {
        edge.relieve(1);
        (edge.tls.count(count::RELIEVED) == 3).then_some(())
    });
    for client in &mut late {
        assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    let mut fresh = edge.client("a.example");
    edge.relieve(9);
    fresh.flush().unwrap();
    drop(edge.handed());
    edge::finish(&edge, handed, &edge::noise(100));
    assert_eq!(edge::read(&mut through, 100), edge::noise(100));
}

#[test]
fn versions_before_tls_12_are_refused_with_an_alert() {
    let said = s_client(&plain_edge(), "-tls1_1 -servername a.example -cipher ALL:@SECLEVEL=0");
    assert!(said.contains("protocol version"), "{said}");
}

#[test]
fn a_client_that_has_fallen_back_or_has_no_cipher_of_ours_is_told_so() {
    let edge = plain_edge();
    let said = s_client(&edge, "-tls1_2 -fallback_scsv -servername a.example");
    assert!(said.contains("inappropriate fallback"), "{said}");
    let said = s_client(&edge, "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 -servername a.example");
    assert!(said.contains("handshake failure"), "{said}");
}

#[test]
fn a_client_that_cannot_check_one_kind_of_certificate_gets_the_other() {
    let made = Made::new().certificate(KeyKind::Rsa, &["a.example"]).certificate(KeyKind::EcdsaP256, &["a.example"]);
    let edge = Edge::new(made, &settings());
    for (schemes, file) in [("rsa_pss_rsae_sha256", "0.pem"), ("ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256", "1.pem")] {
        let words = format!("-tls1_3 -servername a.example -sigalgs {schemes} -CAfile {file} -verify_return_error");
        let said = s_client(&edge, &words);
        assert!(said.contains("Verify return code: 0 (ok)"), "{schemes}: {said}");
        drop(edge.handed());
    }
    let said = s_client(&edge, "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 -servername a.example -CAfile 0.pem");
    assert!(said.contains("Verify return code: 0 (ok)"), "by its cipher suites: {said}");
}

#[test]
fn a_star_serves_one_label_and_an_unknown_name_is_refused_by_name() {
    let edge = plain_edge();
    let (_client, handed) = edge.through("x.b.example");
    assert_eq!(handed.sni, "x.b.example");
    for name in ["other.example", "x.y.b.example", "b.example"] {
        let said = s_client(&edge, &format!("-servername {name}"));
        assert!(said.contains("unrecognized name"), "{name}: {said}");
    }
    assert!(s_client(&edge, "-noservername").contains("unrecognized name"));
    edge.tls.wait_for_count(count::UNKNOWN_NAMES, 4);
}

#[test]
fn an_unknown_name_gets_the_first_certificate_where_that_is_wanted() {
    let made =
        Made::new().certificate(KeyKind::EcdsaP256, &["first.example"]).certificate(KeyKind::Rsa, &["a.example"]);
    let edge = Edge::new(made, &TlsSettings { unknown_names: UnknownNames::Default, ..settings() });
    for words in ["-servername other.example", "-noservername"] {
        let said = s_client(&edge, &format!("{words} -CAfile 0.pem"));
        assert!(said.contains("Verify return code: 0 (ok)"), "{words}: {said}");
        drop(edge.handed());
    }
}

#[test]
fn a_site_has_a_least_version_of_its_own() {
    let strict = |host: &str, terms, minimum_version| TlsSite {
        hosts: vec![host.to_owned()],
        enabled: true,
        terms,
        minimum_version,
        ..TlsSite::default()
    };
    let sites = vec![strict("a.example", 1, TlsVersion::Tls13), strict("x.b.example", 2, TlsVersion::Tls12)];
    let made = Made::new().certificate(KeyKind::EcdsaP256, &["a.example", "*.b.example"]);
    let edge = Edge::new(made, &TlsSettings { sites, ..settings() });
    assert!(s_client(&edge, "-tls1_2 -servername a.example").contains("protocol version"));
    assert!(s_client(&edge, "-tls1_2 -servername x.b.example").contains("TLSv1.2"));
}

#[test]
fn protocols_are_agreed_on_and_an_offer_without_ours_is_refused() {
    let edge = plain_edge();
    let said = s_client(&edge, "-servername a.example -alpn h2,http/1.1");
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
    assert_eq!(edge.handed().protocol, Protocol::Http1);
    assert!(s_client(&edge, "-servername a.example -alpn spdy/1").contains("no application protocol"));
}

#[test]
fn a_session_is_resumed_in_both_versions() {
    let edge = plain_edge();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ClientConfig::builder_with_protocol_versions(&[version]);
        let config = Arc::new(config.with_root_certificates(edge.made.roots()).with_no_client_auth());
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let mut client = edge.client_with("a.example", &config);
            client.flush().unwrap();
            let mut handed = edge.handed();
            handed.plain.write_all(b"x").unwrap();
            // Tickets of TLS 1.3 come before the first byte.
            edge::read(&mut client, 1);
            let had = client.conn.handshake_kind();
            // The first with post-quantum shares is a full one with another name.
            assert!(
                had == Some(kind)
                    || had == Some(HandshakeKind::FullWithHelloRetryRequest) && kind == HandshakeKind::Full
            );
        }
    }
    edge.tls.wait_for_count(count::RESUMED, 4);
}

#[test]
fn clients_certificates_are_asked_for_as_the_site_says() {
    let site = |host: &str, terms, client_certificates| TlsSite {
        hosts: vec![host.to_owned()],
        enabled: true,
        terms,
        client_certificates,
        ..TlsSite::default()
    };
    let sites = vec![
        site("a.example", 1, ClientCertificates::Required(0)),
        site("x.b.example", 2, ClientCertificates::Optional(0)),
    ];
    let made = Made::new().certificate(KeyKind::EcdsaP256, &["a.example", "*.b.example"]).authority();
    let edge = Edge::new(made, &TlsSettings { sites, ..settings() });
    let shows = "-cert client.pem -key client.key";
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(&edge, &format!("{version} -servername a.example {shows}"));
        assert!(edge.handed().fingerprint.is_some(), "{said}");
        s_client(&edge, &format!("{version} -servername x.b.example"));
        assert!(edge.handed().fingerprint.is_none());
        let failed = edge.tls.count(count::FAILED);
        s_client(&edge, &format!("{version} -servername a.example"));
        wait_for("one failed", || (edge.tls.count(count::FAILED) > failed).then_some(()));
        s_client(&edge, &format!("{version} -servername x.b.example -cert 0.pem -key 0.key"));
        wait_for("another failed", || (edge.tls.count(count::FAILED) > failed + 1).then_some(()));
    }
}

#[test]
fn plain_http_is_told_so_and_noise_gets_an_alert() {
    let edge = plain_edge();
    let mut client = edge.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 400 ") && said.ends_with("https://.\n"), "{said}");
    let mut client = edge.connect();
    client.write_all(b"SSH-2.0-x\r\n").unwrap();
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    assert_eq!(said, [21, 3, 3, 0, 2, 2, 10], "unexpected_message");
}

#[test]
fn a_first_message_in_single_bytes_is_read_and_one_without_end_is_refused() {
    let edge = plain_edge();
    let mut client = edge.client("a.example");
    let mut hello = Vec::new();
    client.conn.write_tls(&mut hello).unwrap();
    for byte in &hello {
        client.sock.write_all(&[*byte]).unwrap();
    }
    client.flush().unwrap();
    drop(edge.handed());
    let mut client = edge.connect();
    let _ = client.write_all(&[&[22, 3, 1, 0x40, 0, 1, 0, 0x7f, 0xff][..], &[0; 40_000]].concat());
    let mut said = Vec::new();
    let _ = client.read_to_end(&mut said);
    assert_eq!(said, [21, 3, 3, 0, 2, 2, 50], "decode_error");
}
