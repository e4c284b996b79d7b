//! The table of documented cases (cases.txt), and what must hold for every input.

use fosse_transform::{Outcome, Transform};

#[allow(dead_code, reason = "the sweeps try every transformation")]
#[path = "../../../../fuzz/src/target/transform.rs"]
mod target;

fn unquote(text: &str) -> Vec<u8> {
    let mut value = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        value.push(match bytes.next().unwrap() {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'0' => 0,
            b'x' => {
                let pair = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    value
}

/// Splits `name "input" "value"`.
fn case(line: &str) -> (&str, Vec<u8>, Vec<u8>) {
    let (name, rest) = line.split_once(' ').unwrap();
    let rest = rest.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    let mut escaped = false;
    let end = rest
        .bytes()
        .position(|byte| {
            let quote = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            quote
        })
        .unwrap();
    (name, unquote(&rest[..end]), unquote(rest[end..].strip_prefix("\" \"").unwrap()))
}

fn cases() -> Vec<(Transform, Vec<u8>, Vec<u8>)> {
    let lines = include_str!("cases.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, input, value) = case(line);
            (Transform::from_name(name).unwrap_or_else(|| panic!("unknown name in {line}")), input, value)
        })
        .collect()
}

#[test]
fn every_documented_case_holds() {
    let mut wrong = Vec::new();
    for (transform, input, value) in cases() {
        let got = transform.apply(&input);
        if *got != *value {
            wrong.push(format!(
                "{} of {}: {} and not {}",
                transform.name(),
                input.escape_ascii(),
                got.escape_ascii(),
                value.escape_ascii()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_transformation_has_a_case() {
    for (transform, name) in Transform::ALL {
        assert!(cases().iter().any(|(tested, ..)| *tested == transform), "{name} has none");
    }
}

#[test]
fn unchanged_values_are_borrowed() {
    for (transform, input, value) in cases() {
        let mut out = Vec::new();
        let outcome = transform.run(&input, &mut out);
        if input == value {
            assert_eq!(outcome, Outcome::Same, "{}", transform.name());
        } else {
            assert_ne!(outcome, Outcome::Same, "{}", transform.name());
        }
    }
}

#[test]
fn invariants_hold_when_cases_are_cut_at_every_byte() {
    for (transform, input, _) in cases() {
        for end in 0..=input.len() {
            target::transform_all(&input[..end]);
            target::transform_all(&input[end..]);
        }
        let _ = transform;
    }
}

#[test]
fn invariants_hold_when_every_bit_of_cases_is_flipped() {
    for (_, mut input, _) in cases() {
        for bit in 0..input.len().min(40) * 8 {
            input[bit / 8] ^= 1 << (bit % 8);
            target::transform_all(&input);
            input[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn invariants_hold_for_all_bytes_after_a_special_one() {
    for first in *b"%\\&#/.*-<!+0 \0\xa0\xc3\xe2\xf0\xff" {
        for second in 0..=255u8 {
            target::transform_all(&[first, second]);
        }
    }
}

#[test]
fn invariants_hold_on_random_strings_of_special_bytes() {
    let special = b"%\\&#/.*-<!+xXuU09aAfF;\"'^ \t\n\0\xa0\xc3\xa9\xe2\x82\xf0=,(";
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..20_000 {
        let length = next() % 48;
        let input: Vec<u8> = (0..length).map(|_| special[(next() % special.len() as u64) as usize]).collect();
        target::transform_all(&input);
    }
}

/// Decoding what was encoded gives the original.
#[test]
fn encoders_and_decoders_are_inverse() {
    let all: Vec<u8> = (0..=255).collect();
    for (encode, decode) in [
        (Transform::Base64Encode, Transform::Base64Decode),
        (Transform::Base64Encode, Transform::Base64DecodeExt),
        (Transform::HexEncode, Transform::HexDecode),
        (Transform::UrlEncode, Transform::UrlDecode),
        (Transform::UrlEncode, Transform::UrlDecodeUni),
    ] {
        for start in 0..5 {
            let input = &all[start..];
            assert_eq!(*decode.apply(&encode.apply(input)), *input, "{}", decode.name());
        }
    }
}
