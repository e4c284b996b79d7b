//! Who may ask: other servers, passwords, signed links and pages of other origins.

#[test]
fn every_mistake_about_a_check_of_who_asks_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
forward_auth = true
[[site]]
hosts = ["b.org"]
backend = "app"
[site.forward_auth]
path = "auth"
copy_headers = ["X-Forwarded-For", "Content-Length", "X-User"]
decision_seconds = 0
sign_in = "//x/{1}"
[site.request_headers]
set = { "x-user" = "me", "X-Name" = "{header.X-USER}" }
[[site]]
hosts = ["c.org"]
backend = "app"
forward_auth = { backend = "ap", path = "/auth" }
[[site.route]]
path = "/x"
forward_auth = { backend = "php", path = "/auth", copy_headers = ["X-User"] }
request_headers = { default = { "X-User" = "nobody" } }
[[backend]]
name = "php"
servers = ["127.0.0.1:9000"]
fastcgi = { root = "/srv", front_controller = "/i.php" }"#, &[
        "fosse.toml:13:16: forward_auth = true does not say how; write it as a table",
        "fosse.toml:17:1: [site.forward_auth] needs backend; it takes a name of small letters, digits, - and _",
        "fosse.toml:18:8: path: \"auth\" does not begin with a slash; write the path alone, as in \"/health\"",
        "fosse.toml:19:17: copy_headers: \"X-Forwarded-For\" is written by fosse alone; remove it",
        "fosse.toml:19:36: copy_headers: \"Content-Length\" belongs to the connection, and is written by fosse alone; remove it",
        "fosse.toml:20:20: decision_seconds must be between 1 and 60 seconds",
        "fosse.toml:21:11: sign_in: \"//x/{1}\" is no place to go to; begin it with \"https://\", \"http://\" or a slash",
        "fosse.toml:23:7: x-user comes from forward_auth, by copy_headers; remove it from one of the two",
        "fosse.toml:23:7: {header.X-User} is what the client sent, whatever forward_auth says; remove it",
        "fosse.toml:27:28: there is no backend \"ap\"; did you mean \"app\"?",
        "fosse.toml:30:28: backend \"php\" speaks FastCGI, and forward_auth asks by HTTP/1.1; name one without a table fastcgi",
        "fosse.toml:31:31: X-User comes from forward_auth, by copy_headers; remove it from one of the two",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
[site.signed_links]
keys = []
[[site]]
hosts = ["b.org"]
backend = "app"
[[site.route]]
prefix = "/a"
[site.route.signed_links]
keys = []
[[site.route]]
prefix = "/b"
[site.route.signed_links]
bind_client = true
[[site.route]]
prefix = "/c"
[site.route.signed_links]
keys = ["a.key", "a.key"]
expires_argument = "x-y"
signature_argument = "XY"
[[site.route]]
prefix = "/d"
[site.route.signed_links]
keys = ["a.key", "b.key", "c.key"]
expires_argument = "-"
signature_argument = "a b""#, &[
        "fosse.toml:14:8: keys must have between 1 and 2 entries",
        "fosse.toml:21:8: keys must have between 1 and 2 entries",
        "fosse.toml:24:1: [site.signed_links] needs keys; it takes the path of a file, relative to the directory of the configuration",
        "fosse.toml:28:1: applications may take the two arguments for one; give them names of other letters and digits",
        "fosse.toml:29:18: this file is named twice; remove one",
        "fosse.toml:35:8: keys must have between 1 and 2 entries",
        "fosse.toml:36:20: an argument without a letter has no name; write a word",
        "fosse.toml:37:22: signature_argument: \"a b\" is not the name of an argument in letters, digits, - and _",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
[site.basic_auth]
realm = "say \"hi\""
user_header = "Authorization"
[[site.route]]
prefix = "/a"
basic_auth = { users = ["ann", "bob:plain", "carl:$apr1$x$y", ":x"] }
[[site.route]]
prefix = "/b"
[site.route.basic_auth]
users = ["ann:$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", "ann:$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."]
user_header = "X-User"
[site.route.request_headers]
set = { X-USER = "me", X-Name = "{header.x-user}" }
[[site.route]]
prefix = "/c"
basic_auth = true
[[site.route]]
prefix = "/d"
basic_auth = {}
[[site.route]]
prefix = "/e"
basic_auth = { users = ["ann:$2y$14$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."], user_header = "X-Forwarded-For" }"#, &[
        "fosse.toml:13:1: [site.basic_auth] has no users; add users_file = \"FILE\", or users",
        "fosse.toml:14:9: realm: \"say \\\"hi\\\"\" cannot be shown by every browser; write up to 64 ASCII characters without quotes and backslashes",
        "fosse.toml:15:15: user_header: \"Authorization\" is what clients send the password in; write another name, or keep_authorization = true",
        "fosse.toml:18:25: users: a line is NAME:HASH, and this one has no colon",
        "fosse.toml:18:32: users: this is no hash of a password; make another one with \"fosse password\" or \"htpasswd -B -C 11\"",
        "fosse.toml:18:45: users: MD5 (apr1) is guessed by the billion a second; make another one with \"fosse password\" or \"htpasswd -B -C 11\"",
        "fosse.toml:18:63: users: a name has 1 to 255 bytes and no control character",
        "fosse.toml:22:78: a user of this name is named before; remove one",
        "fosse.toml:25:7: X-USER comes from basic_auth, by user_header; remove it from one of the two",
        "fosse.toml:25:7: {header.X-User} is what the client sent, whatever basic_auth says; remove it",
        "fosse.toml:28:14: basic_auth = true does not say how; write it as a table",
        "fosse.toml:31:14: [site.basic_auth] has no users; add users_file = \"FILE\", or users",
        "fosse.toml:34:25: users: a bcrypt cost of 14 is not between 4 and 13; make another one with \"fosse password\" or \"htpasswd -B -C 11\"",
        "fosse.toml:34:108: user_header: \"X-Forwarded-For\" is written by fosse alone; remove it",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
methods = ["GET"]
[site.cors]
origins = ["*", "null", "https://a.example/", "a.example", "https://a.example:x"]
credentials = true
[[site]]
hosts = ["b.org"]
backend = "app"
cors = { origins = [] }
response_headers.set = { access-control-allow-origin = "*" }
[[site]]
hosts = ["c.org"]
backend = "app"
cors = { origins = ["*", "https://a.example"], credentials = true }"#, &[
        "fosse.toml:14:1: browsers ask by OPTIONS before such a request, and methods leaves it out; add \"OPTIONS\" to methods",
        "fosse.toml:15:12: \"*\" covers all origins; remove the others, or \"*\"",
        "fosse.toml:15:17: origins: \"null\" is the origin of whatever a page puts into a frame; remove it",
        "fosse.toml:15:25: origins: \"https://a.example/\" is more than an origin; write scheme and host alone, without a slash at the end",
        "fosse.toml:15:47: origins: \"a.example\" has no scheme; write https://HOST",
        "fosse.toml:15:60: origins: \"https://a.example:x\" has no port; write a number, or leave it out",
        "fosse.toml:16:15: with \"*\" every page of the web could act as whoever looks at it; list the origins, or remove credentials",
        "fosse.toml:20:20: origins must have between 1 and 64 entries",
        "fosse.toml:21:24: Access-Control-Allow-Origin is written by cors; remove it from one of the two",
        "fosse.toml:25:21: \"*\" covers all origins; remove the others, or \"*\"",
        "fosse.toml:25:62: with \"*\" every page of the web could act as whoever looks at it; list the origins, or remove credentials",
    ]),
];
