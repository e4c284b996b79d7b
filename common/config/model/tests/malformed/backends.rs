//! Backends: their servers and files, what is spoken to them, and their limits.

#[test]
fn every_mistake_about_a_backend_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"[backend.fastcgi]
root = "srv/www"
scripts = ["/a/*/x.php", "/**.php", "x.php", "/a/../x.php", "/a/"]
front_controller = "/*.php"
index = "a/index.php"
params = { HTTP_PROXY = "x", SCRIPT_NAME = "x", lower = "x", A = 1 }"#, &[
        "fosse.toml:11:8: root: \"srv/www\" does not begin with a slash; write the whole path",
        "fosse.toml:12:12: scripts: \"/a/*/x.php\" has a star too many, or too early; spell the directories out, with one star in the last part",
        "fosse.toml:12:26: scripts: \"/**.php\" has a star too many, or too early; spell the directories out, with one star in the last part",
        "fosse.toml:12:37: scripts: \"x.php\" does not begin with a slash; write \"/x.php\"",
        "fosse.toml:12:46: scripts: \"/a/../x.php\" holds an empty, \".\" or \"..\" part; write the plain path",
        "fosse.toml:12:61: scripts: \"/a/\" is a directory; name the script in it",
        "fosse.toml:13:20: front_controller: \"/*.php\" is more than a path; leave out query, fragment and stars",
        "fosse.toml:14:9: index: \"a/index.php\" is a path; write the name alone",
        "fosse.toml:15:12: params: HTTP_PROXY would be taken for a header of the client; choose another name",
        "fosse.toml:15:30: params: SCRIPT_NAME is written from the request; remove it",
        "fosse.toml:15:49: params: \"lower\" is not a parameter; use capital letters, digits and _",
        "fosse.toml:15:66: A takes a text, this is a number",
    ]),
    (r#"upgrade = ["websocket"]
proxy_protocol = "v2"
[backend.health]
path = "/"
[backend.fastcgi]
root = "/srv/www""#, &[
        "fosse.toml:10:11: no connection of FastCGI can be upgraded; remove the line",
        "fosse.toml:11:18: no server of FastCGI takes a PROXY header; it is told REMOTE_ADDR; remove the line",
        "fosse.toml:13:8: checks speak HTTP, and these servers FastCGI; remove the line",
        "fosse.toml:14:1: no script is named: every request would get 404; add front_controller = \"/index.php\", or scripts",
    ]),
    (r#"protocol = "h3""#, &[
        "fosse.toml:10:12: protocol takes \"http/1.1\", \"h2\" or \"grpc\", not \"h3\"; did you mean \"h2\"?",
    ]),
    (r#"protocol = "h2"
upgrade = ["websocket"]
proxy_protocol = "v1"
lenient_responses = true"#, &[
        "fosse.toml:11:11: no connection of HTTP/2 can be upgraded; remove it, or protocol = \"h2\"",
        "fosse.toml:12:18: connections of HTTP/2 are shared between clients, and a PROXY header names one; remove it, or protocol = \"h2\"",
        "fosse.toml:13:21: there are no lines in HTTP/2 to be lenient about; remove it, or protocol = \"h2\"",
    ]),
    (r#"protocol = "h2"
[backend.fastcgi]
root = "/srv/www"
front_controller = "/index.php""#, &[
        "fosse.toml:11:1: servers speak one protocol, and HTTP/2 is another one than FastCGI; remove it, or protocol = \"h2\"",
    ]),
    (r#"[[backend]]
name = "app"
servers = ["127.0.0.1:3000"]"#, &[
        "fosse.toml:11:8: there is an earlier backend \"app\"; give it another name",
    ]),
    (r#"[[backend]]
name = "My App"
servers = []"#, &[
        "fosse.toml:11:8: name: \"My App\" is not a name; use up to 32 small letters, digits, - and _",
        "fosse.toml:12:11: a backend has between 1 and 64 servers, not 0; name them in servers or in [[backend.server]], or a directory in files",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
files = "/srv/www"
proxy_protocol = "v2"
health = { path = "/" }
[[backend]]
name = "three"
files = "srv/www"
[[backend]]
name = "four"
files = "/srv/www"
index = [".htaccess", "a/b"]
[[backend]]
name = "five"
servers = ["127.0.0.1:1"]
index = ["home.html"]"#, &[
        "fosse.toml:12:11: servers is for servers, and this backend serves files; remove one",
        "fosse.toml:14:18: proxy_protocol is for servers, and this backend serves files; remove one",
        "fosse.toml:15:19: a check is for servers, and this backend serves files; remove one",
        "fosse.toml:18:9: files: \"srv/www\" does not begin with a slash; write the whole path",
        "fosse.toml:22:10: index: \".htaccess\" is not the name of a file",
        "fosse.toml:22:23: index: \"a/b\" is a path; write the name alone",
        "fosse.toml:26:9: index is for a backend that serves files; add files",
    ]),
    (r#"[[backend]]
name = "two"
files = "/srv/www"
try_files = ["$path", "$path/index.php", "index.html", "/docs/", "/.env", "$path.html"]
precompressed = ["deflate"]
[[backend.cache_control]]
paths = ["assets/*"]
value = "no-cache; x"
[[backend]]
name = "three"
servers = ["127.0.0.1:1"]
try_files = ["/index.html"]
precompressed = ["gzip"]
[[backend]]
name = "four"
root = "/srv/www"
gzip_static = true
[[site]]
hosts = ["files.example"]
root = "/srv/www"
try_files = ["$path"]"#, &[
        "fosse.toml:13:23: try_files: \"$path/index.php\" is no name of a file; write an ending after $path, as in \"$path.html\"",
        "fosse.toml:13:42: try_files: \"index.html\" does not begin with a slash; write \"/index.html\"",
        "fosse.toml:13:56: try_files: \"/docs/\" is the path of a directory; name a file in it",
        "fosse.toml:13:66: try_files: \"/.env\" has a name that begins with a dot, which is served to nobody",
        "fosse.toml:14:18: precompressed takes \"br\", \"zstd\" or \"gzip\", not \"deflate\"",
        "fosse.toml:16:10: paths: \"assets/*\" is no path; begin with a slash or a star",
        "fosse.toml:17:9: value: \"no-cache; x\" is no value of Cache-Control",
        "fosse.toml:21:13: try_files is for a backend that serves files; add files",
        "fosse.toml:22:17: precompressed is for a backend that serves files; add files",
        "fosse.toml:23:1: a backend has between 1 and 64 servers, not 0; name them in servers or in [[backend.server]], or a directory in files",
        "fosse.toml:25:1: unknown key \"root\" in [[backend]]; did you mean files?",
        "fosse.toml:26:1: unknown key \"gzip_static\" in [[backend]]; did you mean precompressed?",
        "fosse.toml:27:1: [[site]] has neither backend nor routes; add backend = \"NAME\"",
        "fosse.toml:29:1: unknown key \"root\" in [[site]]; a [[backend]] with files = \"/srv/www\" serves a directory",
        "fosse.toml:30:1: unknown key \"try_files\" in [[site]]; it belongs in [[backend]]",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["10.0.0.1:80", "0.0.0.0:80", "localhost:+300", "unix:/run/a.sock", "unix:/run/a.sock", "http://127.0.0.1:80"]"#, &[
        "fosse.toml:12:12: 10.0.0.1:80 is not on this machine's loopback: requests would cross the network in the clear; if that is meant, add remote = true",
        "fosse.toml:12:27: servers: 0.0.0.0:80 is not the address of a server",
        "fosse.toml:12:41: servers: \"localhost:+300\" is not an address; the port is a number from 1 to 65535",
        "fosse.toml:12:79: this server is named twice here; remove one",
        "fosse.toml:12:99: servers: \"http://127.0.0.1:80\" is not an address; leave out the scheme",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
[[backend.server]]
address = "127.0.0.1:1"
weight = 257
[[backend.server]]
weight = "2"
backup = "yes"
[[backend.server]]
address = "10.0.0.1:80""#, &[
        "fosse.toml:14:11: this server is named twice here; remove one",
        "fosse.toml:15:10: weight must be between 0 and 256",
        "fosse.toml:16:1: [[backend.server]] needs address; it takes an address such as \"unix:/run/app.sock\", \"127.0.0.1:3000\", \"localhost:3000\", \"app.internal:3000\" or \"https://app.internal\"",
        "fosse.toml:17:10: weight takes a whole number, this is a string; remove the quotes",
        "fosse.toml:18:10: backup takes true or false, this is a string",
        "fosse.toml:20:11: 10.0.0.1:80 is not on this machine's loopback: requests would cross the network in the clear; if that is meant, add remote = true",
    ]),
];
