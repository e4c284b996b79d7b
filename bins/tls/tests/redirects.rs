//! Clients of listeners without TLS, where another one has it.

mod edge;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;

use edge::{LONG, Made};
use fosse_harness::{Backend, Edge, free_port, is_root};
use fosse_wire::signing::KeyKind;

/// An edge with listeners of every kind, and their addresses.
struct Listeners {
    edge: Edge,
    made: Made,
    _backend: Backend,
    plain: SocketAddr,
    behind: SocketAddr,
    trusting: SocketAddr,
    secure: SocketAddr,
}

fn listeners() -> Listeners {
    let made = Made::new().certificate(KeyKind::EcdsaP256, &["a.example", "d.example", "*.w.example", "off.example"]);
    let backend = Backend::start();
    let [plain, behind, trusting, secure] = [(); 4].map(|()| free_port());
    let configuration = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
         [[listen]]\naddress = \"unix:{{dir}}/plain.sock\"\n\
         [[listen]]\naddress = \"0.0.0.0:{plain}\"\npublic = true\n\
         [[listen]]\naddress = \"0.0.0.0:{behind}\"\npublic = true\nbehind_tls = true\n\
         [[listen]]\naddress = \"0.0.0.0:{trusting}\"\npublic = true\ntrusted = [\"127.0.0.1/32\"]\n\
         [[listen]]\naddress = \"0.0.0.0:{secure}\"\npublic = true\ntls = true\npublic_port = 8443\n\
         [[certificate]]\nfile = \"{}\"\nkey = \"{}\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
         [[site]]\nhosts = [\"a.example\", \"*.w.example\"]\nbackend = \"app\"\n\
         [[site.route]]\npath = \"/exact\"\nrespond = 204\n\
         [[site]]\nhosts = [\"off.example\"]\nbackend = \"app\"\ntls.redirect = false\n\
         [[site]]\nhosts = [\"d.example\", \"192.0.2.7\"]\ndefault = true\nbackend = \"app\"\n",
        made.path("0.pem"),
        made.path("0.key"),
        backend.address(),
    );
    let edge = Edge::with_config(&configuration, &[]);
    let [plain, behind, trusting, secure] =
        [plain, behind, trusting, secure].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    Listeners { edge, made, _backend: backend, plain, behind, trusting, secure }
}

/// The status and location of the response to these lines.
fn asked(mut stream: impl Read + Write, lines: &str) -> (u16, Option<String>) {
    let head = lines.split("\\n").collect::<Vec<_>>().join("\r\n");
    write!(stream, "{head}\r\n\r\n").unwrap();
    let head =
        fosse_harness::http::Reader::new(&mut stream).head().unwrap_or_else(|error| panic!("{lines}: {error:?}"));
    let location = head.get("location").map(str::to_owned);
    (head.status(), location)
}

fn at(address: SocketAddr, lines: &str) -> (u16, Option<String>) {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    asked(stream, lines)
}

#[test]
fn clients_without_tls_are_sent_to_the_name_they_asked_for_at_the_public_port() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let listeners = listeners();
    for (lines, location) in [
        (r"GET /x?y=1 HTTP/1.1\nHost: a.example", "https://a.example:8443/x?y=1"),
        (r"GET / HTTP/1.1\nHost: A.Example:8080", "https://a.example:8443/"),
        (r"GET /exact HTTP/1.1\nHost: a.example", "https://a.example:8443/exact"),
        (r"GET //evil.example/%2e HTTP/1.1\nHost: b.w.example", "https://b.w.example:8443//evil.example/%2e"),
        (r"GET http://a.example/abs HTTP/1.1\nHost: a.example", "https://a.example:8443/abs"),
        (
            r"GET /?q=%3Cscript%3Ealert(1)%3C/script%3E HTTP/1.1\nHost: a.example",
            "https://a.example:8443/?q=%3Cscript%3Ealert(1)%3C/script%3E",
        ),
        (r"POST /form HTTP/1.1\nHost: a.example\nContent-Length: 100000000", "https://a.example:8443/form"),
        (r"GET / HTTP/1.1\nHost: a.example\nX-Forwarded-Proto: https", "https://a.example:8443/"),
        (r"GET /old HTTP/1.0", "https://d.example:8443/old"),
    ] {
        assert_eq!(at(listeners.plain, lines), (308, Some(location.to_owned())), "{lines}\n{}", listeners.edge.log());
    }
    let plain = at(listeners.trusting, r"GET / HTTP/1.1\nHost: a.example\nX-Forwarded-Proto: http");
    assert_eq!(plain, (308, Some("https://a.example:8443/".to_owned())));
}

#[test]
fn who_needs_no_redirect_or_could_not_follow_it_gets_none() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let listeners = listeners();
    let get = r"GET / HTTP/1.1\nHost: a.example";
    assert_eq!(at(listeners.edge.address(), get), (200, None), "loopback\n{}", listeners.edge.log());
    assert_eq!(asked(UnixStream::connect(listeners.edge.dir().join("plain.sock")).unwrap(), get), (200, None));
    assert_eq!(at(listeners.behind, get), (200, None));
    assert_eq!(at(listeners.trusting, &format!(r"{get}\nX-Forwarded-Proto: https")), (200, None));
    for host in ["off.example", "unknown.example", "192.0.2.7", "127.0.0.1:80"] {
        assert_eq!(at(listeners.plain, &format!(r"GET / HTTP/1.1\nHost: {host}")), (200, None), "{host}");
    }
    assert_ne!(at(listeners.plain, r"OPTIONS * HTTP/1.1\nHost: a.example").0, 308);
}

#[test]
fn a_client_that_follows_is_served_over_tls() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let listeners = listeners();
    let to = |port: u16, address: SocketAddr| format!("a.example:{port}:127.0.0.1:{}", address.port());
    for version in ["--http1.1", "--http2"] {
        let run = Command::new("curl")
            .args(["-sSL", "--max-time", "60", "-w", "%{http_code} %{num_redirects} %{url_effective}", "-o"])
            .args(["/dev/null", version, "--cacert", &listeners.made.path("0.pem")])
            .args(["--connect-to", &to(80, listeners.plain), "--connect-to", &to(8443, listeners.secure)])
            .arg("http://a.example/head")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert_eq!(said, "200 1 https://a.example:8443/head", "{}", listeners.edge.log());
    }
}
