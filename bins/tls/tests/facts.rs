//! The facts of a handshake, as applications, rules and the access log have them, and as no client
//! can say them of itself.

mod edge;

use edge::site::Site;
use fosse_harness::{is_root, wait_for};
use fosse_wire::signing::KeyKind;

/// A name in which characters have to be escaped, or written as bytes.
const SUBJECT: &str = "/C=DE/O=Läden, \"Söhne\" + <Co>/OU=a;b\\\\/CN=#someone";

const RULES: &str = "SecRuleEngine On\n\
    SecRule ENV:SSL_CLIENT_S_DN \"@streq CN=someone\" \"id:1,phase:1,deny,status:406\"\n\
    SecRule ENV:SSL_PROTOCOL \"@streq TLSv1.2\" \"id:2,phase:1,deny,status:418\"\n";

/// What clients say of themselves under the names that servers, proxies and RFC 9440 have for it.
const LIES: [&str; 9] = [
    "X-SSL-Client-Verify: SUCCESS",
    "X-SSL-Client-S-DN: CN=forged",
    "x-ssl-client-serial: forged",
    "X-SSL-Client-Cert: forged",
    "X-SSL-Anything: forged",
    "Client-Cert: :forged=:",
    "Client-Cert-Chain: :forged=:",
    "ssl-client-verify: forged",
    "X-JA4: forged",
];

/// A site that clients may show a certificate to, `client.pem` or `odd.pem`.
fn site(keys: &str) -> Site {
    let made = edge::Made::new().certificate(KeyKind::EcdsaP256, &["a.example"]).authority();
    let odd = "req -x509 -utf8 -CA ca.pem -CAkey ca.key -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout odd.key \
               -set_serial 0xfa0b -addext basicConstraints=critical,CA:FALSE -days 30 -out odd.pem -subj";
    made.openssl_with(&odd.split_whitespace().chain([SUBJECT]).collect::<Vec<_>>());
    std::fs::write(made.path("rules.conf"), RULES).unwrap();
    let top = "access_log = \"access.log\"";
    let site = format!(
        "[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n{keys}\n[site.tls]\nclient_ca = \"{}\"\n\
         client_certificates = \"optional\"\n",
        made.path("ca.pem")
    );
    let site = site.replace("{rules}", &made.path("rules.conf"));
    Site::of(made, top, &site)
}

/// What curl says with a certificate of these files, or without one.
fn head(site: &Site, certificate: Option<&str>, more: &[&str]) -> String {
    let files =
        certificate.map(|name| [site.made.path(&format!("{name}.pem")), site.made.path(&format!("{name}.key"))]);
    let mut words: Vec<&str> = more.to_vec();
    if let Some([certificate, key]) = &files {
        words.extend(["--cert", certificate, "--key", key]);
    }
    let (said, status) = site.curl(&words, "/head");
    assert_eq!(status, Some(0), "{said}\n{}", site.edge.log());
    said
}

/// The value that the application has got, in a head that it has sent back.
fn value<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    let mut found =
        said.lines().filter_map(|line| line.split_once(": ")).filter(|(field, _)| field.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value.trim_end());
    assert!(found.next().is_none(), "{name} comes twice: {said}");
    value
}

/// A fact of a certificate, as openssl prints it after an equals sign.
fn printed(site: &Site, name: &str, words: &str) -> String {
    let said = site.made.openssl(&format!("x509 -in {name}.pem -noout -nameopt RFC2253 {words}"));
    let said = String::from_utf8(said).unwrap();
    said.trim_end().split_once('=').unwrap().1.to_owned()
}

#[test]
fn an_application_hears_of_a_certificate_what_openssl_prints_of_it() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site("waf = \"off\"");
    for name in ["client", "odd"] {
        let fingerprint = printed(&site, name, "-fingerprint -sha256").replace(':', "").to_lowercase();
        for version in [&["--tlsv1.3", "--http1.1"][..], &["--tls-max", "1.2", "--http1.1"], &["--http2"]] {
            let said = head(&site, Some(name), version);
            let heard = |name: &str| value(&said, name).unwrap_or_else(|| panic!("no {name}: {said}")).to_owned();
            assert_eq!(heard("X-SSL-Client-Verify"), "SUCCESS");
            assert_eq!(heard("X-SSL-Client-S-DN"), printed(&site, name, "-subject"));
            assert_eq!(heard("X-SSL-Client-I-DN"), printed(&site, name, "-issuer"));
            assert_eq!(heard("X-SSL-Client-Serial"), printed(&site, name, "-serial"));
            assert_eq!(heard("X-SSL-Client-Fingerprint"), fingerprint);
        }
    }
}

#[test]
fn no_client_says_of_itself_what_its_handshake_has_not_said() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    // Applications that read fields as CGI has them take hyphens for underscores.
    let underscores: Vec<String> = LIES[..5].iter().map(|lie| lie.replacen('-', "_", 2)).collect();
    let lies: Vec<&str> =
        LIES.into_iter().chain(underscores.iter().map(String::as_str)).flat_map(|lie| ["-H", lie]).collect();
    let keys = "waf = \"off\"\nunderscores = \"pass\"\nrequest_headers = { set = { X-JA4 = \"{tls_ja4}\" } }";
    let site = site(keys);
    for certificate in [None, Some("client")] {
        for version in ["--http1.1", "--http2"] {
            let said = head(&site, certificate, &[&[version], &lies[..]].concat());
            assert!(!said.contains("forged"), "{said}");
            let verified = if certificate.is_some() { "SUCCESS" } else { "NONE" };
            assert_eq!(value(&said, "X-SSL-Client-Verify"), Some(verified), "{said}");
            assert_eq!(value(&said, "X-SSL-Client-S-DN"), certificate.map(|_| "CN=someone"), "{said}");
            assert!(value(&said, "X-JA4").is_some_and(|ja4| ja4.len() == 36 && ja4.starts_with("t13d")), "{said}");
        }
    }
    // A site that asks for no certificate lets no lie pass either.
    let site = edge::site::site();
    let said = head(&site, None, &lies[..2 * (LIES.len() - 1)]);
    assert!(!said.contains("forged"), "{said}");
}

#[test]
fn texts_with_variables_have_the_facts_of_the_handshake() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let keys = "waf = \"off\"\n[site.request_headers.set]\n\
        X-Protocol = \"{tls_version} {tls_cipher} {tls_server_name}\"\nX-SSL-Client-S-DN = \"is {tls_client_subject}\"";
    let site = site(keys);
    let suite = ["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"];
    let said = head(&site, Some("client"), &suite);
    assert_eq!(value(&said, "X-Protocol"), Some("TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 a.example"), "{said}");
    assert_eq!(value(&said, "X-SSL-Client-S-DN"), Some("is CN=someone"), "what is written down counts: {said}");
    let said = head(&site, None, &["--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"]);
    assert_eq!(value(&said, "X-Protocol"), Some("TLSv1.3 TLS_CHACHA20_POLY1305_SHA256 a.example"), "{said}");
}

#[test]
fn rules_and_the_access_log_have_the_facts_of_the_handshake() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site("waf = \"block\"\nrules = [\"{rules}\"]");
    let status = |certificate, more: &[&str]| {
        head(&site, certificate, &[&["-o", "/dev/null", "-w", "%{http_code}"], more].concat())
    };
    assert_eq!(status(None, &[]), "200");
    assert_eq!(status(Some("odd"), &[]), "200");
    assert_eq!(status(Some("client"), &[]), "406", "ENV:SSL_CLIENT_S_DN");
    assert_eq!(status(Some("odd"), &["--tls-max", "1.2"]), "418", "ENV:SSL_PROTOCOL");
    let lines: Vec<String> = wait_for("four lines", || {
        let text = std::fs::read_to_string(site.edge.dir().join("access.log")).unwrap_or_default();
        Some(text.lines().map(str::to_owned).collect()).filter(|lines: &Vec<String>| lines.len() == 4)
    });
    let fingerprint = printed(&site, "client", "-fingerprint -sha256").replace(':', "").to_lowercase();
    assert!(lines[0].contains("\"tls_version\":\"TLSv1.3\",\"tls_cipher\":\"TLS_A"), "{}", lines[0]);
    assert!(lines[0].contains("\"tls_server_name\":\"a.example\",\"tls_ja4\":\"t13d"), "{}", lines[0]);
    assert!(!lines[0].contains("tls_client"), "{}", lines[0]);
    let shown = format!("\"tls_client_subject\":\"CN=someone\",\"tls_client_fingerprint\":\"{fingerprint}\"");
    assert!(lines[2].contains(&shown), "{}", lines[2]);
    assert!(lines[3].contains("\"tls_version\":\"TLSv1.2\""), "{}", lines[3]);
}

#[test]
fn a_session_that_is_taken_up_again_has_the_certificate_of_before() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site("waf = \"off\"");
    for version in ["-tls1_2", "-tls1_3"] {
        let session = site.made.path("session");
        let ask = |reuse: &str| {
            let said = s_client(&site, &format!("{version} {reuse} {session}"));
            assert!(said.contains("X-SSL-Client-S-DN: CN=someone"), "{said}");
            said
        };
        assert!(ask("-sess_out").contains("New, TLS"));
        assert!(ask("-sess_in").contains("Reused, TLS"));
    }
}

/// What openssl's client says, and the application to its request.
fn s_client(site: &Site, words: &str) -> String {
    let request = "GET /head HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    let command = format!(
        "printf '{}' | openssl s_client -ign_eof -connect {} -servername a.example -cert client.pem -key client.key {words} 2>&1",
        request.escape_default(),
        site.edge.address()
    );
    let run =
        std::process::Command::new("sh").args(["-c", &command]).current_dir(site.made.dir.path()).output().unwrap();
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
fn ciphers_and_groups_are_those_of_the_lists_and_the_first_cipher_comes_before_the_others() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let lists = "[tls]\nciphers = [\"TLS_AES_128_GCM_SHA256\", \"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256\", \
        \"ECDHE-ECDSA-AES128-GCM-SHA256\"]\ngroups = [\"P-384\", \"x25519\"]\n";
    let made = edge::Made::new().certificate(KeyKind::EcdsaP256, &["a.example"]).authority();
    let sites = "[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\nwaf = \"off\"";
    let site = Site::of(made, lists, sites);
    let said = |words: &str| s_client(&site, words);
    assert!(said("-tls1_3").contains("Cipher is TLS_AES_128_GCM_SHA256"));
    let twelve = said("-tls1_2");
    assert!(twelve.contains("Cipher is ECDHE-ECDSA-CHACHA20-POLY1305"), "{twelve}");
    for group in ["X25519", "P-384"] {
        assert!(said(&format!("-tls1_3 -groups {group}")).contains("Cipher is TLS_AES_128_GCM_SHA256"), "{group}");
    }
    assert!(said("-tls1_3 -groups P-256").contains("handshake failure"));
    assert!(said("-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384").contains("handshake failure"));
    assert!(said("-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384").contains("handshake failure"));
}
