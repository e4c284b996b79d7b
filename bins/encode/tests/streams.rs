//! Responses that come in pieces, clients that leave, and an encode that dies.

mod edge;

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, mpsc};

use edge::application::{Application, chunked, plain};
use edge::{CODED, decoded, edge, get, noise, request, text};
use fosse_harness::{Client, Edge, WAIT_MAX, sockets, wait_for};
use rustix::process::Signal;

/// An application that sends each piece of a response when the test says so, and its end then.
fn in_pieces() -> (Application, mpsc::Sender<Option<Vec<u8>>>) {
    let (sender, pieces) = mpsc::channel::<Option<Vec<u8>>>();
    let pieces = Mutex::new(pieces);
    let application = Application::start(move |_, to| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        to.write_all(head.as_bytes()).unwrap();
        let pieces = pieces.lock().unwrap();
        while let Ok(Some(piece)) = pieces.recv() {
            if to.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).is_err() {
                return false;
            }
            let _ = to.write_all(&[&piece[..], b"\r\n"].concat());
        }
        to.write_all(b"0\r\n\r\n").is_ok()
    });
    (application, sender)
}

/// Reads a response in chunks from a socket and decodes what is there of it so far.
struct Reader {
    stream: std::net::TcpStream,
    raw: Vec<u8>,
}

impl Reader {
    fn new(edge: &Edge, accepted: &str) -> Self {
        let mut stream = sockets::connect(edge.address(), WAIT_MAX).unwrap();
        stream.write_all(&request("GET /", &[&format!("Accept-Encoding: {accepted}")])).unwrap();
        Self { stream, raw: Vec::new() }
    }

    /// The bytes of the body so far, out of their chunks.
    fn body(&self) -> Vec<u8> {
        let Some(at) = self.raw.windows(4).position(|four| four == b"\r\n\r\n") else { return Vec::new() };
        let (mut rest, mut body) = (&self.raw[at + 4..], Vec::new());
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            let data = &rest[end + 2..];
            body.extend_from_slice(&data[..length.min(data.len())]);
            if data.len() < length + 2 {
                break;
            }
            rest = &data[length + 2..];
        }
        body
    }

    /// Reads on until the body, decoded as far as it is there, ends with these bytes.
    fn until(&mut self, coding: &str, end: &[u8]) {
        let mut piece = vec![0; 65_536];
        while !so_far(coding, &self.body()).ends_with(end) {
            let count = self.stream.read(&mut piece).unwrap();
            assert!(count > 0, "it ends with {:?}", String::from_utf8_lossy(&so_far(coding, &self.body())));
            self.raw.extend_from_slice(&piece[..count]);
        }
    }
}

/// Decodes a body that has not ended.
fn so_far(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // That it is cut is an error that comes after the bytes before it.
    let _ = match coding {
        "gzip" => flate2::read::MultiGzDecoder::new(body).read_to_end(&mut out),
        "br" => brotlic::DecompressorReader::new(body).read_to_end(&mut out),
        _ => {
            let mut context = zstd_safe::DCtx::create();
            let (mut input, mut room) = (zstd_safe::InBuffer::around(body), vec![0; 1 << 20]);
            while input.pos < body.len() {
                let mut output = zstd_safe::OutBuffer::around(&mut room[..]);
                if context.decompress_stream(&mut output, &mut input).is_err() {
                    break;
                }
                out.extend_from_slice(output.as_slice());
            }
            Ok(0)
        }
    };
    out
}

#[test]
fn events_are_seen_as_they_happen() {
    for coding in ["gzip", "br", "zstd"] {
        let (application, sender) = in_pieces();
        let edge = edge(&application, CODED, "");
        let mut reader = Reader::new(&edge, coding);
        for number in 0..5 {
            let event = format!("data: event {number} of {coding}\n\n").into_bytes();
            // The next one is not sent before this one is seen.
            sender.send(Some(event.clone())).unwrap();
            reader.until(coding, &event);
        }
        sender.send(None).unwrap();
        let mut rest = Vec::new();
        while !reader.raw.ends_with(b"\r\n0\r\n\r\n") {
            let count = reader.stream.read(rest.insert_room()).unwrap();
            assert!(count > 0);
            reader.raw.extend_from_slice(&rest[..count]);
        }
        assert!(decoded(coding, &reader.body()).ends_with(format!("event 4 of {coding}\n\n").as_bytes()));
        assert_eq!(edge.counter("encode", "responses"), 0);
    }
}

trait InsertRoom {
    fn insert_room(&mut self) -> &mut [u8];
}

impl InsertRoom for Vec<u8> {
    fn insert_room(&mut self) -> &mut [u8] {
        self.resize(65_536, 0);
        self
    }
}

#[test]
fn a_response_cut_by_its_server_never_looks_whole() {
    let whole = chunked("text/html", &text(300_000), 5000, "");
    let application = Application::start(move |_, to| {
        let _ = to.write_all(&whole[..200_000]);
        false
    });
    let edge = edge(&application, CODED, "");
    let mut client = Client::connect(edge.address());
    client.send(&request("GET /", &["Accept-Encoding: gzip"]));
    let response = client.try_response(false);
    assert!(response.is_none_or(|response| !response.complete));
    wait_for("its end", || (edge.counter("encode", "responses") == 0).then_some(()));
    assert_eq!(edge.counter("encode", "encoders_bytes"), 0);
}

#[test]
fn a_client_that_leaves_leaves_nothing_behind() {
    let (application, sender) = in_pieces();
    let edge = edge(&application, CODED, "");
    for accepted in ["gzip", "br", "zstd"] {
        let mut reader = Reader::new(&edge, accepted);
        sender.send(Some(b"data: one\n\n".to_vec())).unwrap();
        reader.until(accepted, b"one\n\n");
        assert_eq!(edge.counter("encode", "responses"), 1);
        drop(reader);
        // The application finds out by the end of its connection, at the second piece at last.
        for _ in 0..2 {
            let _ = sender.send(Some(text(100_000)));
        }
        wait_for("its end", || (edge.counter("encode", "responses") == 0).then_some(()));
        let _ = sender.send(None);
    }
    assert_eq!(edge.counter("encode", "encoders_bytes"), 0);
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_response_that_is_cut_before_its_head_goes_on_costs_itself_alone() {
    let application = Application::start(|head, to| {
        let whole = plain(200, "text/html", &text(5000));
        if head.contains("/cut") {
            let _ = to.write_all(&whole[..3000]);
            return false;
        }
        to.write_all(&whole).is_ok()
    });
    let edge = edge(&application, CODED, "");
    let lane: Vec<u32> = ["parse", "dispatch", "encode"].iter().map(|program| edge.process(program).pid).collect();
    for coding in ["gzip", "br", "zstd"] {
        let cut = get(&edge, "/cut", coding);
        assert_eq!((cut.status, cut.complete, cut.header("content-encoding")), (502, true, None), "{coding}");
        let whole = get(&edge, "/", coding);
        assert!(whole.complete && decoded(coding, &whole.body) == text(5000), "{coding}");
    }
    let still: Vec<u32> = ["parse", "dispatch", "encode"].iter().map(|program| edge.process(program).pid).collect();
    assert_eq!(still, lane);
    assert_eq!((edge.counter("encode", "responses"), edge.counter("encode", "encoders_bytes")), (0, 0));
}

#[test]
fn a_client_that_leaves_before_its_head_goes_on_costs_itself_alone() {
    let (said, steps) = mpsc::channel();
    let application = Application::start(move |_, to| {
        let whole = plain(200, "text/html", &text(4_000_000));
        // More than lies in a socket: dispatch has the head.
        let begun = to.write_all(&whole[..1_000_000]).is_ok();
        said.send(begun).unwrap();
        said.send(to.read(&mut [0]).is_ok_and(|bytes| bytes == 0)).unwrap();
        false
    });
    let edge = edge(&application, CODED, "");
    // start ends an encode that stands still for long, and then the round has shown nothing.
    while !leaves_before_its_head(&edge, &steps) {}
    assert_eq!(edge.counter("encode", "encoders_bytes"), 0);
}

/// Lets a client leave while encode stands still, which so says no head to parse. Returns whether
/// it was only that for long enough.
fn leaves_before_its_head(edge: &Edge, steps: &mpsc::Receiver<bool>) -> bool {
    let (parse, encode) = (edge.process("parse"), edge.process("encode"));
    assert!(encode.signal(Signal::STOP));
    let client = Reader::new(edge, "gzip").stream;
    assert!(steps.recv_timeout(WAIT_MAX).unwrap());
    // One that only closes may still want the response.
    sockets::reset(&client);
    drop(client);
    assert!(steps.recv_timeout(WAIT_MAX).unwrap(), "dispatch hangs up once it knows");
    if !encode.signal(Signal::CONT) {
        wait_for("another lane", || (edge.process("parse").pid != parse.pid).then_some(()));
        return false;
    }
    wait_for("its end", || (edge.counter("encode", "responses") == 0).then_some(()));
    assert_eq!((edge.process("parse").pid, edge.process("encode").pid), (parse.pid, encode.pid));
    true
}

#[test]
fn a_client_that_reads_nothing_keeps_what_it_has_until_it_leaves() {
    let application = Application::start(|_, to| to.write_all(&plain(200, "text/html", &noise(20_000_000))).is_ok());
    let edge = edge(&application, CODED, "");
    let mut clients: Vec<_> = (0..3).map(|_| Reader::new(&edge, "gzip")).collect();
    wait_for("three responses", || (edge.counter("encode", "responses") == 3).then_some(()));
    // Meanwhile others are served.
    let mut other = Client::connect(edge.address());
    other.send(&request("HEAD /", &["Accept-Encoding: gzip"]));
    assert_eq!(other.try_response(true).map(|response| response.status), Some(200));
    drop(clients.pop());
    wait_for("one to leave", || (edge.counter("encode", "responses") == 2).then_some(()));
    let mut last = clients.pop().unwrap();
    let mut piece = vec![0; 1 << 20];
    let mut bytes = 0;
    while bytes < 20_000_000 {
        let count = last.stream.read(&mut piece).unwrap();
        assert!(count > 0, "after {bytes}");
        bytes += count;
    }
    drop(clients);
    wait_for("all to leave", || (edge.counter("encode", "responses") == 0).then_some(()));
}

#[test]
fn what_is_encoded_of_a_response_that_pauses_goes_on_however_little_it_is() {
    let (application, sender) = in_pieces();
    let edge = edge(&application, CODED, "");
    // What an encoder hands out by itself is a few bytes of the first and less than 16 KiB of all.
    for length in [10, 1000, 50_000, 90_000] {
        let mut reader = Reader::new(&edge, "gzip");
        sender.send(Some(text(length))).unwrap();
        let text = text(length);
        reader.until("gzip", &text[length - 10..]);
        sender.send(None).unwrap();
    }
}

#[test]
fn an_encode_that_is_killed_makes_no_part_look_whole_and_is_replaced() {
    let (application, sender) = in_pieces();
    let edge = edge(&application, CODED, "");
    let mut reader = Reader::new(&edge, "gzip");
    sender.send(Some(b"data: one\n\n".to_vec())).unwrap();
    reader.until("gzip", b"one\n\n");
    let before = edge.process("encode");
    assert!(before.signal(Signal::KILL));
    let mut rest = Vec::new();
    let end = reader.stream.read_to_end(&mut rest);
    assert!(end.is_err(), "a reset is no end: {:?}", String::from_utf8_lossy(&rest));
    assert!(!rest.ends_with(b"0\r\n\r\n"));
    let _ = sender.send(None);
    wait_for("another one", || (edge.process("encode").pid != before.pid).then_some(()));
    let again = wait_for("a response", || {
        let mut client = Client::try_connect(edge.address()).ok()?;
        client.try_send(&request("GET /", &["Accept-Encoding: gzip"])).ok()?;
        let _ = sender.send(Some(text(5000)));
        let _ = sender.send(None);
        client.try_response(false).filter(|response| response.status == 200 && response.complete)
    });
    assert!(decoded("gzip", &again.body).ends_with(&text(5000)));
}

/// A rule that denies responses with a secret.
fn rules_against_secrets() -> fosse_harness::Dir {
    let rules = fosse_harness::Dir::new();
    let text_of_rules = "SecRule RESPONSE_BODY \"@contains secret\" \"id:4,phase:4,deny,status:502,log\"\n";
    std::fs::write(rules.join("own.conf"), text_of_rules).unwrap();
    rules
}

/// Three sites: one whose responses are inspected and encoded, one whose are encoded, one whose are
/// neither.
fn inspected_and_not(application: &Application, rules: &fosse_harness::Dir) -> String {
    let site = format!(
        "compress = true\ninspect_responses = true\nrules_milliseconds_max = 10000\nrules = [\"{}/own.conf\"]",
        rules.path().display()
    );
    format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
         [[site]]\nhosts = [\"coded.test\"]\nbackend = \"app\"\n{site}\n\
         [[site]]\nhosts = [\"unseen.test\"]\nbackend = \"app\"\n{CODED}\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"off\"\n",
        application.address()
    )
}

#[test]
fn the_rules_see_a_response_before_it_is_encoded() {
    let rules = rules_against_secrets();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let application = Application::start(move |head, to| {
        seen.lock().unwrap().push(head.to_owned());
        let mut body = text(200_000);
        if head.contains(" /secret") {
            body.extend_from_slice(b"secret");
        }
        to.write_all(&plain(200, "text/html", &body)).is_ok()
    });
    let configuration = inspected_and_not(&application, &rules);
    let edge = Edge::with_config(&configuration, &["--dir", &rules.path().to_string_lossy()]);
    for coding in ["gzip", "br", "zstd"] {
        let response = get(&edge, "/", coding);
        assert_eq!((response.status, response.header("content-encoding")), (200, Some(coding)));
        assert!(decoded(coding, &response.body) == text(200_000));
        let denied = get(&edge, "/secret", coding);
        assert_eq!((denied.status, denied.header("content-encoding")), (502, None));
        assert!(denied.complete && !denied.text().contains("entry"));
    }
    assert!(asked.lock().unwrap().iter().all(|head| head.contains("Accept-Encoding: identity")));
    // Sites beside it that are not seen: one that encodes, one that leases.
    let mut client = Client::connect(edge.address());
    client.send(b"GET /secret HTTP/1.1\r\nHost: unseen.test\r\nAccept-Encoding: gzip\r\n\r\n");
    let response = client.response();
    assert!(decoded("gzip", &response.body).ends_with(b"secret"));
    client.send(b"GET /secret HTTP/1.1\r\nHost: other.test\r\nAccept-Encoding: gzip\r\n\r\n");
    let response = client.response();
    assert!(response.header("content-encoding").is_none() && response.body.ends_with(b"secret"));
    assert!(edge.counter("dispatch", "bytes_leased") >= 150_000);
    assert_eq!(edge.counter("waf-filter", "responses_denied"), 3);
    assert_eq!((edge.counter("encode", "encoded"), edge.counter("encode", "responses")), (4, 0));
}
