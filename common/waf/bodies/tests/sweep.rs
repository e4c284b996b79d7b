//! What must hold on damaged bodies: cut at every byte, every bit flipped, random strings of
//! special bytes, and time that grows with the size and no faster.

use std::time::{Duration, Instant};

#[path = "../../../../fuzz/src/target/bodies.rs"]
mod target;

type Target = (&'static str, fn(&[u8]), &'static [u8], &'static [u8]);

const TARGETS: &[Target] = &[
    ("form", target::form, b"a=1&b%41=c+d&&e=%zz&f", b"a=&%41+;%"),
    (
        "json",
        target::json,
        br#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00"],"b":{"c":null,"d":[[]]},"e":true}"#,
        b"{}[]\",:\\u0041d8e1 -.tnf\xc3\xa9\n",
    ),
    (
        "multipart",
        target::multipart,
        b"multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nX: y\r\n z\r\n\r\n-- data\r\n--b--\r\n",
        b"--b\r\n: ;=\"\\nafe",
    ),
    (
        "xml",
        target::xml,
        b"<?xml version='1.0'?><!DOCTYPE r [<!ENTITY a 'b'>]><methodCall a='1&lt;'><value>x</value><![CDATA[y]]><!-- z --></methodCall>",
        b"<>/!?-[]&;#x'\"= ar\n\xc3\xa9",
    ),
    (
        "inflate",
        target::inflate,
        b"\x04\x1f\x8b\x08\0\0\0\0\0\x02\xff\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0",
        b"\x1f\x8b\x08\0\x02\xff\x78\x9c\x03\x01",
    ),
];

#[test]
fn invariants_hold_when_cut_at_every_byte() {
    for (_, run, good, _) in TARGETS {
        for end in 0..=good.len() {
            run(&good[..end]);
            run(&good[end..]);
        }
    }
}

#[test]
fn invariants_hold_when_every_bit_is_flipped() {
    for (_, run, good, _) in TARGETS {
        let mut body = good.to_vec();
        for bit in 0..body.len() * 8 {
            body[bit / 8] ^= 1 << (bit % 8);
            run(&body);
            body[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn invariants_hold_on_random_strings_of_special_bytes() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for (_, run, good, special) in TARGETS {
        for _ in 0..20_000 {
            let mut body: Vec<u8> = (0..next(24)).map(|_| special[next(special.len())]).collect();
            // Half of them inside of something good.
            if next(2) == 0 {
                let at = next(good.len());
                body = [&good[..at], &body, &good[at + next(good.len() - at)..]].concat();
            }
            run(&body);
        }
    }
}

/// Pieces that, repeated, have made parsers quadratic. A mebibyte of each must stay far below what
/// n squared would take (minutes); the allowance is for a slow machine and a build without
/// optimisation.
#[test]
fn time_grows_no_faster_than_the_body() {
    let json = |data: &[u8]| target::json(data);
    let xml = |data: &[u8]| target::xml(&[b"<r>".as_slice(), data].concat());
    let multipart = |data: &[u8]| {
        let head = b"multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
        target::multipart(&[head.as_slice(), data].concat());
    };
    let form = |data: &[u8]| target::form(data);
    type Case<'a> = (&'a str, &'a dyn Fn(&[u8]), &'a [&'a [u8]]);
    let cases: &[Case] = &[
        ("form", &form, &[b"&", b"=", b"%", b"%4", b"+"]),
        ("json", &json, &[b"[", b"{\"a\":", b"\"", b"\"\\", b"[1,", b"{\"a\":1,\"b\":", b" "]),
        (
            "xml",
            &xml,
            &[b"<a>", b"<a", b"<!--", b"<![CDATA[", b"&", b"&lt;", b"<a b='", b"<a/>", b"x<", b"<?", b"<a b=''/>"],
        ),
        ("multipart", &multipart, &[b"--", b"\n--", b"\n-", b"--b", b"\n--c\r\n", b"\r\n", b"x--bx", b"\n--b\r\n\r\n"]),
    ];
    for (name, run, pieces) in cases {
        for piece in *pieces {
            let body = piece.repeat((1 << 20) / piece.len());
            let start = Instant::now();
            run(&body);
            let took = start.elapsed();
            assert!(took < Duration::from_secs(60), "{name} took {took:?} on {}", piece.escape_ascii());
        }
    }
}
