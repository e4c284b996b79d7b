//! Chunked bodies: the same however they are cut, and nothing but the grammar.

use fosse_http1::{ChunkedDecoder, LAST_CHUNK, Piece, Refusal, trailer_allowed, write_chunk};

/// Feeds the parts in turn; body, trailers as text, bytes consumed and whether the end came.
fn decode(parts: &[&[u8]]) -> Result<(Vec<u8>, String, usize, bool), Refusal> {
    let mut decoder = ChunkedDecoder::new();
    let mut body = Vec::new();
    let mut consumed = 0;
    for part in parts {
        let mut rest = *part;
        while !decoder.is_end() {
            let (used, piece) = decoder.next(rest)?;
            consumed += used;
            rest = &rest[used..];
            match piece {
                Piece::Data(bytes) => body.extend_from_slice(bytes),
                Piece::More | Piece::End => break,
            }
        }
    }
    let trailers = String::from_utf8_lossy(decoder.trailers().raw()).into_owned();
    Ok((body, trailers, consumed, decoder.is_end()))
}

const GOOD: &[u8] = b"5\r\nhello\r\nA;a=\"b\\\"c\";d\r\n0123456789\r\n0;x\r\nX-Sum: 1\r\nY:\r\n\r\nGET / ";

#[test]
fn gives_the_same_however_it_is_cut() {
    let whole = decode(&[GOOD]).unwrap();
    assert_eq!(whole, (b"hello0123456789".to_vec(), "X-Sum: 1\r\nY:\r\n".into(), GOOD.len() - 6, true));
    for first in 0..GOOD.len() {
        for second in first..GOOD.len() {
            let parts = [&GOOD[..first], &GOOD[first..second], &GOOD[second..]];
            assert_eq!(decode(&parts).as_ref(), Ok(&whole), "cut at {first} and {second}");
        }
    }
    let bytes: Vec<&[u8]> = GOOD.chunks(1).collect();
    assert_eq!(decode(&bytes), Ok(whole));
}

#[test]
fn every_prefix_is_unfinished_not_wrong() {
    for end in 0..GOOD.len() - 6 {
        assert!(!decode(&[&GOOD[..end]]).unwrap().3, "cut at {end}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn refuses_everything_but_the_grammar() {
    for (bytes, why) in [
        ("\r\n", Refusal::BadChunkSize),
        ("g\r\n", Refusal::BadChunkSize),
        ("0x5\r\n", Refusal::BadChunkSize),
        ("+5\r\n", Refusal::BadChunkSize),
        ("-5\r\n", Refusal::BadChunkSize),
        (" 5\r\n", Refusal::BadChunkSize),
        ("5 \r\n", Refusal::BadChunkSize),
        ("5 ;a\r\n", Refusal::BadChunkSize),
        ("5\t\r\n", Refusal::BadChunkSize),
        ("5,\r\n", Refusal::BadChunkSize),
        ("5_0\r\n", Refusal::BadChunkSize),
        (";a\r\n", Refusal::BadChunkSize),
        ("5\n", Refusal::BadChunkEnd),
        ("5\r5", Refusal::BadChunkEnd),
        ("5\r\r\n", Refusal::BadChunkEnd),
        ("5;a\n", Refusal::BadChunkExtension),
        ("5;a\rb\n", Refusal::BadChunkEnd),
        ("5;\r\n", Refusal::BadChunkExtension),
        ("5; \r\n", Refusal::BadChunkExtension),
        ("5;a \r\n", Refusal::BadChunkExtension),
        ("5;a=\r\n", Refusal::BadChunkExtension),
        ("5;a=b=c\r\n", Refusal::BadChunkExtension),
        ("5;=b\r\n", Refusal::BadChunkExtension),
        ("5;a b\r\n", Refusal::BadChunkExtension),
        ("5;a(b\r\n", Refusal::BadChunkExtension),
        ("5;a=\"b\r\n", Refusal::BadChunkExtension),
        ("5;a=\"b\"c\r\n", Refusal::BadChunkExtension),
        ("5;a=\"b\\\r\n", Refusal::BadChunkExtension),
        ("5;a;;b\r\n", Refusal::BadChunkExtension),
        ("5;\0\r\n", Refusal::BadChunkExtension),
        ("5;\u{e9}\r\n", Refusal::BadChunkExtension),
        ("1\r\nab\r\n", Refusal::BadChunkEnd),
        ("1\r\na\n", Refusal::BadChunkEnd),
        ("1\r\na\r\r", Refusal::BadChunkEnd),
        ("1\r\na0\r\n", Refusal::BadChunkEnd),
        ("fffffffffffffffff\r\n", Refusal::BadChunkSize),
        ("00", Refusal::BadChunkSize),
        ("05\r\n", Refusal::BadChunkSize),
        ("10000000000000005\r\n", Refusal::BadChunkSize),
        ("0\n\n", Refusal::BadChunkEnd),
        ("0\r\n\n", Refusal::BadFieldName),
        ("0\r\nX: y\n\r\n", Refusal::BareLineFeed),
        ("0\r\nX : y\r\n\r\n", Refusal::BadFieldName),
        ("0\r\n X: y\r\n\r\n", Refusal::BadFieldName),
        ("0\r\nX: y\r\n z\r\n\r\n", Refusal::ObsoleteFold),
        ("0\r\nX\r\n\r\n", Refusal::NoColon),
        ("0\r\nX: \0\r\n\r\n", Refusal::BadFieldValue),
        ("0\r\n\rX: y\r\n\r\n", Refusal::BadFieldName),
    ] {
        assert_eq!(decode(&[bytes.as_bytes()]), Err(why), "{bytes:?}");
        let single: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
        assert_eq!(decode(&single), Err(why), "{bytes:?} byte by byte");
    }
}

#[test]
fn extensions_of_the_grammar_are_taken() {
    for extension in ["a", "a=b", "a;b", " a = b ; c", "\ta=\"b;\t\\\"c\"", "a=\"\" ;b", "a=b "] {
        let body = format!("1;{extension}\r\nx\r\n0;{extension}\r\n\r\n");
        assert_eq!(decode(&[body.as_bytes()]), Ok((b"x".to_vec(), String::new(), body.len(), true)), "{extension}");
    }
}

#[test]
fn servers_may_pad_their_sizes_with_zeros() {
    let mut decoder = ChunkedDecoder::of_response(false);
    let mut rest = &b"0005\r\nhello\r\n000\r\n\r\n"[..];
    let mut body = Vec::new();
    while !decoder.is_end() {
        let (used, piece) = decoder.next(rest).unwrap();
        rest = &rest[used..];
        if let Piece::Data(bytes) = piece {
            body.extend_from_slice(bytes);
        }
    }
    assert_eq!(body, b"hello");
    assert_eq!(ChunkedDecoder::of_response(false).next(b"0000000000000000"), Err(Refusal::BadChunkSize));
}

#[test]
fn extensions_and_trailers_are_not_free() {
    let long = format!("1;{}\r\n", "a".repeat(300));
    assert_eq!(decode(&[long.as_bytes()]), Err(Refusal::BadChunkExtension));
    let chunk = format!("1;{}\r\nx\r\n", "a".repeat(200));
    assert_eq!(decode(&[chunk.repeat(100).as_bytes()]), Err(Refusal::BadChunkExtension));
    let trailers = format!(
        "0\r\n{}\r\n",
        "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(200)
    );
    assert_eq!(decode(&[trailers.as_bytes()]), Err(Refusal::TrailersTooLong));
    let many = format!("0\r\n{}\r\n", "X: y\r\n".repeat(33));
    assert_eq!(decode(&[many.as_bytes()]), Err(Refusal::TooManyFields));
}

#[test]
fn drops_trailers_that_belong_into_a_head() {
    for name in [
        "Content-Length",
        "transfer-encoding",
        "Host",
        "Authorization",
        "Set-Cookie",
        "X-Forwarded-For",
        "content_length",
    ] {
        assert!(!trailer_allowed(name.as_bytes()), "{name}");
    }
    for name in ["Grpc-Status", "Content-MD5", "Server-Timing", "Digest", "Repr-Digest"] {
        assert!(trailer_allowed(name.as_bytes()), "{name}");
    }
}

#[test]
fn what_is_encoded_is_decoded() {
    for size in [1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65536, 100_000] {
        let data = vec![b'x'; size];
        let mut out = Vec::new();
        write_chunk(&mut out, &data);
        write_chunk(&mut out, b"");
        assert!(out.starts_with(format!("{size:x}\r\n").as_bytes()));
        out.extend_from_slice(LAST_CHUNK);
        assert_eq!(decode(&[&out]), Ok((data, String::new(), out.len(), true)));
    }
}

/// The body and the trailers of a response, however it is cut.
fn of_lenient_server(bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize), Refusal> {
    let (mut decoder, mut body) = (ChunkedDecoder::of_response(true), Vec::new());
    for part in bytes.chunks(step) {
        let mut rest = part;
        loop {
            let (used, piece) = decoder.next(rest)?;
            rest = &rest[used..];
            match piece {
                Piece::Data(data) => body.extend_from_slice(data),
                Piece::More => break,
                Piece::End => return Ok((body, decoder.trailers().iter().count())),
            }
        }
    }
    Ok((body, usize::MAX))
}

#[test]
fn lines_of_a_lenient_servers_chunks_may_end_in_a_line_feed_alone_and_those_of_all_others_may_not() {
    for (body, trailers) in [
        ("5\nhello\n0\n\n", 0),
        ("5;a=b\nhello\r\n0\n\n", 0),
        ("5\r\nhello\n0\r\n\n", 0),
        ("5\nhello\n0\nA: b\nC: d\r\n\n", 2),
        ("5\r\nhello\r\n0\r\nA: b\r\n\r\n", 1),
    ] {
        for step in 1..=body.len() {
            let read = of_lenient_server(body.as_bytes(), step);
            assert_eq!(read, Ok((b"hello".to_vec(), trailers)), "{body:?} cut every {step} bytes");
        }
        if body.contains("\n\n") || body.replace("\r\n", "").contains('\n') {
            for mut strict in [ChunkedDecoder::new(), ChunkedDecoder::of_response(false)] {
                let refused =
                    std::iter::repeat_with(|| ()).try_fold(body.as_bytes(), |rest, ()| match strict.next(rest) {
                        Ok((_, Piece::End | Piece::More)) => Err(false),
                        Ok((used, _)) => Ok(&rest[used..]),
                        Err(_) => Err(true),
                    });
                assert_eq!(refused, Err(true), "{body:?}");
            }
        }
    }
    // Nothing else is forgiven: a lone CR, a size without digits, what follows data.
    for body in
        ["5\rhello\n0\n\n", "\n5\nhello\n0\n\n", "5\nhello0\n\n", "5\nhello\n0\nA: b\rC: d\n\n", "5 \nhello\n0\n\n"]
    {
        assert!(of_lenient_server(body.as_bytes(), body.len()).is_err(), "{body:?}");
    }
}
