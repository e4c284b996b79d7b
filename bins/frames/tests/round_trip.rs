//! What travels between stages can be seen and made in a shell; the two directions undo each other
//! exactly.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use fosse_wire::encode::{Coding, EncodeHead};
use fosse_wire::facts::{ClientCertificate, HandshakeFacts};
use fosse_wire::frame::{Hello, ResetReason};
use fosse_wire::request::{BodyLength, Endpoint, RequestHead, Version};
use fosse_wire::response::{ResponseEnd, ResponseHead};
use fosse_wire::slots::Slots;
use fosse_wire::verdict::{Cause, Verdict};
use fosse_wire::{Frame, Kind, Outbox, StreamId, fields};

#[allow(dead_code, reason = "lines have sweeps of their own")]
#[expect(unreachable_pub, reason = "the fuzz crate has them public")]
#[path = "../../../fuzz/src/target/frames.rs"]
mod target;

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fosse-frames"))
        .args(arguments)
        .env("FOSSE_SANDBOX", "trap")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// A frame of every kind, with every form its fields have.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn every_kind() -> Vec<u8> {
    let all: Vec<u8> = (0..=255).collect();
    let certificate = ClientCertificate { serial: &all[..20], subject: b"CN=a", ..Default::default() };
    let mut known = Vec::new();
    HandshakeFacts::encode(&mut known, b"", Some(&certificate)).unwrap();
    let stream = StreamId::first(77).unwrap();
    let mut out = Outbox::default();
    out.hello(Hello { credit_unlimited: true, slots: Slots::of(1, 2).unwrap() });
    for (version, body) in [
        (Version::Http10, BodyLength::None),
        (Version::Http11, BodyLength::Exact(u64::MAX)),
        (Version::Http2, BodyLength::Chunked),
    ] {
        let head = RequestHead {
            version,
            secure: true,
            expect_continue: true,
            single_client: true,
            trusted: true,
            released: true,
            forwarded: true,
            paced: true,
            body,
            held: 1,
            site: u32::MAX,
            listener: 3,
            client: Endpoint { addr: [0xfe; 16], port: u16::MAX },
            peer: Endpoint::from_socket("192.0.2.1:80".parse().unwrap()),
            tls_version: 0x0304,
            tls_cipher: 0x1301,
            connection: u64::MAX,
            request: 9,
            method: b"GET",
            host: b"a",
            host_port: 1,
            sni: &all,
            facts: HandshakeFacts::decode(&known).unwrap(),
            target: b"/",
            upgrade: b"websocket",
            line: &all,
            ..RequestHead::default()
        };
        out.frame(stream, Kind::Request, |bytes| {
            head.encode_fixed(bytes)?;
            fields::put(bytes, [(&b"A"[..], &all[..]), (b"a", b""), (b"", "ü\r\n".as_bytes())])
        })
        .unwrap();
    }
    for bytes in [&all[..], b"", b"text", "\u{85}\u{202e}".as_bytes(), &vec![0; 16_384], &vec![b'"'; 16_384]] {
        for kind in [Kind::RequestData, Kind::ResponseData, Kind::Lease, Kind::Tunnel] {
            out.raw(stream, kind, bytes);
        }
    }
    out.frame(stream, Kind::RequestEnd, |bytes| fields::put(bytes, [(&b"T"[..], &all[..])])).unwrap();
    for (status, lease, interim, upgrade) in
        [(200, true, false, false), (100, false, true, false), (101, true, false, true)]
    {
        let head = ResponseHead {
            status,
            lease,
            interim,
            upgrade,
            close: true,
            denied: true,
            backend: status.into(),
            ..Default::default()
        };
        out.frame(stream, Kind::Response, |bytes| head.encode(bytes)).unwrap();
    }
    let none = ResponseHead { status: 503, backend: u32::MAX, retries: 3, rule: 1, ..Default::default() };
    out.frame(stream, Kind::Response, |bytes| none.encode(bytes)).unwrap();
    for cause in fosse_wire::response::Cause::ALL {
        let local = ResponseHead { status: 503, own: true, cause, ..Default::default() };
        out.frame(stream, Kind::Response, |bytes| local.encode(bytes)).unwrap();
    }
    let end = ResponseEnd { leased_bytes: u64::MAX, ..Default::default() };
    out.frame(stream, Kind::ResponseEnd, |bytes| end.encode(bytes)).unwrap();
    for number in 0..=5 {
        out.reset(stream, ResetReason::from_byte(number).unwrap());
    }
    out.credit(stream, Kind::RequestCredit, u32::MAX);
    out.raw(stream, Kind::ReleaseCredit, &[0; 4]);
    out.credit(stream, Kind::ResponseCredit, 1);
    for coding in Coding::ALL {
        let response = ResponseHead { status: 200, ..Default::default() };
        let head = EncodeHead {
            coding,
            level: 1,
            no_body: true,
            bytes_min: 9,
            client: [255; 16],
            response,
            ..Default::default()
        };
        out.frame(stream, Kind::Encode, |bytes| head.encode(bytes)).unwrap();
    }
    for cause in Cause::ALL {
        let verdict =
            Verdict { status: 403, cause, rule: 1, retry_after: 2, site: 3, request: 4, location: b"/", message: &all };
        out.frame(stream, Kind::Verdict, |bytes| verdict.encode(bytes)).unwrap();
    }
    out.pending().to_vec()
}

/// Every kind with bodies that are not its own.
fn every_breach() -> Vec<u8> {
    let mut out = Outbox::default();
    for kind in Kind::ALL {
        for body in [&b""[..], &[0], &[0xff; 4], &[0; 64], &[1; 300]] {
            out.raw(StreamId::from_raw(u32::MAX), kind, body);
        }
    }
    out.pending().to_vec()
}

#[test]
fn every_frame_comes_back_from_its_line_byte_for_byte() {
    for frames in [every_kind(), every_breach(), Vec::new()] {
        let lines = run(&["--json"], &frames);
        assert!(lines.status.success(), "{}", String::from_utf8_lossy(&lines.stderr));
        let back = run(&["--encode"], &lines.stdout);
        assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
        assert!(back.stdout == frames);
    }
}

#[test]
fn whole_frames_have_fields_and_broken_ones_say_what_is_wrong() {
    let lines = String::from_utf8(run(&["--json"], &every_kind()).stdout).unwrap();
    assert!(!lines.contains("\"raw\""), "{lines}");
    let lines = String::from_utf8(run(&["--json"], &every_breach()).stdout).unwrap();
    assert!(lines.lines().filter(|line| line.contains("\"wrong\"")).count() > 30);
    let people = String::from_utf8(run(&[], &every_breach()).stdout).unwrap();
    assert!(people.contains("BROKEN (frame body too short)"), "{people}");
}

#[test]
fn lines_written_by_hand_need_only_what_they_mean() {
    let lines = r#"
        {"frame": "hello"}
        {"frame": "request", "stream": 1048576, "method": "GET", "host": "a", "target": "/", "fields": [["Host", "a"]]}
        {"frame": "raw", "stream": 1048576, "kind": 3, "body": {"base64": "/w=="}}"#;
    let output = run(&["--encode"], lines.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut rest = output.stdout.as_slice();
    let mut kinds = Vec::new();
    while let Some((frame, used)) = Frame::split(rest).unwrap() {
        kinds.push((frame.kind, frame.stream.raw(), frame.body.len()));
        rest = &rest[used..];
    }
    assert_eq!(kinds[0], (Kind::Hello, 0, 6));
    assert_eq!((kinds[1].0, kinds[1].1), (Kind::Request, 1_048_576));
    assert_eq!(kinds[2], (Kind::RequestEnd, 1_048_576, 1));
}

#[test]
fn a_wrong_line_is_named_and_those_before_it_are_written() {
    for wrong in [
        "{",
        "{}",
        r#"{"frame":"nothing"}"#,
        r#"{"frame":"reset","stream":1,"reason":"whim"}"#,
        r#"{"frame":"reset","stream":1,"reason":"echo","why":1}"#,
        r#"{"frame":"request_credit","stream":1,"bytes":0}"#,
        r#"{"frame":"response","stream":1,"status":42}"#,
        r#"{"frame":"raw","stream":1,"kind":15}"#,
        r#"{"frame":"request_data","stream":4294967296,"data":""}"#,
        r#"{"frame":"\u001b[31m"}"#,
    ] {
        let output = run(&["--encode"], format!("{{\"frame\":\"hello\"}}\n{wrong}\n").as_bytes());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(100), "{wrong}");
        assert!(said.contains("line 2: ") && !said.contains('\u{1b}'), "{said}");
        assert_eq!(output.stdout.len(), 15);
    }
    let long = format!("{{\"frame\":\"request_data\",\"stream\":1,\"data\":\"{}\"}}", "x".repeat(2_000_000));
    assert_eq!(run(&["--encode"], long.as_bytes()).status.code(), Some(100));
}

#[test]
fn input_that_is_no_frames_is_refused_behind_the_frames_before_it() {
    let mut frames = every_kind();
    let whole = run(&["--json"], &frames).stdout;
    frames.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    let output = run(&["--json"], &frames);
    assert_eq!((output.status.code(), output.stdout == whole), (Some(100), true));
    let cut = run(&["--json"], &every_kind()[..100]);
    assert_eq!(cut.status.code(), Some(100));
    assert!(String::from_utf8(cut.stderr).unwrap().contains("ends within a frame"));
}

#[test]
fn flipped_bits_never_break_the_way_back() {
    let frames = every_kind();
    let mut rest = frames.as_slice();
    while let Some((_, used)) = Frame::split(rest).unwrap() {
        let (one, after) = rest.split_at(used);
        rest = after;
        // Long bodies are bytes like any others.
        for bit in 0..if used < 1200 { used * 8 } else { 0 } {
            let mut bytes = one.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            target::frames(&bytes);
        }
    }
}

#[test]
fn the_manual_names_every_kind_and_every_field() {
    let manual = include_str!("../../../man/fosse-frames.7");
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        let name = format!("{kind:?}").chars().fold(String::new(), |name, one| {
            let gap = if one.is_ascii_uppercase() && !name.is_empty() { "_" } else { "" };
            name + gap + &one.to_ascii_uppercase().to_string()
        });
        assert!(manual.contains(&format!("\n.Ss {number} {name}\n")), "{number} {name}");
    }
    let lines = String::from_utf8(run(&["--json"], &every_kind()).stdout).unwrap();
    for line in lines.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        for name in
            value.as_object().unwrap().keys().filter(|name| !["frame", "stream", "data"].contains(&name.as_str()))
        {
            let row = manual.contains(&format!(".It {name} Ta")) || manual.contains(&format!(".Em {name}\n"));
            assert!(row || manual.contains(&format!(" {name}")), "{name} is not in fosse-frames(7)");
        }
    }
}
