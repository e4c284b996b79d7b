//! Entry points for a fuzzing driver: each drives a decoder with any bytes and asserts what must
//! hold.

use fosse_http1::{
    AcceptEncoding, ChunkedDecoder, HeadLimits, HeadWriter, Piece, RequestHead, ResponseHead, Version, find_head_end,
    find_response_end, forwarded_hops, strict_response,
};

/// A head that is taken can be written again, and is then taken as the same.
///
/// # Panics
/// On a broken promise.
pub fn request(data: &[u8]) {
    let _ = find_head_end(data, 0);
    let Ok(head) = RequestHead::parse(data, &HeadLimits::DEFAULT) else { return };
    assert_eq!(find_head_end(data, 0), Ok(Some(data.len())), "the scanner cuts where the parser does");
    let mut out = Vec::new();
    let mut writer = HeadWriter::request(&mut out, head.method, head.target).expect("a taken line can be written");
    for field in &head.fields {
        writer.field(field.name, field.value).expect("a taken field can be written");
    }
    writer.finish();
    let limits = HeadLimits { head_bytes: usize::MAX, field_bytes: usize::MAX, ..HeadLimits::DEFAULT };
    if head.version == Version::Http11 {
        let again = RequestHead::parse(&out, &limits).expect("a written head is taken");
        assert_eq!((again.method, again.target, again.host), (head.method, head.target, head.host));
        assert_eq!((again.body, again.keep_alive, again.upgrade), (head.body, head.keep_alive, head.upgrade));
        assert!(again.fields.iter().eq(head.fields.iter()));
    }
}

/// An answer head that is taken can be written again, and is then taken as the same.
///
/// # Panics
/// On a broken promise.
pub fn response(data: &[u8]) {
    let (to_head, data) = data.split_first().map_or((false, data), |(first, rest)| (first & 1 == 1, rest));
    let Ok(head) = ResponseHead::parse(data, to_head, &HeadLimits::DEFAULT) else { return };
    let mut out = Vec::new();
    let mut writer = HeadWriter::response(&mut out, head.status, head.reason).expect("a taken line can be written");
    for field in &head.fields {
        writer.field(field.name, field.value).expect("a taken field can be written");
    }
    writer.finish();
    let limits = HeadLimits { head_bytes: usize::MAX, field_bytes: usize::MAX, ..HeadLimits::DEFAULT };
    if head.version == Version::Http11 {
        let again = ResponseHead::parse(&out, to_head, &limits).expect("a written head is taken");
        assert_eq!((again.status, again.body, again.upgrade), (head.status, head.body, head.upgrade));
    }
}

/// A head that was made strict ends where the lenient search says, and what is taken of it is taken
/// as it came.
///
/// # Panics
/// On a broken promise.
pub fn lenient(data: &[u8]) {
    let Ok(Some(end)) = find_response_end(data, 0, true) else { return };
    let Ok(strict) = strict_response(&data[..end], true) else { return };
    let Ok(head) = ResponseHead::parse(&strict, false, &HeadLimits::DEFAULT) else { return };
    assert_eq!(find_head_end(&strict, 0), Ok(Some(strict.len())), "one head, and nothing behind it");
    if let Ok(as_it_came) = ResponseHead::parse(&data[..end], false, &HeadLimits::DEFAULT) {
        assert_eq!((as_it_came.status, as_it_came.body), (head.status, head.body));
        assert!(as_it_came.fields.iter().eq(head.fields.iter()), "nothing was forgiven, and nothing changed");
    }
}

/// A chunked body gives the same bytes and the same end however it is cut.
///
/// # Panics
/// On a broken promise.
pub fn chunked(data: &[u8]) {
    let step = data.first().map_or(1, |first| usize::from(*first).max(1));
    let data = data.get(1..).unwrap_or_default();
    let whole = decode(ChunkedDecoder::new(), data, data.len().max(1));
    let pieces = decode(ChunkedDecoder::new(), data, step);
    assert_eq!(whole, pieces, "cut every {step} bytes");
    let lenient = decode(ChunkedDecoder::of_response(true), data, data.len().max(1));
    let pieces = decode(ChunkedDecoder::of_response(true), data, step);
    assert_eq!(lenient, pieces, "cut every {step} bytes, with bare line feeds");
    if whole.as_ref().is_some_and(|(.., ended)| *ended) {
        assert_eq!(lenient, whole, "what is valid reads the same");
    }
}

/// Body, bytes consumed and whether it ended; `None` when it was refused.
fn decode(mut decoder: ChunkedDecoder, data: &[u8], step: usize) -> Option<(Vec<u8>, usize, bool)> {
    let mut body = Vec::new();
    let mut consumed = 0usize;
    for part in data.chunks(step) {
        let mut rest = part;
        loop {
            let (used, piece) = decoder.next(rest).ok()?;
            assert!(used <= rest.len());
            consumed = consumed.saturating_add(used);
            rest = rest.get(used..).unwrap_or_default();
            match piece {
                Piece::Data(bytes) => body.extend_from_slice(bytes),
                Piece::More => break,
                Piece::End => return Some((body, consumed, true)),
            }
        }
    }
    Some((body, consumed, false))
}

/// Checks that no client gets a coding that it refuses, and that what comes after the members that
/// are looked at changes nothing.
///
/// # Panics
/// On a broken promise.
pub fn accept_encoding(data: &[u8]) {
    const OFFERED: [&str; 3] = ["zstd", "br", "gzip"];
    let accepted = |lists: &[&[u8]]| {
        let names = |coding: &'static str| -> &'static [&'static str] {
            match coding {
                "zstd" => &["zstd"],
                "br" => &["br"],
                _ => &["gzip", "x-gzip"],
            }
        };
        AcceptEncoding::of(lists.iter().copied()).accepted(&OFFERED, names)
    };
    let alone = accepted(&[data]);
    assert!(alone.iter().enumerate().all(|(at, one)| OFFERED.contains(one) && !alone[..at].contains(one)));
    assert!(!accepted(&[b"br;q=0", data]).contains(&"br"), "the first member of a name counts");
    assert!(accepted(&[b"identity;q=1, zstd;q=0.5", data]).iter().all(|one| *one != "zstd"));
    let many = b"x, ".repeat(32);
    assert!(accepted(&[&many, data]).is_empty());
}

/// What a proxy appends to a line is read first and as it is, whatever is before it; and a line
/// reads the same in two as in one where its elements are whole.
///
/// # Panics
/// On a broken promise.
pub fn forwarded(data: &[u8]) {
    let read = |lines: &[&[u8]]| -> Vec<_> {
        forwarded_hops(lines.iter().rev().copied()).map(|hop| (hop.client, hop.secure, hop.host())).collect()
    };
    let alone = read(&[data]);
    assert!(alone.iter().rev().skip(1).all(|(client, ..)| client.is_some()), "more after one without an address");
    let appended: &[u8] = b"for=\"192.0.2.1:5\";proto=https;host=\"a.example\"";
    let whole = [data, b", ", appended].concat();
    let first = read(&[appended]);
    for found in [read(&[&whole]), read(&[data, appended])] {
        assert_eq!(found[..1], first[..]);
        assert_eq!(found[1..], alone[..]);
    }
}
