//! An edge with rules, and requests for it.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod application;

use std::path::{Path, PathBuf};

use fosse_harness::{Backend, Client, Dir, Edge, Response};

/// What modsecurity.conf-recommended does for bodies, and the set-up of the Core Rule Set follows.
const BODIES: &str = r#"
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.'"
"#;

/// The published Core Rule Set, or one line about what is missing.
pub(crate) fn core_rule_set() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/crs4");
    let found = path.join("rules").is_dir();
    if !found {
        println!("skipped: no Core Rule Set at {}", path.display());
    }
    found.then_some(path)
}

/// A directory with rules.
pub(crate) fn rules(text: &str) -> Dir {
    let dir = Dir::new();
    std::fs::write(dir.join("own.conf"), text).unwrap();
    dir
}

/// A directory with the Core Rule Set and what comes before it.
pub(crate) fn with_core_rule_set(from: &Path) -> Dir {
    let dir = rules(BODIES);
    std::fs::copy(from.join("crs-setup.conf.example"), dir.join("own2.conf")).unwrap();
    for entry in std::fs::read_dir(from.join("rules")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        std::fs::copy(&path, dir.join(&name)).unwrap();
    }
    dir
}

/// An edge of one lane with the rules of a directory: files `own*.conf`, then those in capitals.
/// `site` are more lines of its one site.
pub(crate) fn edge(backend: &Backend, rules: &Dir, site: &str) -> Edge {
    edge_before(&backend.address(), rules, site, "")
}

/// The same before any application, with more lines of configuration.
pub(crate) fn edge_before(address: &str, rules: &Dir, site: &str, more: &str) -> Edge {
    let path = rules.path().display();
    let configuration = format!(
        "lanes = 1\naudit_log = \"audit\"\n{more}\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\n\
         servers = [\"{}\"]\n[[site]]\ndefault = true\nbackend = \"app\"\nrules = [\"{path}/own*.conf\"{}]\n{site}\n",
        address,
        if rules.join("REQUEST-901-INITIALIZATION.conf").exists() {
            format!(", \"{path}/RE*.conf\"")
        } else {
            String::new()
        },
    );
    Edge::with_config(&configuration, &["--dir", &rules.path().to_string_lossy()])
}

/// A request with these lines of header and this body.
pub(crate) fn request(line: &str, fields: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n");
    fields.iter().for_each(|field| head.push_str(&format!("{field}\r\n")));
    if !body.is_empty() || line.starts_with("POST") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// The response on a connection of its own; `None` where there is none.
pub(crate) fn ask(edge: &Edge, request: &[u8]) -> Option<Response> {
    let mut client = Client::connect(edge.address());
    // A denial may come before everything is sent.
    let _ = client.try_send(request);
    client.try_response(false)
}

/// The status alone, 0 where there is none.
pub(crate) fn status(edge: &Edge, request: &[u8]) -> u16 {
    ask(edge, request).map_or(0, |response| response.status)
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const JSON: &str = "Content-Type: application/json";
const XML: &str = "Content-Type: text/xml";
const PARTS: &str = "Content-Type: multipart/form-data; boundary=XX";

/// Percent-encoded as browsers do it (RFC 3986, section 2.3), slashes left alone.
pub(crate) fn encoded(text: &str) -> String {
    let one = |b: u8| {
        if b.is_ascii_alphanumeric() || b"-._~/".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }
    };
    text.bytes().map(one).collect()
}

/// A part named `a` of a multipart body.
pub(crate) fn part(text: &str) -> Vec<u8> {
    format!("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{text}\r\n--XX--\r\n").into_bytes()
}

/// A text in each place that applications read.
pub(crate) fn everywhere(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let value = encoded(text);
    let (json, xml) =
        (text.replace('\\', "\\\\").replace('"', "\\\""), text.replace('&', "&amp;").replace('<', "&lt;"));
    let attribute = xml.replace('"', "&quot;");
    vec![
        ("query", request(&format!("GET /?q={value}"), &[], b"")),
        ("cookie", request("GET /", &[&format!("Cookie: a={value}")], b"")),
        ("form", request("POST /", &[FORM], format!("a={value}").as_bytes())),
        ("multipart", request("POST /", &[PARTS], &part(text))),
        ("JSON", request("POST /", &[JSON], format!("{{\"a\":{{\"b\":[\"{json}\"]}}}}").as_bytes())),
        ("XML", request("POST /", &[XML], format!("<a><b>{xml}</b></a>").as_bytes())),
        ("XML attribute", request("POST /", &[XML], format!("<a><b c=\"{attribute}\"/></a>").as_bytes())),
    ]
}

/// A text in the places of a head that few look at.
pub(crate) fn in_heads(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("path", request(&format!("GET /files/{}", encoded(text)), &[], b"")),
        ("name", request(&format!("GET /?{}=1", encoded(text)), &[], b"")),
        ("referer", request("GET /", &[&format!("Referer: https://www.example.org/?q={}", encoded(text))], b"")),
        ("header", request("GET /", &[&format!("X-Client-Info: {text}")], b"")),
    ]
}
