//! Frames that a dispatch must not send end the conversation; clients get 503 or a reset, and
//! never bytes that were meant for another client.

use std::time::Duration;

use fosse_harness::WAIT_MAX;
use fosse_soak::{
    double::{
        hostile_dispatch::{Fate, Target, Victim, data, end, response},
        script::{frame, kind, stream},
    },
    random::Random,
};
use fosse_wire::{frame::FRAME_BYTES_MAX, request::BodyLength};

/// What a client may have got of a response: nothing, a response of parse's own, or what was
/// written for it.
fn harmless(name: &str, fate: &Fate, own: &str, others: &str) {
    let text = String::from_utf8_lossy(&fate.bytes);
    assert!(!text.contains(others), "{name}: got another client's bytes: {text}");
    let refused = text.starts_with("HTTP/1.1 503 ");
    // A head may have gone on before what came behind it: it is cut then, and says so.
    let is_cut = fate.reset && text.ends_with("\r\n\r\n");
    assert!(text.is_empty() || refused || is_cut || text.contains(own), "{name}: {text}");
    assert!(!text.is_empty() || fate.reset, "{name}: an end without a word");
    assert!(!text.to_ascii_lowercase().contains("smuggled"), "{name}: {text}");
}

/// Two clients wait; `attack` says something about both. The conversation must end, and neither may
/// be harmed.
fn breaks_off(name: &str, attack: impl FnOnce(u32, u32) -> Vec<Vec<u8>>) {
    let mut target = Target::start();
    let (a, b) = (target.victim(false), target.victim(false));
    attack(a.stream, b.stream).iter().for_each(|bytes| target.say(bytes));
    // Clients that leave let parse go at once.
    harmless(name, &a.fate(), "FOR-A", "FOR-B");
    harmless(name, &b.fate(), "FOR-B", "FOR-A");
    assert!(target.breaks_off(WAIT_MAX), "{name}: parse goes on");
    target.end().unwrap_or_else(|why| panic!("{name}: {why}"));
}

#[test]
fn a_good_response_arrives() {
    let mut target = Target::start();
    let (a, b) = (target.victim(false), target.victim(false));
    for (victim, text) in [(&b, "FOR-B"), (&a, "FOR-A")] {
        target.say(&response(victim.stream, |h| (h.body, h.close) = (BodyLength::Exact(5), true), &[]));
        target.say(&data(victim.stream, text.as_bytes()));
        target.say(&end(victim.stream, 0));
    }
    for (victim, text) in [(a, "FOR-A"), (b, "FOR-B")] {
        let fate = victim.fate();
        assert!(fate.bytes.ends_with(text.as_bytes()), "{}", String::from_utf8_lossy(&fate.bytes));
    }
    target.end().unwrap();
}

#[test]
fn a_field_that_would_split_a_response_ends_the_conversation() {
    let fields: [(&[u8], &[u8]); 12] = [
        (b"X-A", b"x\r\nX-Smuggled: 1"),
        (b"X-A", b"x\nX-Smuggled: 1"),
        (b"X-A", b"x\rX-Smuggled: 1"),
        (b"X-A", b"x\r\n\r\nsmuggled"),
        (b"X-A", b"x\0y"),
        (b"X A", b"smuggled"),
        (b"", b"smuggled"),
        (b"X-Smuggled:", b"x"),
        (b"X\r\nX-Smuggled", b"x"),
        (b"X-A ", b"smuggled"),
        (b"\x80", b"smuggled"),
        (b"X-A\0", b"smuggled"),
    ];
    for field in fields {
        let name = format!("{field:?}");
        breaks_off(&name, |a, _| vec![response(a, |_| {}, &[field]), data(a, b"FOR-"), end(a, 0)]);
    }
}

#[test]
fn frames_out_of_order_end_the_conversation() {
    breaks_off("data before a head", |a, _| vec![data(a, b"FOR-A")]);
    breaks_off("end before a head", |a, _| vec![end(a, 0)]);
    breaks_off("two heads", |a, _| vec![response(a, |_| {}, &[]), response(a, |_| {}, &[])]);
    breaks_off("hello again", |_, _| {
        vec![frame(0, kind::HELLO, &[fosse_wire::PROTOCOL.to_le_bytes()[0], 0, 0, 0, 0, 1])]
    });
    for other in [
        kind::REQUEST,
        kind::REQUEST_DATA,
        kind::REQUEST_END,
        kind::RESPONSE_CREDIT,
        kind::VERDICT,
        kind::LEASE,
        12,
        200,
    ] {
        breaks_off(&format!("kind {other}"), |a, _| vec![frame(a, other, b"smuggled")]);
    }
}

#[test]
fn bodies_that_are_not_as_long_as_they_said_never_look_whole() {
    let head = |stream: u32, length: u64| response(stream, |h| h.body = BodyLength::Exact(length), &[]);
    breaks_off("longer", |a, _| vec![head(a, 5), data(a, b"FOR-A-smuggled"), end(a, 0)]);
    breaks_off("longer by a frame", |a, _| vec![head(a, 5), data(a, b"FOR-A"), data(a, b"smuggled")]);
    breaks_off("shorter", |a, _| vec![head(a, 50), data(a, b"FOR-A"), end(a, 0)]);
    breaks_off("more than the credit", |a, _| {
        vec![head(a, 1 << 30), data(a, &[b'x'; 20_000]), data(a, &[b'x'; 100_000])]
    });
    breaks_off("counted without a lease", |a, _| vec![head(a, 5), end(a, 5)]);
    let mut target = Target::start();
    let a = target.victim(false);
    target.say(&head(a.stream, 50));
    target.say(&data(a.stream, b"FOR-A"));
    target.say(&frame(a.stream, kind::RESET, &[1]));
    let fate = a.fate();
    assert!(fate.reset, "a part of a response ended like a whole one: {:?}", String::from_utf8_lossy(&fate.bytes));
    target.end().unwrap();
}

#[test]
fn interim_responses_without_end_end_the_conversation() {
    let hint = |stream: u32, fill: &[u8]| response(stream, |h| (h.status, h.interim) = (103, true), &[(b"X-A", fill)]);
    breaks_off("too many", |a, _| vec![hint(a, b"FOR-A").repeat(100)]);
    breaks_off("too large", |a, _| vec![hint(a, &b"FOR-A".repeat(2000)).repeat(2)]);
}

#[test]
fn damaged_frames_end_the_conversation() {
    for length in [0u32, 4, FRAME_BYTES_MAX as u32 + 1, u32::MAX] {
        breaks_off(&format!("length {length}"), |_, _| vec![[&length.to_le_bytes()[..], &[0; 64]].concat()]);
    }
    for body in [&b""[..], &[0; 29], &[255; 40], &[200, 0, 255, 0, 0]] {
        breaks_off("a head that is none", |a, _| vec![frame(a, kind::RESPONSE, body)]);
    }
    for status in [0u16, 99, 101, 1000, u16::MAX] {
        breaks_off(&format!("status {status}"), |a, _| vec![response(a, |h| h.status = status, &[])]);
    }
    for (kind, body) in [
        (kind::RESET, &b"\x63"[..]),
        (kind::RESET, b""),
        (kind::REQUEST_CREDIT, &[0; 4]),
        (kind::REQUEST_CREDIT, &[1; 5]),
    ] {
        breaks_off("reset or credit", |a, _| vec![frame(a, kind, body)]);
    }
}

#[test]
fn streams_of_nobody_reach_nobody() {
    let late = |a: u32| [a.wrapping_sub(1 << 20), a.wrapping_add(1 << 20), stream(50_000, 1), a | 0xf_0000];
    for which in 0..4 {
        let mut target = Target::start();
        let (a, b) = (target.victim(false), target.victim(false));
        let other = late(a.stream)[which];
        target.say(&response(other, |h| h.body = BodyLength::Exact(8), &[]));
        target.say(&data(other, b"smuggled"));
        target.say(&end(other, 0));
        target.say(&response(b.stream, |h| (h.body, h.close) = (BodyLength::Exact(5), true), &[]));
        target.say(&data(b.stream, b"FOR-B"));
        target.say(&end(b.stream, 0));
        harmless("b", &b.fate(), "FOR-B", "FOR-A");
        target.end().unwrap();
        harmless("a", &a.fate(), "FOR-A", "FOR-B");
    }
}

#[test]
fn leases_and_upgrades_nobody_asked_for_end_the_conversation_or_nothing() {
    breaks_off("an upgrade nobody asked for", |a, _| {
        vec![response(a, |h| (h.status, h.upgrade, h.lease, h.body) = (101, true, true, BodyLength::None), &[])]
    });
    breaks_off("data under a lease", |a, _| {
        vec![response(a, |h| (h.lease, h.body) = (true, BodyLength::Exact(50_000)), &[]), data(a, b"smuggled")]
    });
    breaks_off("a lease of the wrong size", |a, _| {
        vec![response(a, |h| (h.lease, h.body) = (true, BodyLength::Exact(50_000)), &[]), end(a, 49_999)]
    });
}

/// Frames in any order with any damage: whatever a client gets was written for its stream.
#[test]
fn garbage_mixes_no_clients() {
    let rounds = std::env::var("FOSSE_SOAK_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut target = Target::start();
        let victims: Vec<Victim> = (0..6).map(|n| target.victim(n % 3 == 2)).collect();
        for _ in 0..30 {
            let stream = random.pick(&victims).stream;
            let mark = format!("<{stream}>");
            let mut bytes = match random.below(8) {
                0..=2 => response(
                    stream,
                    |h| h.body = *random.pick(&[BodyLength::Chunked, BodyLength::Exact(40), BodyLength::None]),
                    &[(b"X-Mark", mark.as_bytes())],
                ),
                3 | 4 => data(stream, mark.as_bytes()),
                5 => end(stream, 0),
                6 => frame(stream, kind::REQUEST_CREDIT, &[0, 16, 0, 0]),
                _ => frame(stream, random.below(13) as u8, &[1]),
            };
            // Marks stay as they are: damage is done to what leads them.
            if random.percent(8) {
                bytes[random.below(4) as usize] ^= 1 << random.below(8);
            }
            target.say(&bytes);
        }
        target.breaks_off(Duration::from_millis(20));
        target.end().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let marks: Vec<String> = victims.iter().map(|v| format!("<{}>", v.stream)).collect();
        for (number, victim) in victims.into_iter().enumerate() {
            let text = String::from_utf8_lossy(&victim.fate().bytes).into_owned();
            for mark in marks.iter().filter(|m| **m != marks[number]) {
                assert!(!text.contains(mark.as_str()), "seed {seed}: client {number} got {mark}: {text}");
            }
        }
    }
}
