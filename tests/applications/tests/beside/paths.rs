//! Paths: which route a request has, and the path that its application gets.

use crate::peers::{Row, are_alike};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "redirect",
        keys: &["redirect", "redirect_status"],
        fosse: "redirect = \"https://new.example{target}\"\nredirect_status = 301",
        nginx: "return 301 https://new.example$request_uri;",
        caddy: "redir https://new.example{uri} 301",
        requests: &[
            ("GET", "/", "", ""),
            ("HEAD", "/x", "", ""),
            ("POST", "/x", "", "body"),
            ("GET", "/a?b=c&d", "", ""),
            ("GET", "/a%20b%2Fc?x=%20", "", ""),
        ],
        headers: &["Location"],
        ..Row::NONE
    },
    Row {
        name: "groups",
        keys: &["redirect", "regex"],
        fosse: "{pass}\n[[site.route]]\nregex = '^/blog/([0-9]+)/(.*)$'\nredirect = \"/posts/{2}?id={1}\"\nredirect_status = 308",
        nginx: "location ~ ^/blog/([0-9]+)/(.*)$ { return 308 /posts/$2?id=$1; }\nlocation / { {pass} }",
        caddy: "@blog path_regexp blog ^/blog/([0-9]+)/(.*)$\nredir @blog /posts/{re.blog.2}?id={re.blog.1} 308\n{pass}",
        requests: &[
            ("GET", "/blog/7/x", "", ""),
            ("GET", "/blog/7/a/b", "", ""),
            ("GET", "/blog/7/", "", ""),
            ("GET", "/blog/x/y", "", ""),
            ("GET", "/blog/7", "", ""),
            ("GET", "/blog/%37/x", "", ""),
        ],
        headers: &["Location"],
        ..Row::NONE
    },
    Row {
        name: "respond",
        keys: &["respond", "respond_body", "respond_type"],
        fosse: "respond = 410\nrespond_body = \"gone\"\nrespond_type = \"text/plain\"",
        nginx: "default_type text/plain; return 410 gone;",
        caddy: "header Content-Type text/plain\nrespond gone 410",
        requests: &[
            ("GET", "/", "", ""),
            ("HEAD", "/", "", ""),
            ("POST", "/x", "", "body"),
            ("DELETE", "/x?y", "", ""),
        ],
        headers: &["Content-Type", "Content-Length"],
        has_bodies: true,
        ..Row::NONE
    },
    Row {
        name: "order",
        keys: &["path", "prefix", "regex"],
        fosse: "{pass}\n[[site.route]]\npath = \"/exact\"\nrespond = 410\n[[site.route]]\nprefix = \"/pre/\"\nrespond = 404\n\
                [[site.route]]\nregex = '\\.php$'\nrespond = 403",
        nginx: "location = /exact { return 410; }\nlocation ^~ /pre/ { return 404; }\nlocation ~ \\.php$ { return 403; }\nlocation / { {pass} }",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/exact", "", ""),
            ("GET", "/exact?x", "", ""),
            ("GET", "/exact/", "", ""),
            ("GET", "/%65xact", "", ""),
            ("GET", "/a/../exact", "", ""),
            ("GET", "/./exact", "", ""),
            ("GET", "/Exact", "", ""),
            ("GET", "/pre/x", "", ""),
            ("GET", "/pre/x.php", "", ""),
            ("GET", "/pre/../x.php", "", ""),
            ("GET", "/prex", "", ""),
            ("GET", "/x.php", "", ""),
            ("GET", "/x.php?y", "", ""),
            ("GET", "/x.ph%70", "", ""),
            ("GET", "/x.php/y", "", ""),
            ("GET", "/x.PHP", "", ""),
        ],
        ..Row::NONE
    },
    Row {
        name: "glob",
        keys: &["glob"],
        fosse: "{pass}\n[[site.route]]\nglob = \"/files/*.bak\"\nrespond = 404",
        caddy: "@bak path /files/*.bak\nrespond @bak 404\n{pass}",
        requests: &[
            ("GET", "/files/a.bak", "", ""),
            ("GET", "/files/.bak", "", ""),
            ("GET", "/files/a.txt", "", ""),
            ("GET", "/a.bak", "", ""),
            ("GET", "/files/a%2Ebak", "", ""),
        ],
        ..Row::NONE
    },
    Row {
        name: "strip",
        keys: &["strip_prefix"],
        fosse: "{pass}\n[[site.route]]\nprefix = \"/app\"\nbackend = \"app\"\nstrip_prefix = true",
        nginx: "location / { {pass} }\nlocation = /app { proxy_pass http://unix:{app}:/; }\n\
                location /app/ { proxy_pass http://unix:{app}:/; proxy_redirect / /app/; proxy_cookie_path / /app/; }",
        caddy: "redir /none /none\nhandle_path /app/* {\n{pass}\n}\nhandle {\n{pass}\n}",
        requests: &[
            ("GET", "/app/x", "", ""),
            ("GET", "/app/", "", ""),
            ("GET", "/app/x?y=/app/z", "", ""),
            ("GET", "/appx", "", ""),
            ("GET", "/x/app/y", "", ""),
            ("GET", "/app/app/y", "", ""),
            ("GET", "/", "", ""),
        ],
        ..Row::NONE
    },
    Row {
        name: "back",
        keys: &["strip_prefix"],
        fosse: "{pass}\n[[site.route]]\nprefix = \"/app\"\nbackend = \"app\"\nstrip_prefix = true",
        nginx: "location / { {pass} }\n\
                location /app/ { proxy_pass http://unix:{app}:/; proxy_redirect / /app/; proxy_redirect http://back.example/ /app/; proxy_cookie_path / /app/; }",
        requests: &[
            ("GET", "/app/status/302", "X-Say: Location: /login?next=%2Fx", ""),
            ("GET", "/app/status/302", "X-Say: Location: login", ""),
            ("GET", "/app/status/302", "X-Say: Location: https://other.example/login", ""),
            ("GET", "/app/status/201", "X-Say: Location: /made/7#f", ""),
            ("GET", "/app/", "X-Say: Set-Cookie: a=1; Path=/; HttpOnly", ""),
            ("GET", "/app/", "X-Say: Set-Cookie: a=/; path=/deep", ""),
            ("GET", "/app/", "X-Say: Set-Cookie: a=1", ""),
            ("GET", "/status/302", "X-Say: Location: /login", ""),
        ],
        headers: &["Location", "Set-Cookie"],
        ..Row::NONE
    },
    Row {
        name: "add",
        keys: &["add_prefix"],
        fosse: "[[site.route]]\nprefix = \"/\"\nbackend = \"app\"\nadd_prefix = \"/base\"",
        nginx: "location / { proxy_pass http://unix:{app}:/base/; }",
        caddy: "rewrite * /base{uri}\n{pass}",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/x?y=z", "", ""),
            ("GET", "/a/b/", "", ""),
            ("GET", "/base/x", "", ""),
        ],
        ..Row::NONE
    },
    Row {
        name: "rewrite",
        keys: &["rewrite", "regex"],
        fosse: "{pass}\n[[site.route]]\nregex = '^/u/([a-z0-9]+)$'\nbackend = \"app\"\nrewrite = \"/user.php?id={1}\"\n\
                [[site.route]]\nregex = '^/old/(.*)$'\nbackend = \"app\"\nrewrite = \"/new/{1}\"",
        nginx: "location / { rewrite ^/u/([a-z0-9]+)$ /user.php?id=$1? break; rewrite ^/old/(.*)$ /new/$1 break; {pass} }",
        caddy: "@u path_regexp u ^/u/([a-z0-9]+)$\nrewrite @u /user.php?id={re.u.1}\n\
                @old path_regexp old ^/old/(.*)$\nrewrite @old /new/{re.old.1}\n{pass}",
        requests: &[
            ("GET", "/u/7", "", ""),
            ("GET", "/u/ann?id=root", "", ""),
            ("GET", "/u/a.b", "", ""),
            ("GET", "/u/%61nn", "", ""),
            ("GET", "/old/x/y", "", ""),
            ("GET", "/old/x?y=z", "", ""),
            ("GET", "/old/", "", ""),
            ("POST", "/u/7", "", "abc"),
        ],
        ..Row::NONE
    },
    Row {
        name: "when",
        keys: &["when", "when.method", "when.header", "when.query", "when.network"],
        fosse: "{pass}\n[[site.route]]\nprefix = \"/m\"\nrespond = 403\nwhen = { method = [\"POST\", \"PUT\"] }\n\
                [[site.route]]\nprefix = \"/h\"\nrespond = 403\nwhen = { header = [\"X-Beta\", \"X-Env=test*\"] }\n\
                [[site.route]]\nprefix = \"/none\"\nrespond = 403\nwhen = { header = [\"!X-Key\"] }\n\
                [[site.route]]\nprefix = \"/q\"\nrespond = 403\nwhen = { query = [\"a=1\"] }\n\
                [[site.route]]\nprefix = \"/n\"\nrespond = 403\nwhen = { network = [\"10.0.0.0/8\"] }",
        caddy: "@m {\npath /m /m/*\nmethod POST PUT\n}\nrespond @m 403\n@h {\npath /h /h/*\nheader X-Beta *\nheader X-Env test*\n}\nrespond @h 403\n\
                @none {\npath /none /none/*\nheader !X-Key\n}\nrespond @none 403\n@q {\npath /q /q/*\nquery a=1\n}\nrespond @q 403\n\
                @n {\npath /n /n/*\nremote_ip 10.0.0.0/8\n}\nrespond @n 403\n{pass}",
        requests: &[
            ("GET", "/m", "", ""),
            ("POST", "/m", "", "x"),
            ("PUT", "/m/x", "", "x"),
            ("POST", "/mx", "", "x"),
            ("GET", "/h", "", ""),
            ("GET", "/h", "X-Beta: 1", ""),
            ("GET", "/h", "X-Beta: \nX-Env: tests", ""),
            ("GET", "/h", "x-beta: 1\nx-env: testing", ""),
            ("GET", "/h", "X-Beta: 1\nX-Env: prod", ""),
            ("GET", "/h", "X-Beta: 1\nX-Env: prod\nX-Env: test", ""),
            ("GET", "/none", "", ""),
            ("GET", "/none", "X-Key: 1", ""),
            ("GET", "/q", "", ""),
            ("GET", "/q?a=1", "", ""),
            ("GET", "/q?a=2", "", ""),
            ("GET", "/q?b=1&a=1", "", ""),
            ("GET", "/q?a=2&a=1", "", ""),
            ("GET", "/q?%61=%31", "", ""),
            ("GET", "/q?A=1", "", ""),
            ("GET", "/n", "", ""),
            ("GET", "/n", "X-Forwarded-For: 10.1.2.3", ""),
        ],
        different: &[(
            ("GET", "/q?a=2&a=1", "", ""),
            "Caddy",
            "403",
            "200 | GET /q?a=2&a=1 body 0",
            "applications take the first or the last of several: a condition that keeps out must see both",
        )],
        ..Row::NONE
    },
    Row {
        name: "cookies",
        keys: &["when.cookie"],
        fosse: "{pass}\n[[site.route]]\nprefix = \"/\"\nrespond = 403\nwhen = { cookie = [\"beta=yes\"] }",
        nginx: "location / { if ($cookie_beta = yes) { return 403; } {pass} }",
        caddy: "@beta header_regexp Cookie (^|;\\s*)beta=yes\\s*(;|$)\nrespond @beta 403\n{pass}",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/", "Cookie: beta=yes", ""),
            ("GET", "/", "Cookie: a=1; beta=yes; b=2", ""),
            ("GET", "/", "Cookie: beta=no", ""),
            ("GET", "/", "Cookie: alphabeta=yes", ""),
            ("GET", "/", "Cookie: beta=yesterday", ""),
        ],
        ..Row::NONE
    },
    Row {
        name: "upgrade",
        keys: &["upgrade"],
        fosse: "{pass}",
        nginx: "location / { proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; {pass} }",
        caddy: "{pass}",
        requests: &[(
            "GET",
            "/upgrade",
            "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "",
        )],
        headers: &["Upgrade", "Sec-WebSocket-Accept"],
        ..Row::NONE
    },
    Row {
        name: "referer",
        keys: &["when.header"],
        fosse: "{pass}\n[[site.route]]\nglob = \"**\"\nrespond = 403\nwhen = { header = [\"Referer\", \"!Referer=http://friend.example/*\", \"!Referer=https://friend.example/*\"] }",
        nginx: "location / { valid_referers none friend.example/; if ($invalid_referer) { return 403; } {pass} }",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/", "Referer: http://friend.example/x", ""),
            ("GET", "/", "Referer: https://friend.example/", ""),
            ("GET", "/", "Referer: https://evil.example/", ""),
            ("GET", "/", "Referer: https://friend.example.evil.example/", ""),
            ("GET", "/", "Referer: https://evil.example/https://friend.example/", ""),
            ("GET", "/", "Referer: friend.example", ""),
            ("GET", "/", "Referer: x", ""),
        ],
        ..Row::NONE
    },
];

#[test]
fn paths_choose_and_become_what_they_do_elsewhere() {
    are_alike(ROWS);
}
