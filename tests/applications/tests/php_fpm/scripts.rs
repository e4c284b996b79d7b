//! Which script runs, whatever a request says.

use fosse_harness::{Edge, get, request};

use crate::pool::{FRONT, Pool};

const EVIL: &str = "<?php echo 'EVIL';";
const HONEST: &str =
    r#"<?php echo $_SERVER["SCRIPT_NAME"], "|", $_SERVER["PATH_INFO"] ?? "", "|", $_SERVER["HTTP_PROXY"] ?? "";"#;

/// A pool that runs any file, as one without security.limit_extensions would.
fn pool() -> Option<Pool> {
    Pool::start_careless(&[
        ("index.php", HONEST),
        ("login.php", HONEST),
        ("admin/index.php", HONEST),
        ("admin/post.php", HONEST),
        ("upload.jpg", EVIL),
        ("admin/upload.jpg", EVIL),
        (".hidden.php", EVIL),
        ("admin/.hidden.php", EVIL),
        ("secret.php", EVIL),
    ])
}

const SCRIPTS: &str =
    "front_controller = \"/index.php\"\nscripts = [\"/login.php\", \"/admin/*.php\"]\nindex = \"index.php\"\n";

fn text(edge: &Edge, path: &str) -> String {
    get(edge.address(), path).text().into_owned()
}

#[test]
fn no_upload_runs_and_no_script_that_is_not_named() {
    let Some(pool) = pool() else { return };
    // Otherwise nothing below could fail: PHP runs what precedes a path that does not exist.
    let careless = pool.edge("waf = \"off\"", "", "scripts = [\"/upload.jpg/x.php\"]");
    assert_eq!(text(&careless, "/upload.jpg/x.php"), "EVIL");
    for more in ["", "path_info = true\n"] {
        let edge = pool.edge("waf = \"off\"", "", &format!("{SCRIPTS}{more}"));
        for path in [
            "/upload.jpg",
            "/upload.jpg/x.php",
            "/upload.jpg/login.php",
            "/upload.jpg%2flogin.php",
            "/upload.jpg%00.php",
            "/upload.jpg%00/login.php",
            "/upload.jpg/%2e%2e/upload.jpg/x.php",
            "/upload.jpg\\x.php",
            "/admin/upload.jpg/x.php",
            "/admin/upload.jpg%2fx.php",
            "/admin/upload.jpg%5cx.php",
            "/admin/../upload.jpg/x.php",
            "/admin/%2e%2e/secret.php",
            "/admin/%252e%252e/secret.php",
            "/admin/../secret.php",
            "/admin/.hidden.php",
            "/.hidden.php",
            "/secret.php",
            "/login.php/../secret.php",
            "/login.php%2f..%2fsecret.php",
            "/LOGIN.PHP/upload.jpg",
            "//upload.jpg//x.php",
            "/./secret.php",
        ] {
            let response = get(edge.address(), path);
            assert!(!response.text().contains("EVIL"), "{path}");
            assert!(matches!(response.status, 200 | 400), "{path}: {}", response.status);
        }
    }
}

#[test]
fn the_script_of_a_path_is_the_one_that_the_configuration_names() {
    let Some(pool) = pool() else { return };
    let edge = pool.edge("", "", SCRIPTS);
    for (path, expected) in [
        ("/", "/index.php||"),
        ("/2026/hello?x", "/index.php||"),
        ("/login.php", "/login.php||"),
        ("/login.php/more", "/index.php||"),
        ("/admin/", "/admin/index.php||"),
        ("/admin/post.php?a=b", "/admin/post.php||"),
    ] {
        assert_eq!(text(&edge, path), expected, "{path}");
    }
    // The script is one by its name, and is not there: PHP says so.
    assert_eq!(get(edge.address(), "/admin/none.php").status, 404);
    let with_info = pool.edge("", "", &format!("{SCRIPTS}path_info = true"));
    assert_eq!(text(&with_info, "/login.php/more/%C3%A9"), "/login.php|/more/\u{e9}|");
    let alone = pool.edge("", "", "scripts = [\"/login.php\"]");
    assert_eq!(get(alone.address(), "/").status, 404);
    assert_eq!(text(&alone, "/login.php"), "/login.php||");
}

#[test]
fn a_rewritten_path_decides_and_what_came_is_the_request_uri() {
    let uri = "<?php echo $_SERVER['SCRIPT_NAME'], '|', $_SERVER['REQUEST_URI'], '|', $_SERVER['QUERY_STRING'], '|', $_SERVER['HTTP_X_A'];";
    let Some(pool) = Pool::start(1, &[("index.php", uri), ("login.php", uri)]) else { return };
    let route = "[[site.route]]\nprefix = \"/blog\"\nbackend = \"php\"\nstrip_prefix = true\n\
                 request_headers.set = { X-A = \"set\" }\n";
    let edge = pool.edge(route, "", SCRIPTS);
    assert_eq!(text(&edge, "/blog/login.php?a=b"), "/login.php|/blog/login.php?a=b|a=b|set");
}

#[test]
fn no_header_of_a_client_becomes_a_parameter_that_is_not_a_headers() {
    let Some(pool) = pool() else { return };
    for underscores in ["drop", "pass"] {
        let edge = pool.edge(&format!("waf = \"off\"\nunderscores = \"{underscores}\""), "", FRONT);
        for field in [
            "Proxy: http://evil",
            "PROXY: http://evil",
            "HTTP_PROXY: http://evil",
            "PHP_ADMIN_VALUE: auto_prepend_file=upload.jpg",
            "SCRIPT_FILENAME: upload.jpg",
            "Script-Filename: upload.jpg",
            "PATH_INFO: /evil",
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\nConnection: close\r\n\r\n");
            assert_eq!(request(edge.address(), head.as_bytes()).text(), "/index.php||", "{field}");
        }
    }
}

#[test]
fn a_head_as_large_as_is_taken_reaches_the_script_and_a_larger_one_does_not() {
    let Some(pool) = Pool::start(1, &[("index.php", "<?php echo strlen($_SERVER['HTTP_A']), ' ', count($_SERVER);")])
    else {
        return;
    };
    let lines = "[limits]\nhead_bytes_max = \"64 KiB\"\nheader_bytes_max = \"64 KiB\"\nheader_count_max = 250\n";
    let edge = pool.edge_with("waf = \"off\"", "", FRONT, lines);
    for (length, status) in [(10, 200), (30_000, 200), (60_000, 200), (70_000, 431)] {
        let value = "x".repeat(length);
        let many: String = (0..200).map(|number| format!("B-{number}: {number}\r\n")).collect();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {value}\r\n{many}Connection: close\r\n\r\n");
        let response = request(edge.address(), head.as_bytes());
        assert_eq!(response.status, status, "{length}");
        assert!(status != 200 || response.text().starts_with(&format!("{length} 2")), "{}", response.text());
    }
}
