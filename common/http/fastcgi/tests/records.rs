//! Requests as PHP-FPM reads them, and responses in every cut.

use fosse_fastcgi::{
    CONTENT_BYTES_MAX, Decoder, END_OF_STDIN, Ended, Fault, HeadFault, ParamsWriter, Piece, TooLong, http_head,
    write_begin, write_stdin,
};

#[path = "../../../../fuzz/src/target/fastcgi.rs"]
#[expect(unreachable_pub, reason = "fuzz/ calls them")]
mod target;

/// A record of a server.
fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut record = vec![1, kind, 0, 1, high, low, padding, 0];
    record.extend_from_slice(content);
    record.resize(record.len() + usize::from(padding), 0xee);
    record
}

fn end(status: u8) -> Vec<u8> {
    record(3, &[0, 0, 0, 9, status, 0, 0, 0], 3)
}

/// Output, text for the log, and the end.
type Decoded = (Vec<u8>, Vec<u8>, Option<Ended>);

/// Returns output, text for the log and end of a response that comes in pieces of `step` bytes.
fn decoded(bytes: &[u8], step: usize) -> Result<Decoded, Fault> {
    let (mut decoder, mut data, mut errors) = (Decoder::new(), Vec::new(), Vec::new());
    for piece in bytes.chunks(step) {
        let mut rest = piece;
        loop {
            let (used, piece) = decoder.next_within(rest, 5)?;
            rest = &rest[used..];
            match piece {
                Piece::Data(part) => data.extend_from_slice(part),
                Piece::Errors(part) => errors.extend_from_slice(part),
                Piece::More => break,
                Piece::End(ended) => return Ok((data, errors, Some(ended))),
            }
        }
        assert!(rest.is_empty());
    }
    Ok((data, errors, None))
}

#[test]
fn a_response_is_the_same_however_it_is_cut() {
    let mut bytes = record(6, b"Content-Type: text/plain\r\n\r\nhello", 5);
    bytes.extend(record(7, b"PHP message: oh", 0));
    bytes.extend(record(6, b", world", 0));
    bytes.extend(record(7, b"", 255));
    bytes.extend(record(6, b"", 8));
    bytes.extend(end(0));
    let expected =
        (b"Content-Type: text/plain\r\n\r\nhello, world".to_vec(), b"PHP message: oh".to_vec(), Some(Ended::Complete));
    for step in 1..=bytes.len() {
        assert_eq!(decoded(&bytes, step), Ok(expected.clone()), "{step}");
    }
    for cut in 0..bytes.len() {
        assert_eq!(decoded(&bytes[..cut], 7).unwrap().2, None, "cut at {cut}");
    }
}

#[test]
fn what_no_server_may_send_is_refused() {
    let with = |at: usize, byte: u8| {
        let mut record = record(6, b"x", 0);
        record[at] = byte;
        record
    };
    let after_end = [record(6, b"", 0), record(6, b"x", 0)].concat();
    for (bytes, fault) in [
        (with(0, 2), Fault::Version),
        (b"HTTP/1.1 200 OK\r\n".to_vec(), Fault::Version),
        (with(3, 2), Fault::RequestId),
        (with(2, 1), Fault::RequestId),
        (with(3, 0), Fault::RequestId),
        (with(1, 1), Fault::Kind),
        (with(1, 5), Fault::Kind),
        (with(1, 11), Fault::Kind),
        (record(3, &[0; 7], 0), Fault::EndLength),
        (record(3, &[0; 9], 0), Fault::EndLength),
        (end(4), Fault::EndStatus),
        (after_end, Fault::OutputAfterEnd),
    ] {
        for step in 1..=bytes.len() {
            assert_eq!(decoded(&bytes, step), Err(fault), "{}", bytes.escape_ascii());
        }
    }
    for (status, ended) in [(1, Ended::CannotMultiplex), (2, Ended::Overloaded), (3, Ended::UnknownRole)] {
        assert_eq!(decoded(&end(status), 3).unwrap().2, Some(ended));
    }
}

#[test]
fn no_more_of_a_response_is_taken_than_there_is_room_for() {
    let mut decoder = Decoder::new();
    let bytes = [record(6, b"abcdef", 2), end(0)].concat();
    assert_eq!(decoder.next_within(&bytes, 0), Ok((8, Piece::More)));
    assert_eq!(decoder.next_within(&bytes[8..], 4), Ok((4, Piece::Data(b"abcd"))));
    assert_eq!(decoder.next_within(&bytes[12..], 0), Ok((0, Piece::More)));
    assert_eq!(decoder.next_within(&bytes[12..], 9), Ok((2, Piece::Data(b"ef"))));
    assert_eq!(decoder.next_within(&bytes[14..], 0), Ok((bytes.len() - 14, Piece::End(Ended::Complete))));
}

/// Returns kind and content of each record.
fn records(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let length = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
        assert_eq!((bytes[0], &bytes[2..4], bytes[6]), (1, &[0, 1][..], 0));
        assert!(length <= CONTENT_BYTES_MAX);
        all.push((bytes[1], bytes[8..8 + length].to_vec()));
        bytes = &bytes[8 + length..];
    }
    all
}

#[test]
fn a_request_is_what_the_standard_has() {
    let mut out = Vec::new();
    write_begin(&mut out, true);
    let mut params = ParamsWriter::new(&mut out);
    params.put(b"A", b"b").unwrap();
    params.put(b"L", &[b'x'; 128]).unwrap();
    params.put_field(b"X-Some-name", &[b"1", b", ", b"2"]).unwrap();
    params.finish();
    write_stdin(&mut out, b"body");
    write_stdin(&mut out, b"");
    out.extend_from_slice(&END_OF_STDIN);
    let mut pairs = b"\x01\x01Ab".to_vec();
    pairs.extend_from_slice(b"\x01\x80\0\0\x80L");
    pairs.extend_from_slice(&[b'x'; 128]);
    pairs.extend_from_slice(b"\x10\x04HTTP_X_SOME_NAME1, 2");
    let expected = [(1, vec![0, 1, 1, 0, 0, 0, 0, 0]), (4, pairs), (4, vec![]), (5, b"body".to_vec()), (5, vec![])];
    assert_eq!(records(&out), expected);
}

#[test]
fn a_pair_is_never_cut_in_two_and_one_longer_than_a_record_is_refused() {
    let mut out = Vec::new();
    let mut params = ParamsWriter::new(&mut out);
    let longest = vec![b'v'; CONTENT_BYTES_MAX - 6];
    params.put(b"A", b"1").unwrap();
    params.put(b"N", &longest).unwrap();
    assert_eq!(params.put(b"NN", &longest), Err(TooLong));
    params.put(b"Z", b"2").unwrap();
    params.finish();
    let kinds: Vec<(u8, usize)> = records(&out).iter().map(|(kind, content)| (*kind, content.len())).collect();
    assert_eq!(kinds, [(4, 4), (4, CONTENT_BYTES_MAX), (4, 4), (4, 0)]);
}

#[test]
fn parameters_may_pause_and_go_on_and_only_their_end_is_empty() {
    let mut out = Vec::new();
    ParamsWriter::new(&mut out).pause();
    assert!(out.is_empty());
    let mut params = ParamsWriter::new(&mut out);
    params.put(b"A", b"").unwrap();
    params.pause();
    ParamsWriter::new(&mut out).finish();
    assert_eq!(records(&out), [(4, b"\x01\0A".to_vec()), (4, vec![])]);
}

#[test]
fn a_long_body_goes_in_records_that_php_takes() {
    let mut out = Vec::new();
    write_stdin(&mut out, &vec![7; CONTENT_BYTES_MAX + 1]);
    let lengths: Vec<usize> = records(&out).iter().map(|(_, content)| content.len()).collect();
    assert_eq!(lengths, [CONTENT_BYTES_MAX, 1]);
}

#[test]
fn a_cgi_head_is_an_http_head() {
    for (cgi, http) in [
        ("Content-type: text/html\r\n\r\n", "HTTP/1.1 200 \r\nContent-type: text/html\r\n\r\n"),
        ("Status: 404 Not Found\nA: b\n\n", "HTTP/1.1 404 \r\nA: b\r\n\r\n"),
        ("A: b\r\nstatus:301\r\nLocation: /x\r\n\r\n", "HTTP/1.1 301 \r\nA: b\r\nLocation: /x\r\n\r\n"),
        ("Location: /local\n\n", "HTTP/1.1 302 \r\nLocation: /local\r\n\r\n"),
        (
            "A: b\nTransfer-Encoding: chunked\nConnection: close, A\nX-Accel-Redirect: /secret\nX-ACCEL-x: 1\n\n",
            "HTTP/1.1 200 \r\nA: b\r\n\r\n",
        ),
    ] {
        assert_eq!(String::from_utf8(http_head(cgi.as_bytes()).unwrap()).unwrap(), http);
    }
    for status in ["", "20", "2000", "abc", "199", "101 Switching Protocols", "+20", "200OK"] {
        assert_eq!(http_head(format!("Status: {status}\n\n").as_bytes()), Err(HeadFault::Status), "{status}");
    }
    assert_eq!(http_head(b"Status: 200\nStatus: 200\n\n"), Err(HeadFault::StatusRepeated));
}

#[test]
fn every_small_change_of_a_response_keeps_the_promises() {
    let bytes = [record(6, b"Status: 200 OK\r\nA: b\r\n\r\nbody", 3), record(7, b"e", 0), end(0)].concat();
    for at in 0..bytes.len() {
        target::responses(&bytes[..at]);
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            target::responses(&changed);
        }
    }
}
