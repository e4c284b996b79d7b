//! A parse that was taken over gets nothing past dispatch that is not one clean request after
//! the other, whatever frames it writes.

use fosse_soak::{
    double::{
        hostile_parse::{Target, attack, attack_greeted},
        script::{Script, frame, hello, kind, stream},
    },
    random::Random,
};
use fosse_wire::{
    frame::FRAME_BYTES_MAX,
    request::BodyLength::{Chunked, Exact, None as NoBody},
    verdict::Verdict,
};

const A: u32 = stream(7, 1);
const B: u32 = stream(8, 1);
const SPLIT: &[u8] = b"x\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";

fn script() -> Script {
    Script::default()
}

/// Runs a script and returns the bodies of the whole requests that reached the backend.
fn reached(name: &str, script: &Script) -> Vec<Vec<u8>> {
    let whole = attack_greeted(script).unwrap_or_else(|why| panic!("{name}: {why}"));
    whole.into_iter().map(|(_, _, body)| body).collect()
}

fn nothing_reaches(name: &str, script: &Script) {
    assert_eq!(reached(name, script), Vec::<Vec<u8>>::new(), "{name}");
}

fn at_most_one_reaches(name: &str, script: &Script) {
    let came = reached(name, script).len();
    assert!(came <= 1, "{name}: {came}");
}

#[test]
fn a_good_request_reaches_the_backend() {
    let all = script().get(A, &[(b"X-Keep", b"me")], |_| {}).post(B, Exact(5)).data(B, b"hello").end(B);
    let mut came = reached("good", &all);
    came.sort();
    assert_eq!(came, [b"".to_vec(), b"hello".to_vec()]);
}

#[test]
fn field_values_with_line_ends_or_nul_reach_nobody() {
    let values: [&[u8]; 9] = [
        b"x\r\nX-Smuggled: 1",
        b"x\nX-Smuggled: 1",
        b"x\rX-Smuggled: 1",
        b"x\r\n X-Smuggled: folded",
        b"x\0y",
        b"\r\n",
        b"x\r",
        b"x\x7fy",
        SPLIT,
    ];
    for value in values {
        let name = String::from_utf8_lossy(value).into_owned();
        nothing_reaches(&name, &script().get(A, &[(b"X-A", value)], |_| {}));
    }
}

#[test]
fn field_names_that_are_no_tokens_reach_nobody() {
    let names: [&[u8]; 14] = [
        b"",
        b"X A",
        b"X-A:",
        b"X-A\r\nX-Smuggled",
        b"X-A\nX-Smuggled",
        b"X-A: 1\r\nX-Smuggled",
        b"Transfer-Encoding ",
        b" Transfer-Encoding",
        b"Transfer-Encoding\x0b",
        b"\0Content-Length",
        b"Content-Length\t",
        b"X\x80",
        b"\xe2\x84\xaa",
        b"\"X\"",
    ];
    for name in names {
        let shown = String::from_utf8_lossy(name).into_owned();
        nothing_reaches(&shown, &script().get(A, &[(name, b"chunked")], |_| {}));
    }
}

#[test]
fn framing_fields_of_the_attacker_never_frame_anything() {
    let fields: [(&[u8], &[u8]); 24] = [
        (b"Content-Length", b"5"),
        (b"content-length", b"+5"),
        (b"CONTENT-LENGTH", b"5, 5"),
        (b"Content-Length", b""),
        (b"Content-Length", b"18446744073709551616"),
        (b"Transfer-Encoding", b"chunked"),
        (b"transfer-encoding", b"xchunked"),
        (b"Transfer-encoding", b"chunked, identity"),
        (b"Transfer-Encoding", b"\"chunked\""),
        (b"TE", b"trailers"),
        (b"Trailer", b"Content-Length"),
        (b"Connection", b"close"),
        (b"Connection", b"Content-Length"),
        (b"Connection", b"Host, X-Forwarded-For, Transfer-Encoding"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Proxy-Connection", b"keep-alive"),
        (b"Upgrade", b"h2c"),
        (b"HTTP2-Settings", b"AAMAAABkAAQCAAAAAAIAAAAA"),
        (b"Expect", b"100-continue"),
        (b"Content_Length", b"5"),
        (b"Transfer_Encoding", b"chunked"),
        (b"Host", b"b.example"),
        (b"Host", b"smuggled"),
        (b"Proxy", b"http://smuggled"),
    ];
    for field in fields {
        let name = format!("{}: {}", String::from_utf8_lossy(field.0), String::from_utf8_lossy(field.1));
        at_most_one_reaches(&name, &script().get(A, &[field, field], |_| {}));
        let body = reached(&name, &script().request(A, &[field], |h| h.body = Exact(3)).data(A, b"abc").end(A));
        assert!(body.iter().all(|b| b == b"abc"), "{name}: {body:?}");
        let body = reached(&name, &script().request(A, &[field], |h| h.body = Chunked).data(A, b"abc").end(A));
        assert!(body.iter().all(|b| b == b"abc"), "{name}: {body:?}");
    }
}

#[test]
fn forwarding_fields_of_the_attacker_are_written_again() {
    for name in [
        &b"X-Forwarded-For"[..],
        b"Forwarded",
        b"X-Real-IP",
        b"X-Forwarded-Host",
        b"x-forwarded-proto",
        b"X_Forwarded_For",
    ] {
        at_most_one_reaches("forwarding", &script().get(A, &[(name, b"6.6.6.6"), (name, b"6.6.6.6")], |_| {}));
    }
}

#[test]
fn methods_and_targets_that_break_the_line_reach_nobody() {
    let bad: [&[u8]; 9] =
        [b"GET /smuggled HTTP/1.1\r\nX:", b"G ET", b"GET\r\n", b"GET\0", b"\r\nGET", b"GET\t", b"G\x80", b"", b"(GET)"];
    for method in bad {
        let name = String::from_utf8_lossy(method).into_owned();
        nothing_reaches(&name, &script().get(A, &[], |h| h.method = method));
    }
    let bad: [&[u8]; 11] = [
        b"/ HTTP/1.1\r\nX-Smuggled: 1\r\nA: ",
        b"/\r\n\r\nGET /smuggled HTTP/1.1",
        b"/ /smuggled",
        b"/\0",
        b"/\t",
        b"/\n",
        b"/\x7f",
        b" /",
        b"",
        b"smuggled",
        b"http://b.example/smuggled",
    ];
    for target in bad {
        let name = String::from_utf8_lossy(target).into_owned();
        nothing_reaches(&name, &script().get(A, &[], |h| h.target = target));
    }
}

#[test]
fn hosts_and_sites_that_do_not_belong_together_reach_nobody() {
    for host in [
        &b"b.example"[..],
        b"a.example\r\nX-Smuggled: 1",
        b"A.EXAMPLE",
        b"a.example.",
        b"a.example ",
        b"xa.example",
        b"",
        b"a.example\0",
        b"a.example, b.example",
        b"a.example/",
    ] {
        let name = String::from_utf8_lossy(host).into_owned();
        nothing_reaches(&name, &script().get(A, &[], |h| h.host = host));
    }
    for site in [1, 2, 99, u32::MAX] {
        nothing_reaches(&format!("site {site}"), &script().get(A, &[], |h| h.site = site));
    }
}

#[test]
fn upgrades_are_offered_only_as_configured() {
    for token in [&b"websocket\r\nX-Smuggled: 1"[..], b"h2c", b"websocket, h2c", b"HTTP/2.0"] {
        at_most_one_reaches("upgrade", &script().get(A, &[], |h| h.upgrade = token));
    }
    let with_body = script().request(A, &[], |h| (h.upgrade, h.body) = (b"websocket", Exact(3))).data(A, b"abc").end(A);
    at_most_one_reaches("upgrade with a body", &with_body);
}

#[test]
fn bodies_that_are_not_as_long_as_they_said_are_never_whole() {
    let cases = [
        ("short", script().post(A, Exact(5)).data(A, b"four").end(A)),
        ("missing", script().post(A, Exact(5)).end(A)),
        ("long", script().post(A, Exact(5)).data(A, b"sixsix").end(A)),
        ("long in a second frame", script().post(A, Exact(5)).data(A, b"four").data(A, SPLIT).end(A)),
        ("endless", script().post(A, Exact(u64::MAX)).data(A, b"x").end(A)),
        ("without an end", script().post(A, Exact(9)).data(A, b"four")),
        ("chunks without an end", script().post(A, Chunked).data(A, b"four")),
        ("reset", script().post(A, Chunked).data(A, b"four").raw(A, kind::RESET, &[0])),
        ("reset of a reason that is none", script().post(A, Chunked).data(A, b"four").raw(A, kind::RESET, &[99])),
        (
            "a verdict behind a part",
            script().post(A, Chunked).data(A, b"four").verdict(A, &Verdict { status: 403, ..Verdict::default() }),
        ),
        ("more than the window", script().post(A, Exact(17_000)).data(A, &[b'x'; 17_000]).end(A)),
        ("end with half a trailer", script().post(A, Chunked).data(A, b"four").raw(A, kind::REQUEST_END, &[1, 0, 9])),
        ("end with a byte too many", script().post(A, Chunked).data(A, b"four").raw(A, kind::REQUEST_END, &[0, 0, 0])),
    ];
    for (name, script) in cases {
        nothing_reaches(name, &script);
    }
    let cases = [
        ("behind the last byte", script().post(A, Exact(4)).data(A, b"four").data(A, SPLIT).end(A)),
        ("none at all", script().get(A, &[], |h| h.body = NoBody).data(A, SPLIT)),
        ("none of an exact 0", script().request(A, &[], |h| h.body = Exact(0)).data(A, SPLIT).end(A)),
        ("behind the end", script().post(A, Exact(4)).data(A, b"four").end(A).data(A, SPLIT)),
        ("two ends", script().post(A, Exact(4)).data(A, b"four").end(A).end(A)),
        ("end and reset", script().post(A, Exact(4)).data(A, b"four").end(A).raw(A, kind::RESET, &[0])),
    ];
    for (name, script) in cases {
        at_most_one_reaches(name, &script);
    }
}

#[test]
fn a_body_in_chunks_stays_one_body_whatever_it_holds() {
    for body in
        [&b"0\r\n\r\n"[..], b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n", b"\r\n", b"5\r\nhello\r\n"]
    {
        let parts = script().post(A, Chunked).data(A, b"").data(A, body).data(A, b"").data(A, body).end(A);
        assert_eq!(reached("chunks", &parts), [[body, body].concat()]);
    }
}

#[test]
fn trailers_neither_frame_nor_split() {
    for trailer in [
        (&b"Content-Length"[..], &b"5"[..]),
        (b"Transfer-Encoding", b"chunked"),
        (b"Host", b"b.example"),
        (b"X-Smuggled\r\n\r\nGET /smuggled HTTP/1.1", b"x"),
        (b"X-T", SPLIT),
        (b"", b"x"),
        (b"X T", b"x"),
    ] {
        let all = script().post(A, Chunked).data(A, b"four").end_with(A, &[trailer, (b"X-Fine", b"1")]);
        assert!(reached("trailer", &all).iter().all(|b| b == b"four"));
    }
}

#[test]
fn streams_do_not_mix() {
    let two =
        script().post(A, Exact(6)).post(B, Exact(6)).data(A, b"aaa").data(B, b"bbb").data(A, b"AAA").data(B, b"BBB");
    let mut came = reached("interleaved", &two.end(B).end(A));
    came.sort();
    assert_eq!(came, [b"aaaAAA".to_vec(), b"bbbBBB".to_vec()]);
    let next = stream(7, 2);
    let cases = [
        ("a second head", script().post(A, Exact(3)).post(A, Exact(3)).data(A, b"abc").end(A)),
        (
            "the next generation while the last lives",
            script().post(A, Exact(3)).post(next, Exact(3)).data(next, b"abc").end(next),
        ),
        ("data of an older generation", script().post(next, Exact(6)).data(A, b"abc").data(next, b"abc").end(next)),
        ("data of nobody", script().post(A, Exact(6)).data(B, b"abc").data(A, b"abc").end(A)),
    ];
    for (name, script) in cases {
        nothing_reaches(name, &script);
    }
    let after_reset = script()
        .post(A, Exact(6))
        .data(A, b"abc")
        .raw(A, kind::RESET, &[0])
        .post(next, Exact(3))
        .data(next, b"xyz")
        .end(next);
    assert_eq!(reached("a slot used again", &after_reset), [b"xyz"]);
}

#[test]
fn held_bodies_pay_for_themselves() {
    let held = |n: u32, body: &[u8]| {
        let head = script().request(A, &[], |h| (h.body, h.held) = (Exact(body.len() as u64), n));
        body.chunks(16_000).fold(head, |s, part| s.data(A, part)).end(A)
    };
    let body = vec![b'h'; 60_000];
    assert_eq!(reached("held", &held(60_000, &body)), std::slice::from_ref(&body));
    nothing_reaches("held less than sent", &held(1, &body));
    nothing_reaches("more held than memory allows", &held(u32::MAX, &body));
}

#[test]
fn verdicts_are_responses_and_never_requests() {
    let verdict = |v: Verdict<'_>| script().verdict(A, &v);
    let denied = Verdict { status: 403, message: b"no", ..Verdict::default() };
    nothing_reaches("denied", &verdict(denied));
    nothing_reaches("redirected", &verdict(Verdict { status: 302, location: b"x\r\nX-Smuggled: 1", ..denied }));
    nothing_reaches("a verdict that all is well", &verdict(Verdict { status: 200, ..denied }));
    nothing_reaches("data behind a verdict", &verdict(denied).data(A, SPLIT).end(A));
    at_most_one_reaches("a verdict behind the end", &script().get(A, &[], |_| {}).verdict(A, &denied));
}

#[test]
fn frames_of_the_other_direction_and_out_of_place_reach_nobody() {
    for other in [kind::HELLO, kind::RESPONSE, kind::RESPONSE_DATA, kind::RESPONSE_END, 12, 77, 255] {
        nothing_reaches(&format!("kind {other}"), &script().raw(A, other, SPLIT).get(B, &[], |_| {}));
        let inside = script().post(A, Exact(9)).data(A, b"four").raw(A, other, SPLIT).data(A, b"fiver").end(A);
        nothing_reaches(&format!("kind {other} within a body"), &inside);
    }
    for early in [kind::REQUEST_DATA, kind::REQUEST_END] {
        nothing_reaches("before a head", &script().raw(A, early, b"").get(B, &[], |_| {}));
    }
    let leases = [
        script().get(A, &[], |_| {}).raw(A, kind::LEASE, SPLIT),
        script().post(A, Exact(3)).raw(A, kind::LEASE, b"").data(A, b"abc").end(A),
        script().raw(B, kind::LEASE, SPLIT).get(A, &[], |_| {}),
    ];
    leases.iter().for_each(|s| at_most_one_reaches("lease", s));
    for bytes in [&[0, 0, 0, 0][..], &[1, 2, 3], &[255; 4], &[0; 8], b""] {
        for credit in [kind::RESPONSE_CREDIT, kind::REQUEST_CREDIT] {
            let odd = script().post(A, Exact(3)).raw(A, credit, bytes).raw(A, credit, bytes).data(A, b"abc").end(A);
            at_most_one_reaches("credit", &odd);
        }
    }
}

#[test]
fn lengths_out_of_range_end_the_conversation() {
    for length in [0u32, 1, 4, FRAME_BYTES_MAX as u32 + 1, 1 << 31, u32::MAX] {
        let all = script().bytes(&[&length.to_le_bytes()[..], &[0; 64]].concat()).get(A, &[], |_| {});
        nothing_reaches(&format!("length {length}"), &all);
    }
    let protocol = u8::try_from(fosse_wire::PROTOCOL).unwrap();
    for greeting in [
        frame(0, 0, &[protocol + 1, 0, 0, 0, 0, 1]),
        frame(0, 0, &[protocol, 0, 8, 0, 0, 1]),
        frame(0, 0, &[protocol, 0]),
        frame(0, 0, &[protocol, 0, 0, 0]),
        frame(1, 0, &[protocol, 0, 0, 0, 0, 1]),
        // A front that there is not, and one of two where there is one.
        frame(0, 0, &[protocol, 0, 0, 0, 1, 1]),
        frame(0, 0, &[protocol, 0, 0, 0, 0, 3]),
        frame(0, 0, &[protocol, 0, 0, 0, 0, 2]),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        Vec::new(),
    ] {
        let came = attack(&greeting, &script().get(A, &[], |_| {})).unwrap();
        assert!(came.is_empty(), "{greeting:?}");
    }
}

#[test]
fn every_head_with_a_flipped_bit_or_a_cut_is_clean_or_refused() {
    let head = &script().get(A, &[(b"X-Keep", b"me"), (b"Content-Length", b"5")], |_| {}).frames[0][9..];
    let mut target = Target::start(&hello());
    let mut again = |number: usize, body: &[u8]| {
        let id = stream(100 + number as u32, 1);
        target.say(&frame(id, kind::REQUEST, body));
        target.say(&frame(id, kind::REQUEST_END, &[0, 0]));
        target.settle();
        if target.is_gone() {
            let record = std::mem::replace(&mut target, Target::start(&hello())).end().unwrap();
            assert_eq!(record.findings, Vec::<String>::new(), "input {number}: {body:?}");
        }
    };
    let mut body = head.to_vec();
    for at in 0..body.len() {
        let bit = 1 << (at % 8);
        body[at] ^= bit;
        again(2 * at, &body);
        body[at] ^= bit;
        if at % 3 == 0 {
            again(2 * at + 1, &body[..at]);
        }
    }
    assert_eq!(target.end().unwrap().findings, Vec::<String>::new());
}

/// Frames in any order with any damage; the seed is in the message of a failure.
#[test]
fn garbage_reaches_nobody() {
    let rounds = std::env::var("FOSSE_SOAK_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut target = Target::start(&hello());
        for _ in 0..40 {
            let mut bytes = any_frame(&mut random);
            if random.percent(15) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
            if random.percent(3) {
                bytes.truncate(random.below(bytes.len() as u64) as usize);
            }
            target.say(&bytes);
        }
        target.settle_within(std::time::Duration::from_millis(100));
        let sent = format!("{:?}", target.sent.lock().unwrap());
        let record = target.end().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert_eq!(record.findings, Vec::<String>::new(), "seed {seed}: {sent}");
    }
}

/// One frame, mostly in order; no marks in it: what is damaged may end up anywhere.
fn any_frame(random: &mut Random) -> Vec<u8> {
    let id = stream(random.below(4) as u32, 1 + random.below(2) as u32);
    let body = *random.pick(&[NoBody, Exact(4), Exact(8), Chunked]);
    let script = Script::default();
    let mut script = match random.below(10) {
        0..=2 => script.request(id, &[(b"X-A", b"1")], |h| (h.method, h.body) = (b"POST", body)),
        3 | 4 => script.data(id, b"four"),
        5 | 6 => script.end(id),
        7 => script.raw(id, random.below(13) as u8, &[1, 0, 0, 0]),
        8 => script.raw(id, kind::RESET, &[random.below(7) as u8]),
        _ => script.get(id, &[], |h| h.upgrade = b"websocket"),
    };
    script.frames.swap_remove(0)
}
