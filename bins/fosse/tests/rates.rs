//! Rates of responses and of sources, in a whole edge: whatever a response is made of, and over all
//! lanes. What a client has is counted against what it may have by then, so that a slow machine
//! shows less and never more.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Instant;

use fosse_harness::{Dir, Edge, Page, WAIT_MAX, request, wait_for};

/// Bytes of every response.
const LENGTH: usize = 200_000;
/// Bytes a second of a response, and of a source.
const RATE: u64 = 131_072;
/// What may be saved: a piece.
const SAVED: u64 = 8192;

/// Text that no coding makes shorter by much.
fn body() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let byte = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'!' + u8::try_from(state >> 40 & 63).unwrap()
    });
    byte.take(LENGTH).collect()
}

/// An application that responds with the whole body, as what may be kept and encoded.
fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || respond(stream.unwrap()));
        }
    });
    address
}

fn respond(mut stream: TcpStream) {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&piece[..count]),
        }
    }
    let fields = "Content-Type: text/plain\r\nCache-Control: max-age=600\r\nConnection: close";
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n{fields}\r\n\r\n");
    let _ = stream.write_all(&body());
}

fn edge(keys_of_listener: &str, keys: &str) -> Edge {
    let dir = Dir::new();
    let files = dir.join("files");
    fs::create_dir_all(&files).unwrap();
    fs::set_permissions(&files, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(files.join("file"), body()).unwrap();
    let app = app();
    let configuration = format!(
        "uid_base = {{uid_base}}\nlanes = 2\n[[listen]]\naddress = \"{{address}}\"\n{keys_of_listener}\n\
         [[backend]]\nname = \"app\"\nservers = [\"{app}\"]\n[[backend]]\nname = \"disk\"\nfiles = \"{{dir}}/files\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"off\"\n{keys}\n\
         [[site.route]]\npath = \"/file\"\nbackend = \"disk\"\n\
         [[site.route]]\npath = \"/encoded\"\ncompress = [\"gzip\"]\n\
         [[site.route]]\npath = \"/inspected\"\nwaf = \"block\"\ninspect_responses = true\n\
         [[site.route]]\nprefix = \"/kept\"\ncache = true\n\
         [[site.route]]\npath = \"/fast\"\nresponse_bytes_per_second = 0\n"
    );
    Edge::in_directory(dir, &configuration, &[])
}

/// Asks for a target and reads all of it. At no moment there is more than `free` bytes, and those
/// of the rate for the time since it was asked for. Returns the head and the number of bytes of the
/// body.
fn read(address: SocketAddr, target: &str, fields: &str, free: u64) -> (String, usize) {
    let begun = Instant::now();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(WAIT_MAX)).unwrap();
    write!(client, "GET {target} HTTP/1.1\r\nHost: a.example\r\n{fields}Connection: close\r\n\r\n").unwrap();
    let (mut all, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match client.read(&mut bytes).unwrap() {
            0 => break,
            count => all.extend_from_slice(&bytes[..count]),
        }
        let most = free + u64::try_from(begun.elapsed().as_micros()).unwrap() * RATE / 1_000_000;
        assert!(all.len() as u64 <= most, "{target}: {} bytes where {most} are due", all.len());
    }
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8(all[..end].to_vec()).unwrap(), all.len() - end)
}

#[test]
fn a_response_has_its_rate_whatever_it_is_made_of() {
    let edge = edge("", &format!("response_bytes_per_second = {RATE}"));
    wait_for("a response that is kept", || {
        let kept = request(edge.address(), "GET /kept HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        kept.header("cache-status").is_some_and(|status| status.contains("hit")).then_some(())
    });
    let address = edge.address();
    let gzip = "Accept-Encoding: gzip\r\n";
    let cases = [("/app", ""), ("/file", ""), ("/encoded", gzip), ("/inspected", ""), ("/kept", ""), ("/file", gzip)];
    let readers = cases.map(|(target, fields)| thread::spawn(move || read(address, target, fields, SAVED)));
    for ((target, _), reader) in cases.into_iter().zip(readers) {
        let (head, length) = reader.join().unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{target}: {head}");
        match target {
            "/encoded" => assert!(head.contains("gzip") && length > LENGTH / 2, "{head}"),
            "/kept" => assert!(head.contains("hit") && length == LENGTH, "{head}"),
            _ => assert_eq!(length, LENGTH, "{target}"),
        }
    }
    assert_eq!(edge.counter("parse", "leases"), 0);
    // A route without a rate is as before.
    assert_eq!(
        request(edge.address(), "GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").body.len(),
        LENGTH
    );
    assert_eq!((edge.counter("parse", "leases"), edge.alarms()), (1, vec![]));
}

#[test]
fn the_first_bytes_of_a_response_go_at_full_speed() {
    let edge = edge("", &format!("response_bytes_per_second = {RATE}\nresponse_rate_after_bytes = 150000"));
    assert_eq!(read(edge.address(), "/app", "", SAVED + 150_000).1, LENGTH);
}

#[test]
fn a_source_has_its_rate_once_over_all_connections_and_lanes_and_another_has_its_own() {
    let trusted = format!("trusted = [\"127.0.0.1/32\"]\nsource_bytes_per_second = {RATE}");
    let edge = edge(&trusted, "");
    let address = edge.address();
    let begun = Instant::now();
    // accept gives those of a trusted proxy to the lanes by turns.
    let of = |client: &'static str| {
        let fields = format!("X-Forwarded-For: {client}\r\n");
        thread::spawn(move || read(address, "/app", &fields, SAVED))
    };
    let readers: Vec<_> = (0..4).map(|_| of("203.0.113.7")).chain([of("203.0.113.8")]).collect();
    let read: Vec<usize> = readers.into_iter().map(|reader| reader.join().unwrap().1).collect();
    let us = u64::try_from(begun.elapsed().as_micros()).unwrap();
    assert_eq!(read, [LENGTH; 5]);
    // Two lanes may look at the same moment.
    let most = 2 * SAVED + us * RATE / 1_000_000;
    assert!(4 * LENGTH as u64 <= most, "{most} bytes are due to a source after {us} us");
    let lanes = edge.children_of("parse");
    let requests = lanes.iter().map(|lane| Page::of(&edge, lane).word(fosse_counters::parse::REQUESTS));
    assert!(
        requests.clone().count() == 2 && requests.clone().all(|count| count > 0),
        "{:?}",
        requests.collect::<Vec<_>>()
    );
}
