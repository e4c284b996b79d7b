//! Content codings: right bodies, broken bodies, bombs.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use fosse_bodies::inflate::{
    Encoding, Inflate, InflateError, InflateLimits, RATIO_FREE_BYTES, RATIO_MAX, Requested, requested,
};
use std::io::Write;

const LIMITS: InflateLimits = InflateLimits { output_bytes_max: 1 << 20, ratio_max: RATIO_MAX };

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn raw(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn decode(encoding: Encoding, body: &[u8], piece_len: usize, limits: InflateLimits) -> Result<Vec<u8>, InflateError> {
    let (mut inflate, mut out) = (Inflate::new(encoding, limits), Vec::new());
    for piece in body.chunks(piece_len) {
        inflate.push(piece, &mut out)?;
    }
    inflate.finish(&mut out)?;
    Ok(out)
}

fn sample() -> Vec<u8> {
    (0..2000).flat_map(|n| format!("field{n}={}&", n * 7919).into_bytes()).collect()
}

#[test]
fn decodes_in_pieces_of_any_size() {
    let text = sample();
    for (encoding, body) in
        [(Encoding::Gzip, gzip(&text)), (Encoding::Deflate, zlib(&text)), (Encoding::Deflate, raw(&text))]
    {
        for piece_len in [1, 2, 3, 7, 1000, body.len()] {
            assert_eq!(decode(encoding, &body, piece_len, LIMITS).as_ref(), Ok(&text), "{encoding:?} {piece_len}");
        }
    }
}

#[test]
fn decodes_every_member_of_a_gzip_body() {
    let body = [gzip(b"hidden "), gzip(b"second")].concat();
    assert_eq!(decode(Encoding::Gzip, &body, 5, LIMITS).unwrap(), b"hidden second");
}

#[test]
fn a_body_cut_at_any_byte_is_broken() {
    for (encoding, body) in
        [(Encoding::Gzip, gzip(b"hello")), (Encoding::Deflate, zlib(b"hello")), (Encoding::Deflate, raw(b"hello"))]
    {
        for end in 1..body.len() {
            assert_eq!(decode(encoding, &body[..end], 64, LIMITS), Err(InflateError::Broken), "{encoding:?} {end}");
        }
        assert_eq!(decode(encoding, b"", 64, LIMITS), Ok(Vec::new()));
    }
}

#[test]
fn text_after_the_end_is_broken() {
    for (encoding, mut body) in [(Encoding::Gzip, gzip(b"hello")), (Encoding::Deflate, zlib(b"hello"))] {
        body.extend_from_slice(b"trailing text");
        assert_eq!(decode(encoding, &body, 64, LIMITS), Err(InflateError::Broken), "{encoding:?}");
    }
}

#[test]
fn a_bomb_is_stopped_by_the_ratio() {
    let bomb = gzip(&vec![b' '; 8 << 20]);
    let limits = InflateLimits { output_bytes_max: usize::MAX, ratio_max: RATIO_MAX };
    let (mut inflate, mut out) = (Inflate::new(Encoding::Gzip, limits), Vec::new());
    assert_eq!(inflate.push(&bomb, &mut out), Err(InflateError::TooDense));
    assert!(out.len() <= bomb.len() * RATIO_MAX);
    assert_eq!(inflate.push(b"more", &mut out), Err(InflateError::TooDense));
}

#[test]
fn short_dense_bodies_are_not_judged_by_the_ratio() {
    assert!(decode(Encoding::Gzip, &gzip(&vec![b' '; RATIO_FREE_BYTES]), 64, LIMITS).is_ok());
}

#[test]
fn the_body_limit_is_exact() {
    let text = sample();
    let limits = InflateLimits { output_bytes_max: text.len(), ..LIMITS };
    assert!(decode(Encoding::Gzip, &gzip(&text), 64, limits).is_ok());
    let limits = InflateLimits { output_bytes_max: text.len() - 1, ..LIMITS };
    assert_eq!(decode(Encoding::Gzip, &gzip(&text), 64, limits), Err(InflateError::TooLong));
}

#[test]
fn the_header_is_read_as_rfc_9110_says() {
    for (header, wanted) in [
        (&b""[..], Requested::Identity),
        (b" identity ", Requested::Identity),
        (b"GZIP", Requested::Decode(Encoding::Gzip)),
        (b"x-gzip", Requested::Decode(Encoding::Gzip)),
        (b"deflate", Requested::Decode(Encoding::Deflate)),
        (b"br", Requested::Unsupported),
        (b"gzip, gzip", Requested::Unsupported),
        (b"gzip;q=1", Requested::Unsupported),
    ] {
        assert_eq!(requested(header), wanted, "{}", header.escape_ascii());
    }
}
