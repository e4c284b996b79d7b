//! What a transaction costs: `seclang-bench CORPUS [PARANOIA [NAME [FACTOR]]]`, with the Core Rule
//! Set of CORPUS in blocking mode and every request different from the one before. Prints
//! microseconds per transaction, all five phases; with NAME `curve` what bodies of 1 KiB to 1 MiB
//! cost, so that one sees how it grows.

use fosse_seclang::{Arena, Bundle, Environment, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Transaction};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

struct Request {
    method: &'static str,
    uri: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

type Make = fn(u32) -> Request;

#[expect(clippy::too_many_lines, reason = "one measurement after the other")]
fn main() {
    let corpus = std::env::args().nth(1).unwrap_or_else(|| "../shared/corpora/crs4".into());
    let paranoia = std::env::args().nth(2).unwrap_or_else(|| "1".into());
    let only = std::env::args().nth(3);
    let rules = load(Path::new(&corpus), &paranoia);
    let (mut scratch, mut arena) = (Scratch::default(), Arena::default());
    if only.as_deref() == Some("curve") {
        return curve(&rules);
    }
    let kinds: [(&str, Make); 8] = [
        ("tiny GET", tiny),
        ("browser GET", browser),
        ("850-byte form", form),
        ("11 KB JSON", json),
        ("1 MiB JSON", big),
        ("1 MiB text", |n| text(n, 1 << 20)),
        ("1 MiB fields", |n| fields(n, 1 << 20)),
        ("128 KiB hostile", hostile),
    ];
    for (name, make) in kinds {
        if only.as_deref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let factor: u32 = std::env::args().nth(4).and_then(|factor| factor.parse().ok()).unwrap_or(1);
        let rounds: u32 = factor
            * if matches!(name, "1 MiB JSON" | "1 MiB text" | "1 MiB fields" | "128 KiB hostile") {
                10
            } else if name == "11 KB JSON" {
                300
            } else {
                3000
            };
        let mut run = |from: u32, rounds: u32| {
            let requests: Vec<Request> = (from..from + rounds).map(make).collect();
            let started = cpu_nanos();
            let mut denied = 0;
            for request in &requests {
                let (outcome, used) = transact(&rules, request, &mut scratch, std::mem::take(&mut arena));
                denied += usize::from(outcome != Outcome::Continue);
                arena = used;
            }
            ((cpu_nanos() - started) / 1e3 / f64::from(rounds), denied)
        };
        run(0, rounds / 5 + 1);
        let (micros, denied) = run(1_000_000, rounds);
        println!("{name:>14}: {micros:>10.1} us, {denied} of {rounds} denied");
    }
}

/// Nanoseconds this process was on a CPU, so that a busy machine does not blur the numbers.
fn cpu_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("/proc/self/schedstat");
    text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds")
}

fn transact(rules: &Ruleset, request: &Request, scratch: &mut Scratch, arena: Arena) -> (Outcome, Arena) {
    let mut transaction = Transaction::new(rules, arena, Now { seconds: 1_700_000_000, elapsed_micros: 0 });
    let (mut schedule, mut store) = (|| Schedule::Go, NoStore);
    let mut env = Environment { scratch, schedule: &mut schedule, store: &mut store };
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    transaction.connection(client, 40_000, IpAddr::V4(Ipv4Addr::LOCALHOST), 80);
    transaction.unique_id(b"0123456789abcdef");
    let line = format!("{} {} HTTP/1.1", request.method, request.uri);
    transaction.request_line(line.as_bytes(), request.method.as_bytes(), request.uri.as_bytes(), b"HTTP/1.1");
    for (name, value) in &request.headers {
        transaction.header(name.as_bytes(), value.as_bytes());
    }
    let mut outcome = transaction.phase1(&mut env);
    if outcome == Outcome::Continue {
        transaction.request_body(request.body.as_bytes());
        outcome = transaction.phase2(&mut env);
    }
    if outcome == Outcome::Continue {
        transaction.response(200, b"HTTP/1.1");
        transaction.response_header(b"Content-Type", b"text/html");
        transaction.response_header(b"Content-Length", b"12");
        outcome = transaction.phase3(&mut env);
    }
    if outcome == Outcome::Continue {
        outcome = transaction.phase4(&mut env);
    }
    transaction.phase5(&mut env);
    if outcome != Outcome::Continue {
        for found in transaction.matches() {
            if std::env::var_os("SHOW").is_some() {
                println!("{}", String::from_utf8_lossy(&found.log_line()));
            }
        }
    }
    (outcome, transaction.finish())
}

fn tiny(n: u32) -> Request {
    let headers = vec![("Host", "example.com".into()), ("User-Agent", format!("probe/{n}")), ("Accept", "*/*".into())];
    Request { method: "GET", uri: format!("/health/{n}"), headers, body: String::new() }
}

fn browser_headers(n: u32) -> Vec<(&'static str, String)> {
    vec![
        ("Host", "www.example.com".into()),
        (
            "User-Agent",
            format!("Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101 Firefox/{}.0", n % 90 + 40, n % 90 + 40),
        ),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8".into()),
        ("Accept-Language", "en-US,en;q=0.5".into()),
        ("Accept-Encoding", "gzip, deflate, br".into()),
        ("Connection", "keep-alive".into()),
        ("Referer", format!("https://www.example.com/articles/{n}?page=2")),
        (
            "Cookie",
            format!(
                "session={:032x}; theme=dark; _ga=GA1.2.{n}.1699999999; lang=en; consent=yes{n}",
                u128::from(n) * 77_777_777_777
            ),
        ),
        ("Upgrade-Insecure-Requests", "1".into()),
        ("Sec-Fetch-Dest", "document".into()),
        ("Sec-Fetch-Mode", "navigate".into()),
        ("Sec-Fetch-Site", "same-origin".into()),
    ]
}

fn browser(n: u32) -> Request {
    let uri = format!(
        "/search/results.html?q=garden+furniture+{n}&category=outdoor&page={}&sort=price-asc&ref=home{n}",
        n % 20
    );
    Request { method: "GET", uri, headers: browser_headers(n), body: String::new() }
}

fn form(n: u32) -> Request {
    let mut body = format!(
        "name=Maria+Schmidt&email=maria{n}%40example.com&phone=%2B49+30+{n}&subject=Question+about+my+order+{n}&message="
    );
    let sentence = format!("Dear+team%2C+I+ordered+two+chairs+last+week+and+only+one+has+arrived+so+far.+Order+{n}.+");
    while body.len() < 820 {
        body.push_str(&sentence);
    }
    body.push_str("&newsletter=on&submit=Send");
    let mut headers = browser_headers(n);
    headers.push(("Content-Type", "application/x-www-form-urlencoded".into()));
    headers.push(("Content-Length", body.len().to_string()));
    Request { method: "POST", uri: "/contact".into(), headers, body }
}

fn json_of(n: u32, records: u32) -> Request {
    let record = |at: u32| {
        format!(
            "{{\"id\":{},\"name\":\"Item number {at}-{n}\",\"price\":{}.99,\"tags\":[\"home\",\"garden{at}\"],\"stock\":{},\"active\":true,\
             \"sku\":\"SKU-{n}-{at}\",\"note\":\"Delivered within three working days by our own vans, with a call before\",\"color\":\"dark green\",\"weight\":{}}}",
            n + at,
            at % 90,
            at * 3,
            at * 7
        )
    };
    let body = format!("[{}]", (0..records).map(record).collect::<Vec<_>>().join(","));
    let mut headers = browser_headers(n);
    headers.push(("Content-Type", "application/json".into()));
    headers.push(("Content-Length", body.len().to_string()));
    Request { method: "POST", uri: "/api/items".into(), headers, body }
}

fn json(n: u32) -> Request {
    json_of(n, 40)
}

/// Text as people write it, in one long field of a form.
fn text(n: u32, bytes: usize) -> Request {
    let mut body = "title=Notes&text=".to_owned();
    for at in 0.. {
        if body.len() >= bytes {
            break;
        }
        body.push_str(&format!(
            "On+day+{at}+we+walked+from+the+harbour+to+the+old+mill+%28about+{n}+steps%29%2C+and+Anna+said%3A+%22it%27s+further+than+I+thought%22.%0D%0A\
             The+path+isn%27t+marked%3B+take+the+left+fork+after+bridge+no.+{at}+%26+keep+the+river+in+sight+-+see+the+map+at+www.example.com%2Fmaps.%0D%0A"
        ));
    }
    with_form(n, body)
}

/// Many short fields.
fn fields(n: u32, bytes: usize) -> Request {
    let mut body = "list=1".to_owned();
    for at in 0.. {
        if body.len() >= bytes {
            break;
        }
        body.push_str(&format!("&item{at}%5Bname%5D=Garden+chair+{n}-{at}&item{at}%5Bprice%5D={}.99&item{at}%5Bnote%5D=two+of+them%2C+green", at % 90));
    }
    with_form(n, body)
}

fn with_form(n: u32, body: String) -> Request {
    let mut request = form(n);
    request.headers.retain(|(name, _)| *name != "Content-Length");
    request.headers.push(("Content-Length", body.len().to_string()));
    Request { body, ..request }
}

/// Prints the cost of bodies of growing size, in microseconds and per KiB.
fn curve(rules: &Ruleset) {
    type Sized = fn(u32, usize) -> Request;
    let kinds: [(&str, Sized); 3] =
        [("JSON", |n, bytes| json_of(n, u32::try_from(bytes / 276).unwrap())), ("text", text), ("fields", fields)];
    for (name, make) in kinds {
        for bytes in (10..=20).step_by(2).map(|power| 1usize << power) {
            let mut scratch = Scratch::default();
            let rounds = u32::try_from((4 << 20) / bytes).unwrap().min(200);
            let requests: Vec<Request> = (0..rounds * 2).map(|n| make(n, bytes)).collect();
            let mut arena = Arena::default();
            let mut run = |requests: &[Request]| {
                let started = cpu_nanos();
                for request in requests {
                    arena = transact(rules, request, &mut scratch, std::mem::take(&mut arena)).1;
                }
                (cpu_nanos() - started) / 1e3 / requests.len() as f64
            };
            let (warm, measured) = requests.split_at(requests.len() / 2);
            run(warm);
            let micros = run(measured);
            let body = requests[0].body.len() as f64;
            println!(
                "{name:>8} {:>8} bytes: {micros:>9.1} us, {:>6.2} us/KiB",
                requests[0].body.len(),
                micros / body * 1024.0
            );
        }
    }
}

fn big(n: u32) -> Request {
    json_of(n, 3_800)
}

/// One value that reminds of every family of attack, so that every pattern has to look at all of
/// it.
fn hostile(n: u32) -> Request {
    let piece = format!(
        "{n} union all select 'x' from dual; <img src=x onerror=alert({n})> ../../etc/passwd ${{jndi:ldap://x/{n}}} `cat /tmp/{n}` <?php eval($x);?> "
    );
    let mut body = "a=".to_owned();
    while body.len() < 128 * 1024 {
        body.push_str(&piece.replace(['&', '%'], ""));
    }
    with_form(n, body)
}

fn load(corpus: &Path, paranoia: &str) -> Ruleset {
    let mut bundle = Bundle::new();
    for entry in std::fs::read_dir(corpus.join("rules")).expect("CORPUS/rules") {
        let path = entry.unwrap().path();
        bundle.insert(&format!("rules/{}", path.file_name().unwrap().to_string_lossy()), std::fs::read(&path).unwrap());
    }
    bundle.insert("setup.conf", std::fs::read(corpus.join("crs-setup.conf.example")).unwrap());
    bundle.insert(
        "main.conf",
        format!(
            "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\nSecArgumentsLimit 100000\nSecRequestBodyNoFilesLimit 100000000\n\
             SecRule REQUEST_HEADERS:Content-Type \"^application/json\" \"id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON\"\n\
             SecRule REQBODY_ERROR \"!@eq 0\" \"id:200002,phase:2,t:none,log,deny,status:400,msg:'body',logdata:'%{{reqbody_error_msg}}'\"\n\
             Include setup.conf\n\
             SecAction \"id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={paranoia}\"\n\
             Include rules/*.conf\n"
        ),
    );
    Ruleset::compile(&bundle, "main.conf").unwrap_or_else(|errors| {
        errors.iter().for_each(|error| eprintln!("{error}"));
        std::process::exit(1);
    })
}
