//! The same settings at fosse, nginx and Caddy, before the same application.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, process::Command};

use fosse_applications::{Server, installed};
use fosse_harness::{Backend, Client, Dir, Edge, Response, free_port};

/// A request: method, target, header lines, body. Lines end in `\n` here.
pub(crate) type Asked = (&'static str, &'static str, &'static str, &'static str);

/// A request, the server that responds to it otherwise, what fosse says, what that one says, and
/// why fosse stays as it is.
pub(crate) type Difference = (Asked, &'static str, &'static str, &'static str, &'static str);

/// A setting in the words of each server. Each row is a site of its own, `NAME.example`. In its
/// texts `{app}` is the socket of the application, `{dir}` a directory with files, and `{pass}`
/// what a server writes to pass requests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub name: &'static str,
    /// Keys of fosse.toml that it is about.
    pub keys: &'static [&'static str],
    /// Lines of the site.
    pub fosse: &'static str,
    /// Backends besides "app" and "files".
    pub backends: &'static str,
    /// Directives of a server; empty where nginx has nothing of the kind.
    pub nginx: &'static str,
    /// Directives of a site; empty where Caddy has nothing of the kind.
    pub caddy: &'static str,
    /// Requests that all of them treat alike.
    pub requests: &'static [Asked],
    /// Headers of responses that are alike.
    pub headers: &'static [&'static str],
    /// Headers that the application gets alike.
    pub asked: &'static [&'static str],
    /// Bodies that are no application's are alike too: they are of the configuration.
    pub has_bodies: bool,
    pub different: &'static [Difference],
}

impl Row {
    /// A row about nothing.
    pub(crate) const NONE: Self = Self {
        name: "",
        keys: &[],
        fosse: "",
        backends: "",
        nginx: "",
        caddy: "",
        requests: &[],
        headers: &[],
        asked: &[],
        has_bodies: false,
        different: &[],
    };
}

/// The key of signed links.
pub(crate) const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c2b7e151628aed2a6abf7158809cf4f3c";
/// A user with the password "secret".
const USERS: &str = "ann:$2b$04$FtvF7RzU9z4Usec4mFlgfuax8zAzL3p1cf4qZX27/1sJYK6OAYTKS\n";
const PAGE: &str = "<p>nothing here</p>\n";
/// The group that may read what is fosse's; none of this machine.
const GROUP: u32 = 54_331;

/// The servers, each with all rows.
pub(crate) struct Peers {
    pub app: Backend,
    pub edge: Edge,
    pub peers: Vec<(&'static str, SocketAddr, Server)>,
    _dir: Dir,
}

impl Peers {
    /// Starts them; a server that is not installed is not among them.
    pub(crate) fn start(rows: &[Row]) -> Self {
        let (app, dir, own) = (Backend::start(), files(), Dir::new());
        let texts = Texts { app: app.path().display().to_string(), dir: dir.path().display().to_string() };
        for (name, text) in [("links.key", KEY), ("users", USERS), ("404.html", PAGE)] {
            let path = own.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            std::os::unix::fs::chown(&path, None, Some(GROUP)).unwrap();
        }
        let edge = Edge::in_directory(own, &texts.fosse(rows), &[]);
        let nginx = texts.nginx(rows, &dir).map(|(address, server)| ("nginx", address, server));
        let caddy = texts.caddy(rows, &dir).map(|(address, server)| ("Caddy", address, server));
        let peers = nginx.into_iter().chain(caddy).collect();
        Self { app, edge, peers, _dir: dir }
    }

    /// Returns the other servers that have a row.
    pub(crate) fn of(&self, row: &Row) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let has = |name: &str| !(if name == "nginx" { row.nginx } else { row.caddy }).is_empty();
        self.peers.iter().filter(move |peer| has(peer.0)).map(|peer| (peer.0, peer.1))
    }
}

/// Asks all servers all that rows say, and compares.
pub(crate) fn are_alike(rows: &[Row]) {
    let servers = Peers::start(rows);
    let mut found = Vec::new();
    for row in rows {
        assert!(!row.nginx.is_empty() || !row.caddy.is_empty(), "{}: beside whom?", row.name);
        for asked in row.requests {
            let ours = seen(row, &ask(servers.edge.address(), row.name, *asked));
            for (name, address) in servers.of(row) {
                let is_listed = row.different.iter().any(|(other, peer, ..)| other == asked && *peer == name);
                let theirs = seen(row, &ask(address, row.name, *asked));
                if theirs != ours && !is_listed {
                    found.push(format!("{} {asked:?}\n  fosse  {ours}\n  {name:6} {theirs}", row.name));
                }
            }
        }
        for (asked, peer, ours, theirs, reason) in row.different {
            let said = seen(row, &ask(servers.edge.address(), row.name, *asked));
            if said != *ours {
                found.push(format!("{} {asked:?}: {said} and not {ours}: {reason}", row.name));
            }
            for (name, address) in servers.of(row).filter(|(name, _)| name == peer) {
                let said = seen(row, &ask(address, row.name, *asked));
                if said != *theirs {
                    found.push(format!("{} {asked:?}: {name} says {said} and not {theirs}", row.name));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(servers.edge.alarms(), Vec::<String>::new());
}

/// Sends a request to the site of a row.
pub(crate) fn ask(address: SocketAddr, site: &str, (method, target, fields, body): Asked) -> Response {
    let mut client = Client::connect(address);
    let lines: String = fields.split('\n').filter(|line| !line.is_empty()).map(|line| format!("{line}\r\n")).collect();
    let is_framed = fields.contains("Content-Length") || fields.contains("Transfer-Encoding");
    let length =
        if body.is_empty() || is_framed { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: {site}.example\r\nConnection: close\r\n{lines}{length}\r\n");
    client.send(format!("{head}{body}").as_bytes());
    loop {
        let response = client.try_response(method == "HEAD");
        let response = response.unwrap_or_else(|| panic!("{site} at {address}: no response to {method} {target}"));
        if response.status != 100 {
            return response;
        }
    }
}

/// Returns what must be alike of a response.
pub(crate) fn seen(row: &Row, response: &Response) -> String {
    let mut out = response.status.to_string();
    for name in row.headers {
        // Each on its own: whether a server writes two lines or one is its own business.
        let prefix = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        let mut values: Vec<&str> =
            response.head.lines().filter(prefix).filter_map(|line| Some(line.split_once(':')?.1.trim())).collect();
        values.sort_unstable();
        values.iter().for_each(|value| out += &format!(" {}: {}", name.to_ascii_lowercase(), without_charset(value)));
    }
    let text = response.text();
    if text.contains("\nbody ") || text.starts_with("body ") {
        out += &format!(" | {}", application(row, &text));
    } else if (row.has_bodies || response.status < 300) && response.header("content-encoding").is_none() {
        let shown: String = text.chars().take(60).collect();
        out += &format!(" | {}", shown.escape_debug());
    }
    out
}

/// Returns a value without the coding of its characters: fosse says which one it is of its own
/// texts and files, and of the names of users (RFC 7617, section 2.1); others leave that to the
/// client.
fn without_charset(value: &str) -> String {
    let value = value.trim_end_matches("; charset=utf-8");
    value.trim_end_matches(", charset=\"UTF-8\"").to_owned()
}

/// Returns what the application was asked: its own words are the head of the request.
fn application(row: &Row, text: &str) -> String {
    let mut lines = text.lines();
    let mut out =
        lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").trim_end_matches(" HTTP/1.0").to_owned();
    let fields: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    for name in row.asked {
        for field in &fields {
            if let Some((key, value)) = field.split_once(':')
                && key.eq_ignore_ascii_case(name)
            {
                out += &format!(" {}: {}", name.to_ascii_lowercase(), value.trim());
            }
        }
    }
    out + " " + text.lines().next_back().unwrap_or_default()
}

/// A directory with files, and a user's password.
fn files() -> Dir {
    let dir = Dir::new();
    let files =
        [("files/a.txt", "0123456789"), ("files/sub/b.txt", "below"), ("files/404.html", PAGE), ("users", USERS)];
    for (name, text) in files {
        let path = dir.join(name);
        let parent = path.parent().unwrap();
        fs::create_dir_all(parent).unwrap();
        fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    dir
}

/// What stands for the marks of rows.
struct Texts {
    app: String,
    dir: String,
}

impl Texts {
    fn filled(&self, text: &str, pass: &str) -> String {
        text.replace("{pass}", pass).replace("{app}", &self.app).replace("{dir}", &self.dir)
    }

    fn fosse(&self, rows: &[Row]) -> String {
        let site = |row: &Row| {
            let lines = self.filled(row.fosse, "backend = \"app\"");
            format!("[[site]]\nhosts = [\"{}.example\"]\nwaf = \"off\"\n{lines}\n", row.name)
        };
        let sites: String = rows.iter().map(site).collect();
        let more: String = rows.iter().map(|row| self.filled(row.backends, "") + "\n").collect();
        format!(
            "uid_base = {{uid_base}}\nlanes = 1\ngroup = {GROUP}\n[[listen]]\naddress = \"{{address}}\"\n{sites}\
             [[backend]]\nname = \"app\"\nservers = [\"unix:{}\"]\n[[backend]]\nname = \"files\"\nfiles = \"{}/files\"\n{more}",
            self.app, self.dir
        )
    }

    fn nginx(&self, rows: &[Row], dir: &Dir) -> Option<(SocketAddr, Server)> {
        rows.iter().find(|row| !row.nginx.is_empty())?;
        let (program, port) = (installed("nginx")?, free_port());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {}/temp-{name};\n", self.dir))
            .concat();
        let pass = "proxy_pass http://unix:{app}:;";
        let server = |row: &Row| {
            let lines = self.filled(row.nginx, pass);
            format!("server {{ listen 127.0.0.1:{port}; server_name {}.example;\n{lines}\n}}\n", row.name)
        };
        let servers: String = rows.iter().filter(|row| !row.nginx.is_empty()).map(server).collect();
        let text = format!(
            "daemon off; pid {}/nginx.pid; worker_processes 1;\nevents {{}}\nhttp {{ access_log off; {temporary}\
             proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection \"\"; absolute_redirect off;\n\
             proxy_cache_path {}/temp-cache keys_zone=kept:1m;\n{servers}}}\n",
            self.dir, self.dir
        );
        let path = dir.join("nginx.conf");
        fs::write(&path, text).unwrap();
        let server = Server::start(Command::new(program).args(["-e", "stderr", "-c"]).arg(path), dir).on_port(port);
        Some((([127, 0, 0, 1], port).into(), server))
    }

    fn caddy(&self, rows: &[Row], dir: &Dir) -> Option<(SocketAddr, Server)> {
        rows.iter().find(|row| !row.caddy.is_empty())?;
        let (program, port) = (installed("caddy")?, free_port());
        let site = |row: &Row| {
            let lines = self.filled(row.caddy, "reverse_proxy unix/{app}");
            format!("http://{}.example:{port} {{\nbind 127.0.0.1\n{lines}\n}}\n", row.name)
        };
        let sites: String = rows.iter().filter(|row| !row.caddy.is_empty()).map(site).collect();
        let path = dir.join("Caddyfile");
        fs::write(&path, format!("{{\nadmin off\nauto_https off\n}}\n{sites}")).unwrap();
        let mut command = Command::new(program);
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(path).env("HOME", dir.path());
        let server = Server::start(&mut command, dir).on_port(port);
        Some((([127, 0, 0, 1], port).into(), server))
    }
}
