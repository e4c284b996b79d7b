//! Responses: their headers, pages of errors, files that applications name, codings.

use crate::peers::{Row, are_alike};

const ERRORS: &str =
    "{pass}\nintercept_errors = [404, 503]\nerror = [{ status = [404], text = \"<p>nothing here</p>\\n\" }]";

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "response-headers",
        keys: &[
            "response_headers",
            "replace.header",
            "replace.regex",
            "replace.value",
            "response_headers.set",
            "response_headers.add",
            "response_headers.remove",
            "response_headers.default",
            "response_headers.replace",
        ],
        fosse: "{pass}\n[site.response_headers]\nset = { X-Frame-Options = \"DENY\" }\nadd = { X-More = \"2\" }\nremove = [\"X-Secret\"]\n\
                default = { X-Default = \"ours\" }\nreplace = [{ header = \"X-Part\", regex = \"internal\", value = \"public\" }]",
        caddy: "header {\n?X-Default ours\n}\nreverse_proxy unix/{app} {\nheader_down X-Frame-Options DENY\nheader_down +X-More 2\nheader_down -X-Secret\n\
                header_down X-Part internal public\n}",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/", "X-Say: X-Frame-Options: ALLOW", ""),
            ("GET", "/", "X-Say: X-More: 1", ""),
            ("GET", "/", "X-Say: x-secret: 1", ""),
            ("GET", "/", "X-Say: X-Default: theirs", ""),
            ("GET", "/", "X-Say: X-Part: an internal one", ""),
            ("GET", "/status/404", "X-Say: X-More: 1", ""),
            ("GET", "/status/304", "", ""),
        ],
        headers: &["X-Frame-Options", "X-More", "X-Secret", "X-Default", "X-Part"],
        ..Row::NONE
    },
    Row {
        name: "always",
        keys: &["response_headers.add", "response_headers.remove"],
        fosse: "{pass}\n[site.response_headers]\nadd = { X-More = \"{method} {host}\" }\nremove = [\"X-Secret\"]",
        nginx: "location / { add_header X-More \"$request_method $host\" always; proxy_hide_header X-Secret; {pass} }",
        requests: &[
            ("GET", "/", "", ""),
            ("HEAD", "/", "", ""),
            ("GET", "/", "X-Say: X-More: 1\nX-Say: X-Secret: 2", ""),
            ("GET", "/status/500", "", ""),
            ("GET", "/status/204", "", ""),
        ],
        headers: &["X-More", "X-Secret"],
        ..Row::NONE
    },
    Row {
        name: "request-headers",
        keys: &[
            "request_headers",
            "request_headers.set",
            "request_headers.add",
            "request_headers.remove",
            "request_headers.replace",
            "backend_host",
        ],
        fosse: "{pass}\nbackend_host = \"app.internal\"\n[site.request_headers]\nset = { X-Client = \"{client_address}\" }\nadd = { X-More = \"2\" }\nremove = [\"X-Secret\"]\n\
                replace = [{ header = \"X-Part\", regex = \"internal\", value = \"public\" }]",
        caddy: "reverse_proxy unix/{app} {\nheader_up Host app.internal\nheader_up X-Client {remote_host}\nheader_up +X-More 2\nheader_up -X-Secret\nheader_up X-Part internal public\n}",
        nginx: "location / { proxy_set_header Host app.internal; proxy_set_header X-Client $remote_addr; proxy_set_header X-Secret \"\"; {pass} }",
        requests: &[
            ("GET", "/", "X-Client: 6.6.6.6", ""),
            ("GET", "/", "X-Secret: 1\nx-secret: 2", ""),
            ("POST", "/", "", "abc"),
        ],
        asked: &["Host", "X-Client", "X-Secret", "X-Part"],
        different: &[],
        ..Row::NONE
    },
    Row {
        name: "request-parts",
        keys: &["request_headers.add", "request_headers.replace"],
        fosse: "{pass}\n[site.request_headers]\nadd = { X-More = \"2\" }\nreplace = [{ header = \"X-Part\", regex = \"internal\", value = \"public\" }]",
        caddy: "reverse_proxy unix/{app} {\nheader_up +X-More 2\nheader_up X-Part internal public\n}",
        requests: &[
            ("GET", "/", "", ""),
            ("GET", "/", "X-More: 1", ""),
            ("GET", "/", "X-Part: an internal one", ""),
            ("GET", "/", "X-Part: other", ""),
        ],
        asked: &["X-More", "X-Part"],
        ..Row::NONE
    },
    Row {
        name: "errors",
        keys: &["error", "error.status", "error.text", "intercept_errors"],
        fosse: ERRORS,
        nginx: "proxy_intercept_errors on; error_page 404 /404.html; error_page 503 /none.html; root {dir}/files;\n\
                location = /404.html { internal; }\nlocation / { {pass} }",
        requests: &[
            ("GET", "/status/404", "", ""),
            ("HEAD", "/status/404", "", ""),
            ("GET", "/status/403", "", ""),
            ("GET", "/status/200", "", ""),
            ("POST", "/status/404", "", "abc"),
        ],
        headers: &["Content-Type"],
        has_bodies: true,
        ..Row::NONE
    },
    Row {
        name: "pages",
        keys: &["error.file", "error.content_type"],
        fosse: "{pass}\nintercept_errors = [404]\nerror = [{ status = [404], file = \"404.html\", content_type = \"text/html\" }]\n\
                [[site.route]]\npath = \"/own\"\nrespond = 404",
        nginx: "proxy_intercept_errors on; error_page 404 /404.html; root {dir}/files;\n\
                location = /404.html { internal; }\nlocation = /own { return 404; }\nlocation / { {pass} }",
        requests: &[("GET", "/status/404", "", ""), ("GET", "/own", "", ""), ("GET", "/status/410", "", "")],
        headers: &["Content-Type"],
        has_bodies: true,
        ..Row::NONE
    },
    Row {
        name: "fresh",
        keys: &["cache_control", "cache_control.paths", "cache_control.value"],
        fosse: "backend = \"fresh\"",
        backends: "[[backend]]\nname = \"fresh\"\nfiles = \"{dir}/files\"\n\
                   cache_control = [{ paths = [\"/sub/*\"], value = \"no-store\" }, { paths = [\"*.txt\"], value = \"public, max-age=60\" }]",
        nginx: "root {dir}/files;\nlocation ^~ /sub/ { add_header Cache-Control no-store; }\n\
                location ~ \\.txt$ { add_header Cache-Control \"public, max-age=60\"; }",
        caddy: "root * {dir}/files\n@txt {\npath *.txt\nnot path /sub/*\n}\nheader /sub/* Cache-Control no-store\n\
                header @txt Cache-Control \"public, max-age=60\"\nfile_server",
        requests: &[
            ("GET", "/a.txt", "", ""),
            ("GET", "/a.txt?v=2", "", ""),
            ("GET", "/sub/b.txt", "", ""),
            ("GET", "/404.html", "", ""),
            ("GET", "/a.txt", "Range: bytes=0-1", ""),
        ],
        headers: &["Cache-Control", "Content-Range"],
        ..Row::NONE
    },
    Row {
        name: "sent-files",
        keys: &["send_files", "send_files_prefix"],
        fosse: "{pass}\nsend_files = \"files\"\nsend_files_prefix = \"/protected/\"",
        nginx: "location / { {pass} }\nlocation /protected/ { internal; alias {dir}/files/; }",
        requests: &[
            ("GET", "/", "X-Say: X-Accel-Redirect: /protected/a.txt", ""),
            ("HEAD", "/", "X-Say: X-Accel-Redirect: /protected/a.txt", ""),
            ("GET", "/", "X-Say: X-Accel-Redirect: /protected/sub/b.txt", ""),
            ("GET", "/", "X-Say: X-Accel-Redirect: /protected/a%2Etxt", ""),
            ("GET", "/", "X-Say: X-Accel-Redirect: /protected/a.txt\nRange: bytes=2-4", ""),
            (
                "GET",
                "/",
                "X-Say: X-Accel-Redirect: /protected/a.txt\nX-Say: Content-Type: application/x-a\nX-Say: Content-Disposition: attachment",
                "",
            ),
            (
                "GET",
                "/",
                "X-Say: X-Accel-Redirect: /protected/a.txt\nX-Say: Set-Cookie: a=1\nX-Say: Cache-Control: private",
                "",
            ),
            ("GET", "/protected/a.txt", "X-Say: X-Accel-Redirect: /protected/sub/b.txt", ""),
        ],
        different: &[(
            ("GET", "/protected/a.txt", "X-Say: X-Accel-Redirect: /protected/sub/b.txt", ""),
            "nginx",
            "200 content-type: text/plain | below",
            "404 content-type: text/html",
            "the prefix is a word between the application and fosse, and no path that is taken away from the site",
        )],
        headers: &[
            "Content-Type",
            "Content-Disposition",
            "Content-Range",
            "Set-Cookie",
            "Cache-Control",
            "X-Accel-Redirect",
        ],
        ..Row::NONE
    },
    Row {
        name: "files-not-there",
        keys: &["send_files"],
        fosse: "{pass}\nsend_files = \"files\"\nsend_files_prefix = \"/protected/\"",
        nginx: "location / { {pass} }\nlocation /protected/ { internal; alias {dir}/files/; }",
        requests: &[
            ("GET", "/", "X-Say: X-Accel-Redirect: /protected/none", ""),
            ("GET", "/", "X-Say: X-Accel-Redirect: /protected/sub/b.txt/", ""),
            ("GET", "/", "X-Say: X-Accel-Redirect: /protected/../users", ""),
            ("GET", "/", "X-Say: X-Accel-Redirect: /protected/%2e%2e/users", ""),
        ],
        headers: &["X-Accel-Redirect"],
        ..Row::NONE
    },
    Row {
        name: "gzip",
        keys: &["compress", "compress_types", "compress_bytes_min"],
        fosse: "{pass}\ncompress = [\"gzip\"]\ncompress_types = [\"text/html\", \"text/plain\"]\ncompress_bytes_min = 1000",
        nginx: "gzip on; gzip_types text/plain; gzip_min_length 1000; gzip_vary on; gzip_proxied any; location / { {pass} }",
        requests: &[
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: GZIP", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip;q=0", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip; q=0.000", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip;q=0.001", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: deflate, gzip;q=0.5, br", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: identity", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: xgzip", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/html; charset=utf-8\nAccept-Encoding: gzip", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: image/png\nAccept-Encoding: gzip", ""),
            ("GET", "/bytes/4000", "Accept-Encoding: gzip", ""),
            ("GET", "/bytes/900", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip", ""),
            (
                "GET",
                "/bytes/4000",
                "X-Say: Content-Type: text/plain\nX-Say: Content-Encoding: x\nAccept-Encoding: gzip",
                "",
            ),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nX-Say: ETag: \"a\"\nAccept-Encoding: gzip", ""),
            ("HEAD", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip", ""),
            ("GET", "/status/404", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip", ""),
        ],
        headers: &["Content-Encoding", "ETag"],
        ..Row::NONE
    },
    Row {
        name: "codings",
        keys: &["compress"],
        fosse: "{pass}\ncompress = [\"zstd\", \"gzip\"]\ncompress_types = [\"text/*\"]",
        caddy: "encode zstd gzip\n{pass}",
        requests: &[
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip, zstd", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip;q=1, zstd;q=0.5", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: gzip;q=0, zstd", ""),
            ("GET", "/bytes/4000", "X-Say: Content-Type: text/plain\nAccept-Encoding: br", ""),
            (
                "GET",
                "/bytes/4000",
                "X-Say: Content-Type: text/plain\nX-Say: Content-Encoding: br\nAccept-Encoding: br, gzip",
                "",
            ),
        ],
        headers: &["Content-Encoding"],
        ..Row::NONE
    },
];

#[test]
fn responses_become_what_they_do_elsewhere() {
    are_alike(ROWS);
}
