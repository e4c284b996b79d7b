//! TLS and HTTP/2 with the tools of others: openssl(1), nghttp(1) and h2load(1), which have each
//! their own idea of either.

use std::process::{Command, Stdio};

use fosse_applications::{curl, installed, output};
use fosse_harness::{Backend, Dir, Edge, is_root};

/// An edge with a certificate for localhost.
struct Site {
    edge: Edge,
    _app: Backend,
}

impl Site {
    fn start() -> Option<Self> {
        if !is_root() {
            println!("skipped: fosse runs as root here");
            return None;
        }
        let (app, dir) = (Backend::start(), Dir::new());
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
            -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem";
        let _ = output(Command::new("openssl").current_dir(dir.path()).args(words.split_whitespace()));
        let text = format!(
            "[[listen]]\naddress = \"{{address}}\"\ntls = true\n\
             [[certificate]]\nfile = \"{{dir}}/cert.pem\"\nkey = \"{{dir}}/key.pem\"\n\
             [[site]]\nhosts = [\"localhost\"]\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            app.address()
        );
        Some(Self { edge: Edge::in_directory(dir, &text, &[]), _app: app })
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.edge.address().port())
    }

    fn path(&self, name: &str) -> String {
        self.edge.dir().join(name).display().to_string()
    }

    /// What openssl says of a connection on which one request is made.
    fn openssl(&self, words: &[&str]) -> String {
        let mut command = Command::new("openssl");
        let port = format!("localhost:{}", self.edge.address().port());
        command.args(["s_client", "-connect", &port, "-servername", "localhost", "-ign_eof", "-verify_return_error"]);
        command.args(["-CAfile", &self.path("cert.pem")]).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let request = b"GET /bytes/5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), request).unwrap();
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && said.contains("xxxxx"), "{said}{}", String::from_utf8_lossy(&done.stderr));
        said
    }
}

#[test]
fn openssl_comes_back_with_its_session_in_both_versions() {
    let (Some(_), Some(site)) = (installed("openssl"), Site::start()) else { return };
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let session = site.path(name);
        let first = site.openssl(&[version, "-sess_out", &session]);
        assert!(first.contains(&format!("New, {name}")) && first.contains("Verify return code: 0 (ok)"), "{first}");
        let second = site.openssl(&[version, "-sess_in", &session]);
        assert!(second.contains(&format!("Reused, {name}")), "{second}");
        // As a browser does that has been away while the lane was replaced.
        site.edge.reload(&std::fs::read_to_string(site.path("fosse.toml")).map(|text| later(&text)).unwrap());
        let third = site.openssl(&[version, "-sess_in", &session]);
        assert!(third.contains(&format!("Reused, {name}")), "{third}");
    }
    assert_eq!(site.edge.alarms(), [""; 0]);
}

/// The configuration without the lines that the harness has put before it.
fn later(text: &str) -> String {
    text.lines().skip(2).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_request_of_h2load_and_nghttp_has_its_response() {
    let (Some(h2load), Some(nghttp)) = (installed("h2load"), installed("nghttp")) else { return };
    let Some(site) = Site::start() else { return };
    for words in ["-n 3000 -c 10 -m 10", "-n 500 -c 1 -m 100", "-n 500 -c 5 -m 5 --h1"] {
        let said = output(Command::new(&h2load).args(words.split(' ')).arg(site.url("/bytes/2000")));
        assert!(said.contains(" 0 failed, 0 errored, 0 timeout"), "{words}: {said}");
        let count = words.split(' ').nth(1).unwrap();
        assert!(said.contains(&format!("status codes: {count} 2xx, 0 3xx, 0 4xx, 0 5xx")), "{words}: {said}");
    }
    let said = output(Command::new(nghttp).args(["-n", "-s", "-m", "20"]).arg(site.url("/bytes/100000")));
    let rows = said.lines().filter(|line| line.ends_with("/bytes/100000") && line.contains(" 200 "));
    assert_eq!(rows.count(), 20, "{said}");
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn curl_uploads_and_downloads_in_every_version() {
    let Some(site) = Site::start() else { return };
    let (ca, sent) = (site.path("cert.pem"), site.edge.dir().join("sent"));
    let text: String = (0..300_000).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    std::fs::write(&sent, &text).unwrap();
    let data = format!("@{}", sent.display());
    for words in [
        ["--http1.1", "--tls-max", "1.2"],
        ["--http1.1", "--tls-max", "1.3"],
        ["--http2", "--tls-max", "1.2"],
        ["--http2", "--tls-max", "1.3"],
    ] {
        let post = ["--data-binary", &data, "-H", "Content-Type: text/plain", "--cacert", &ca];
        let said = curl(&[&words[..], &post, &[&site.url("/body")]].concat());
        assert!(said == text, "{words:?}: {} bytes", said.len());
    }
    assert_eq!(site.edge.alarms(), [""; 0]);
}
