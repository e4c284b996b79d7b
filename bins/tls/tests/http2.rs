//! HTTP/2 over TLS through a whole edge, beside HTTP/1.1 on the same listener.

#[path = "../../waf-filter/tests/site/application.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod application;
mod edge;

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use application::{Application, chunked, with};
use edge::site::{Site, site};
use fosse_harness::{is_root, wait_for};
use rustix::process::Signal;

/// A site of HTTP/2 before an application of the test's own, with more keys of it.
fn before(application: &Application, keys: &str) -> Site {
    let address = application.address();
    let sites = format!(
        "[[backend]]\nname = \"own\"\nservers = [\"{address}\"]\n\
         [[site]]\nhosts = [\"a.example\"]\nbackend = \"own\"\n{keys}"
    );
    Site::new(&["a.example"], "", &sites)
}

#[test]
fn clients_choose_the_protocol_and_programs_of_others_are_served() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    let version = ["-o", "/dev/null", "-w", "%{http_version} %{http_code}"];
    for (asked, got) in [("--http2", "2 200"), ("--http1.1", "1.1 200"), ("--no-alpn", "1.1 200")] {
        let (said, status) = site.curl(&[&[asked], &version[..]].concat(), "/bytes/100000");
        assert_eq!((said.as_str(), status), (got, Some(0)), "{asked}");
    }
    assert_eq!(site.curl2(&[&["--tls-max", "1.2"], &version[..]].concat(), "/chunked/100000"), "2 200");
    let heard = site.curl2(&["-b", "a=b; c=d"], "/heard").to_lowercase();
    for line in ["get /heard http/1.1", "x-forwarded-proto: https", "host: a.example", "cookie: a=b; c=d"] {
        assert!(heard.contains(line), "{heard}");
    }
    let said = site.nghttp(&["-ns"], "/bytes/100000");
    assert_eq!(said.matches(" 200 ").count(), 1, "{said}");
    let said = site.h2load(&["-n", "2000", "-c", "4", "-m", "20"], "/bytes/1000");
    assert!(said.contains("2000 succeeded") && said.contains("Application protocol: h2"), "{said}");
    let said = site.h2load(&["--h1", "-n", "500", "-c", "4"], "/bytes/1000");
    assert!(said.contains("500 succeeded") && said.contains("Application protocol: http/1.1"), "{said}");
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn ten_mebibytes_pass_both_ways() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    let body = "x".repeat(10 << 20);
    let file = site.made.path("body");
    std::fs::write(&file, &body).unwrap();
    let said = site.curl2(&["--data-binary", &format!("@{file}")], "/body");
    assert!(said == body, "{} bytes\n{}", said.len(), site.edge.log());
    let said = site.curl2(&["--limit-rate", "8M"], "/bytes/10485760");
    assert!(said == body, "{} bytes", said.len());
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn a_hundred_streams_of_a_connection_are_served_at_once() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = site();
    // Each sleeps 300 ms: one after the other they would take more than the time that h2load has.
    let said = site.h2load(&["-n", "100", "-c", "1", "-m", "100", "-T", "20"], "/sleep/300/bytes/20000");
    assert!(said.contains("100 succeeded"), "{said}");
    assert_eq!(site.backend.requests(), 100);
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn trailers_of_a_response_reach_the_client_and_those_of_a_request_do_no_harm() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let application =
        Application::start(|_, to| to.write_all(&chunked("text/plain", b"it sums", 3, "X-Sum: 17\r\n")).is_ok());
    let site = before(&application, "waf = \"off\"");
    let file = site.made.path("body");
    std::fs::write(&file, "posted").unwrap();
    for words in [&["-v"][..], &["-v", "-d", &file, "--trailer", "x-mine: 4"]] {
        let said = site.nghttp(words, "/");
        assert!(said.contains(":status: 200") && said.contains("x-sum: 17"), "{said}");
    }
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn a_request_for_a_site_of_other_terms_is_misdirected_and_the_connection_goes_on() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let sites = "[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n\
                 [[site]]\nhosts = [\"b.example\"]\nbackend = \"app\"\n[site.tls]\nminimum_version = \"1.3\"\n";
    let site = Site::new(&["a.example", "b.example"], "", sites);
    let (address, root) = (site.edge.address(), site.made.path("0.pem"));
    let resolve = format!("a.example:{}:{}", address.port(), address.ip());
    let first = format!("https://a.example:{}/bytes/2", address.port());
    let write = ["-o", "/dev/null", "-w", "%{http_code} %{num_connects},"];
    let again = ["--next", "--http2", "-sS", "--resolve", &resolve, "--cacert", &root];
    let words = [&["-H", "Host: b.example"], &write[..], &[&first], &again, &write].concat();
    assert_eq!(site.curl2(&words, "/bytes/3"), "421 1,200 0,");
    assert_eq!(site.backend.requests(), 1);
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn rules_deny_an_attack_over_both_protocols() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let site = Site::new(&["a.example"], "", "[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n");
    let code = ["-o", "/dev/null", "-w", "%{http_version} %{http_code}"];
    let attack = "/?q=%3Cscript%3Ealert(1)%3C/script%3E";
    for (asked, got) in [("--http2", "2 403"), ("--http1.1", "1.1 403")] {
        let (said, _) = site.curl(&[&[asked], &code[..]].concat(), attack);
        assert_eq!(said, got);
        let (said, _) = site.curl(
            &[&[asked][..], &["-d", "q=1' or '1'='1' union select password from users--"], &code[..]].concat(),
            "/",
        );
        assert_eq!(said, got);
    }
    assert_eq!(site.backend.requests(), 0);
    assert_eq!(site.curl2(&code, "/bytes/5"), "2 200");
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn responses_are_encoded_for_both_protocols_at_once() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let wanted = |length: usize| "a line of text that comes again\n".repeat(length / 32);
    let application = Application::start(move |head, to| {
        let length = head.split(' ').nth(1).and_then(|path| path[1..].parse().ok()).unwrap_or(0);
        to.write_all(&chunked("text/html", wanted(length).as_bytes(), 5000, "")).is_ok()
    });
    let site = before(&application, "waf = \"off\"\ncompress = true");
    std::thread::scope(|scope| {
        let site = &site;
        for asked in ["--http2", "--http1.1", "--http2", "--http1.1"] {
            scope.spawn(move || {
                for length in [3_200, 320_000, 3_200_000, 32_000, 6_400] {
                    for coding in ["gzip", "br", "zstd"] {
                        let accept = format!("Accept-Encoding: {coding}");
                        let words = [asked, "--compressed", "-H", &accept, "-w", "%header{content-encoding}"];
                        let (said, status) = site.curl(&words, &format!("/{length}"));
                        let whole = said.strip_suffix(coding).is_some_and(|body| body == wanted(length));
                        assert!(whole && status == Some(0), "{asked} {coding} {length}: {} {status:?}", said.len());
                    }
                }
            });
        }
    });
    assert_eq!(site.edge.counter("encode", "encoded"), 60);
    assert_eq!(site.edge.counter("encode", "responses"), 0);
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn what_one_protocol_had_kept_the_other_gets_from_the_cache() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let application = Application::start(move |_, to| {
        count.fetch_add(1, Ordering::Relaxed);
        to.write_all(&with(200, "Cache-Control: max-age=600\r\nContent-Length: 9\r\n", b"once said")).is_ok()
    });
    let site = before(&application, "waf = \"off\"\ncache = true");
    for (first, path) in [("--http2", "/a"), ("--http1.1", "/b")] {
        assert_eq!(site.curl(&[first], path), ("once said".to_owned(), Some(0)));
        let before = asked.load(Ordering::Relaxed);
        for other in ["--http1.1", "--http2"] {
            assert_eq!(site.curl(&[other], path), ("once said".to_owned(), Some(0)));
        }
        let said = site.h2load(&["-n", "300", "-c", "2", "-m", "30"], path);
        assert!(said.contains("300 2xx"), "{said}");
        assert_eq!(asked.load(Ordering::Relaxed), before, "all from the cache");
    }
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn reloads_under_load_fail_no_request_of_either_protocol() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    let (site, is_over) = (site(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (site, is_over) = (&site, &is_over);
        let load: Vec<_> = [&["--http2"][..], &["--http2", "-Z", "--parallel-max", "20"], &["--http1.1"], &["--http2"]]
            .into_iter()
            .map(|words| {
                scope.spawn(move || {
                    let mut rounds = 0;
                    while !is_over.load(Ordering::Relaxed) || rounds == 0 {
                        let words = [words, &["-o", "/dev/null", "-w", "%{http_code} %{size_download}\n"]].concat();
                        let (said, status) = site.curl(&words, "/bytes/1000?[1-100]");
                        let whole = said.lines().filter(|line| *line == "200 1000").count();
                        assert_eq!((whole, status), (100, Some(0)), "{words:?}: {said}\n{}", site.edge.log());
                        rounds += 1;
                    }
                })
            })
            .collect();
        for n in 0..5 {
            site.edge.reload(&format!("{}# {n}\n", site.configuration));
        }
        is_over.store(true, Ordering::Relaxed);
        load.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(site.edge.alarms(), [""; 0]);
}

#[test]
fn a_program_that_is_killed_in_mid_body_leaves_no_part_that_looks_whole() {
    if !is_root() {
        return eprintln!("skipped: not root");
    }
    for program in ["parse-h2", "tls", "dispatch"] {
        let site = site();
        let part = site.made.path("part");
        let words = ["--http2", "--limit-rate", "2M", "-o", &part, "-w", "%{size_download}"];
        let (said, status) = std::thread::scope(|scope| {
            let (site, words) = (&site, &words);
            let client = scope.spawn(move || site.curl(words, "/bytes/50000000"));
            wait_for("a part", || std::fs::metadata(&part).ok().filter(|file| file.len() > 100_000));
            assert!(site.edge.process(program).signal(Signal::KILL));
            client.join().unwrap()
        });
        assert!(status.is_some_and(|status| status != 0), "{program}: {said}");
        wait_for("a new lane", || site.curl(&["--http2"], "/bytes/5").0.eq("xxxxx").then_some(()));
        wait_for("and its other front", || site.try_get("/bytes/5").ok().filter(|said| said.ends_with("xxxxx")));
    }
}
