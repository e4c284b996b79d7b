//! Who is let in, and what is taken of a request.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::peers::{Asked, KEY, Peers, Row, are_alike, ask, seen};

// Base64 of "ann:secret" and its like.
const RIGHT: &str = "Authorization: Basic YW5uOnNlY3JldA==";

/// Expect keeps a short body from being buffered where nobody asks for it.
const CHUNKED: Asked =
    ("POST", "/whole", "Transfer-Encoding: chunked\nExpect: 100-continue", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "password",
        keys: &["basic_auth", "basic_auth.users", "basic_auth.realm", "basic_auth.user_header"],
        fosse: "{pass}\n[site.basic_auth]\nrealm = \"staff\"\nusers = [\"ann:$2b$04$FtvF7RzU9z4Usec4mFlgfuax8zAzL3p1cf4qZX27/1sJYK6OAYTKS\"]\nuser_header = \"X-User\"",
        nginx: "auth_basic staff; auth_basic_user_file {dir}/users;\nlocation / { proxy_set_header X-User $remote_user; {pass} }",
        caddy: "basicauth bcrypt staff {\nann $2b$04$FtvF7RzU9z4Usec4mFlgfuax8zAzL3p1cf4qZX27/1sJYK6OAYTKS\n}\n\
                reverse_proxy unix/{app} {\nheader_up X-User {http.auth.user.id}\n}",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/", RIGHT, ""),
            ("HEAD", "/", RIGHT, ""),
            ("POST", "/", RIGHT, "abc"),
            ("GET", "/", "Authorization: basic YW5uOnNlY3JldA==", ""),
            ("GET", "/", "Authorization: Basic YW5uOndyb25n", ""),
            ("GET", "/", "Authorization: Basic Ym9iOnNlY3JldA==", ""),
            ("GET", "/", "Authorization: Basic YW5u", ""),
            ("GET", "/", "Authorization: Basic YW5uOg==", ""),
            ("GET", "/", "Authorization: Basic ????", ""),
            ("GET", "/", "Authorization: Basic", ""),
            ("GET", "/", "Authorization: Bearer YW5uOnNlY3JldA==", ""),
            ("GET", "/", "X-User: root\nAuthorization: Basic YW5uOnNlY3JldA==", ""),
        ],
        headers: &["WWW-Authenticate"],
        asked: &["X-User"],
        ..Row::NONE
    },
    Row {
        name: "password-file",
        keys: &["basic_auth.users_file", "basic_auth.keep_authorization"],
        fosse: "{pass}\nbasic_auth = { realm = \"staff\", users_file = \"users\", keep_authorization = true }",
        nginx: "auth_basic staff; auth_basic_user_file {dir}/users;\nlocation / { {pass} }",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/", RIGHT, ""),
            ("GET", "/", "Authorization: Basic YW5uOndyb25n", ""),
        ],
        headers: &["WWW-Authenticate"],
        asked: &["Authorization"],
        ..Row::NONE
    },
    Row {
        name: "either",
        keys: &["basic_auth.anonymous_networks"],
        fosse: "{pass}\nbasic_auth = { realm = \"staff\", users_file = \"users\", anonymous_networks = [\"10.0.0.0/8\"] }\n\
                [[site.route]]\nprefix = \"/here\"\n\
                basic_auth = { realm = \"staff\", users_file = \"users\", anonymous_networks = [\"127.0.0.0/8\"] }",
        nginx: "satisfy any; auth_basic staff; auth_basic_user_file {dir}/users;\n\
                location / { allow 10.0.0.0/8; deny all; {pass} }\nlocation /here { allow 127.0.0.0/8; deny all; {pass} }",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/", RIGHT, ""),
            ("GET", "/here", "", ""),
            ("GET", "/", "X-Forwarded-For: 10.0.0.1", ""),
        ],
        headers: &["WWW-Authenticate"],
        ..Row::NONE
    },
    Row {
        name: "networks",
        keys: &["allow_networks", "deny_networks"],
        fosse: "{pass}\nallow_networks = [\"127.0.0.0/8\"]\n[[site.route]]\nprefix = \"/others\"\nallow_networks = [\"10.0.0.0/8\"]\n\
                [[site.route]]\nprefix = \"/not\"\nallow_networks = []\ndeny_networks = [\"127.0.0.1\"]",
        nginx: "location / { allow 127.0.0.0/8; deny all; {pass} }\nlocation /others { allow 10.0.0.0/8; deny all; {pass} }\nlocation /not { deny 127.0.0.1; {pass} }",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/others", "", ""),
            ("GET", "/others", "X-Forwarded-For: 10.0.0.1", ""),
            ("GET", "/not", "X-Real-IP: 10.0.0.1", ""),
        ],
        ..Row::NONE
    },
    Row {
        name: "asked",
        keys: &["forward_auth", "forward_auth.backend", "forward_auth.path", "forward_auth.copy_headers"],
        fosse: "{pass}\nforward_auth = { backend = \"asked\", path = \"/status/200\", copy_headers = [\"X-User\"] }\n\
                [[site.route]]\nprefix = \"/401\"\nforward_auth = { backend = \"asked\", path = \"/status/401\" }\n\
                [[site.route]]\nprefix = \"/403\"\nforward_auth = { backend = \"asked\", path = \"/status/403\" }",
        backends: "[[backend]]\nname = \"asked\"\nservers = [\"unix:{app}\"]",
        nginx: "location / { auth_request /auth200; auth_request_set $user $upstream_http_x_user; proxy_set_header X-User $user; {pass} }\n\
                location /401 { auth_request /auth401; {pass} }\nlocation /403 { auth_request /auth403; {pass} }\n\
                location = /auth200 { internal; proxy_pass http://unix:{app}:/status/200; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }\n\
                location = /auth401 { internal; proxy_pass http://unix:{app}:/status/401; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }\n\
                location = /auth403 { internal; proxy_pass http://unix:{app}:/status/403; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }",
        caddy: "forward_auth /401* unix/{app} {\nuri /status/401\n}\nforward_auth /403* unix/{app} {\nuri /status/403\n}\n\
                forward_auth unix/{app} {\nuri /status/200\ncopy_headers X-User\n}\n{pass}",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/", "X-Say: X-User: ann", ""),
            ("POST", "/x?y=1", "X-Say: X-User: ann", "abc"),
            ("GET", "/401", "", ""),
            ("GET", "/401", "X-Say: WWW-Authenticate: Bearer realm=\"a\"", ""),
            ("POST", "/401/x", "", "abc"),
            ("GET", "/403", "", ""),
        ],
        different: &[(
            ("GET", "/", "", ""),
            "Caddy",
            "200 | GET / body 0",
            "200 | GET / x-user: {http.reverse_proxy.header.X-User} body 0",
            "a header that nobody has said is none; what is in its place there would be taken for a user",
        )],
        headers: &["WWW-Authenticate"],
        asked: &["X-User"],
        ..Row::NONE
    },
    Row {
        name: "sent-away",
        keys: &["forward_auth"],
        fosse: "{pass}\nforward_auth = { backend = \"asked\", path = \"/status/302\" }",
        caddy: "forward_auth unix/{app} {\nuri /status/302\n}\n{pass}",
        requests: &[
            ("GET", "/", "X-Say: Location: https://login.example/?back=%2F", ""),
            ("GET", "/", "X-Say: Location: /login\nX-Say: Set-Cookie: a=1", ""),
            ("POST", "/", "X-Say: Location: /login", "abc"),
        ],
        headers: &["Location", "Set-Cookie"],
        ..Row::NONE
    },
    Row {
        name: "signing-in",
        keys: &["forward_auth.sign_in"],
        fosse: "{pass}\nforward_auth = { backend = \"asked\", path = \"/status/401\", sign_in = \"/login?to={path}\" }",
        nginx: "location / { auth_request /auth; error_page 401 = @login; {pass} }\nlocation @login { return 302 /login?to=$uri; }\n\
                location = /auth { internal; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; proxy_pass http://unix:{app}:/status/401; }",
        requests: &[("GET", "/", "", ""), ("HEAD", "/x", "", ""), ("GET", "/x/y", "", "")],
        headers: &["Location"],
        different: &[
            (
                ("GET", "/a&b", "", ""),
                "nginx",
                "302 location: /login?to=/a%26b",
                "302 location: /login?to=/a&b",
                "a value in a query that is not encoded ends where it has an & of its own",
            ),
            (
                ("POST", "/x", "", "abc"),
                "nginx",
                "401",
                "302 location: /login?to=/x",
                "the fields of a form are not thrown away by a redirect",
            ),
        ],
        ..Row::NONE
    },
    Row {
        name: "asked-late",
        keys: &["forward_auth.decision_seconds"],
        fosse: "{pass}\nforward_auth = { backend = \"asked\", path = \"/sleep/60000/\", decision_seconds = 1 }",
        nginx: "location / { auth_request /auth; {pass} }\n\
                location = /auth { internal; proxy_read_timeout 1s; proxy_pass http://unix:{app}:/sleep/60000/; }",
        requests: &[("GET", "/", "", "")],
        different: &[(("GET", "/", "", ""), "nginx", "503", "500", "it is over when who is asked responds again")],
        ..Row::NONE
    },
    Row {
        name: "methods",
        keys: &["methods"],
        fosse: "{pass}\nmethods = [\"GET\", \"HEAD\"]",
        caddy: "@other not method GET HEAD\nheader @other Allow \"GET, HEAD\"\nrespond @other 405\n{pass}",
        requests: &[
            ("GET", "/", "", ""),
            ("HEAD", "/", "", ""),
            ("POST", "/", "", "abc"),
            ("DELETE", "/", "", ""),
            ("OPTIONS", "/", "", ""),
        ],
        headers: &["Allow"],
        ..Row::NONE
    },
    Row {
        name: "body",
        keys: &["body_bytes_max"],
        fosse: "{pass}\nbody_bytes_max = 10",
        nginx: "client_max_body_size 10; location / { {pass} }",
        requests: &[
            ("POST", "/", "", "0123456789"),
            ("POST", "/", "", "0123456789a"),
            ("POST", "/", "Transfer-Encoding: chunked", "a\r\n0123456789\r\n0\r\n\r\n"),
            ("POST", "/", "Transfer-Encoding: chunked", "b\r\n0123456789a\r\n0\r\n\r\n"),
            ("GET", "/", "", "0123456789a"),
            ("POST", "/", "Content-Length: 11\nExpect: 100-continue", ""),
        ],
        ..Row::NONE
    },
    Row {
        name: "underscores",
        keys: &["underscores"],
        fosse: "{pass}\n[[site.route]]\nprefix = \"/pass\"\nunderscores = \"pass\"",
        nginx: "location / { {pass} }",
        requests: &[("GET", "/", "X_Y: 1", ""), ("GET", "/", "X-Y: 1", "")],
        asked: &["X_Y", "X-Y"],
        ..Row::NONE
    },
    Row {
        name: "buffered",
        keys: &["buffer_requests"],
        fosse: "backend = \"whole\"",
        backends: "[[backend]]\nname = \"whole\"\nservers = [\"unix:{app}\"]\nbuffer_requests = true",
        nginx: "location / { {pass} }",
        requests: &[
            ("POST", "/", "", "abc"),
            ("POST", "/", "Transfer-Encoding: chunked", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
            ("PUT", "/x", "Transfer-Encoding: chunked", "0\r\n\r\n"),
        ],
        asked: &["Content-Length", "Transfer-Encoding"],
        ..Row::NONE
    },
    Row {
        name: "by-route",
        keys: &["buffer_requests"],
        fosse: "{pass}\n[[site.route]]\nprefix = \"/whole\"\nbuffer_requests = true\n\
                [[site.route]]\nprefix = \"/whole/not\"\nbuffer_requests = false",
        nginx: "proxy_request_buffering off;\nlocation / { {pass} }\nlocation /whole { proxy_request_buffering on; {pass} }",
        // What nginx does elsewhere depends on how much of the body comes with the head.
        requests: &[CHUNKED, ("POST", "/whole", "", "abc")],
        asked: &["Content-Length", "Transfer-Encoding"],
        ..Row::NONE
    },
    Row {
        name: "slow",
        keys: &["first_byte_seconds"],
        fosse: "{pass}\nfirst_byte_seconds = 1\nretry = false",
        nginx: "location / { proxy_read_timeout 1s; {pass} }",
        requests: &[("GET", "/sleep/60000/", "", ""), ("GET", "/", "", "")],
        ..Row::NONE
    },
];

#[test]
fn requests_are_let_in_and_kept_out_as_elsewhere() {
    are_alike(ROWS);
}

#[test]
fn a_route_says_whether_bodies_are_buffered_whatever_its_site_and_backend_say() {
    let row = ROWS.iter().find(|row| row.name == "by-route").unwrap();
    let servers = Peers::start(&[Row { nginx: "", ..*row }]);
    let asked = |path| seen(row, &ask(servers.edge.address(), row.name, (CHUNKED.0, path, CHUNKED.2, CHUNKED.3)));
    assert_eq!(asked("/whole"), "200 | POST /whole content-length: 5 body 5");
    assert_eq!(asked("/"), "200 | POST / transfer-encoding: chunked body 5");
    assert_eq!(asked("/whole/not"), "200 | POST /whole/not transfer-encoding: chunked body 5");
}

pub(crate) const LINKS: &[Row] = &[Row {
    name: "links",
    keys: &["signed_links", "signed_links.keys", "signed_links.expires_argument", "signed_links.signature_argument"],
    fosse: "{pass}\nsigned_links = { keys = [\"links.key\"], expires_argument = \"until\", signature_argument = \"by\" }",
    nginx: "secure_link $arg_by,$arg_until; secure_link_md5 \"$secure_link_expires$uri secret\";\n\
            location / { if ($secure_link = \"\") { return 403; } if ($secure_link = \"0\") { return 410; } {pass} }",
    ..Row::NONE
}];

/// Returns a link as an application makes it: by the lines that fosse.toml(5) names.
fn link_of_fosse(path: &str, end: u64) -> String {
    let target = format!("{path}?until={end}");
    let lines = format!("fosse-link-1\nlinks.example\n{target}\n");
    let made = openssl(&["dgst", "-sha256", "-hmac", KEY, "-r"], &lines);
    let digits = String::from_utf8(made).unwrap().chars().take(64).collect::<String>();
    format!("{target}&by={digits}")
}

/// Returns a link as nginx's documentation of secure_link has it.
fn link_of_nginx(path: &str, end: u64) -> String {
    let digest = openssl(&["dgst", "-md5", "-binary"], format!("{end}{path} secret"));
    let digits = String::from_utf8(openssl(&["base64", "-A"], digest)).unwrap();
    let digits = digits.replace('+', "-").replace('/', "_").replace('=', "");
    format!("{path}?until={end}&by={digits}")
}

fn openssl(words: &[&str], input: impl AsRef<[u8]>) -> Vec<u8> {
    let mut command = Command::new("openssl");
    let mut child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_ref()).unwrap();
    child.wait_with_output().unwrap().stdout
}

/// What becomes of a link on its way, its method, and the status.
const LINKED: &[(&str, &str, u16)] = &[
    ("as it was made", "GET", 200),
    ("as it was made", "HEAD", 200),
    ("without its signature", "GET", 403),
    ("without its end", "GET", 403),
    ("with another path", "GET", 403),
    ("with a later end", "GET", 403),
    ("with another signature", "GET", 403),
    ("after its end", "GET", 410),
];

#[test]
fn a_link_is_good_where_one_of_nginx_is() {
    let servers = Peers::start(LINKS);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (what, method, expected) in LINKED {
        let end = if *what == "after its end" { now - 60 } else { now + 3600 };
        let changed = |link: String| -> &'static str {
            let (path, signature) = link.split_once("&by=").unwrap();
            let link = match *what {
                "without its signature" => path.to_owned(),
                "without its end" => format!("/film?by={signature}"),
                "with another path" => link.replace("/film", "/other"),
                "with a later end" => link.replace(&end.to_string(), &(end + 1).to_string()),
                "with another signature" => format!("{path}&by={}", signature.chars().rev().collect::<String>()),
                _ => link,
            };
            link.leak()
        };
        let ours = ask(servers.edge.address(), "links", (method, changed(link_of_fosse("/film", end)), "", ""));
        assert_eq!(ours.status, *expected, "{what}");
        for (name, address) in servers.of(&LINKS[0]) {
            let theirs = ask(address, "links", (method, changed(link_of_nginx("/film", end)), "", ""));
            assert_eq!(theirs.status, *expected, "{name}: {what}");
        }
    }
    assert_eq!(servers.edge.alarms(), Vec::<String>::new());
}
