//! Entry points for a fuzzing driver.

use fosse_http1::{HeadLimits, RequestHead, ResponseHead};
use fosse_http2::{Client, Connection, Cut, Event, Local, OUTPUT_BYTES_FULL, PLACES_COUNT_MAX, Request, Said, Scratch};

/// What bytes meant, however they were cut.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    events: Vec<String>,
    output: Vec<u8>,
}

/// Bytes of a client behind the preface and its settings. They mean the same however they are cut,
/// but for the pieces of data; a head is one line for each field, and no more; what is written is
/// frames; and no more is kept than there are places.
///
/// # Panics
/// On a broken promise.
pub fn frames(data: &[u8]) {
    let Some((kinds, bytes)) = data.split_first() else { return };
    let whole = seen(bytes, usize::MAX, *kinds);
    for step in [1, 7, 100] {
        assert_eq!(seen(bytes, step, *kinds), whole, "cut every {step} bytes");
    }
    well_formed(&whole.output);
}

fn seen(bytes: &[u8], step: usize, kinds: u8) -> Seen {
    let mut connection = Connection::new(Local { list_bytes: 65_536, extended_connect: kinds & 1 != 0 });
    let mut scratch = Scratch::default();
    let mut seen = Seen::default();
    let opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";
    let input = [if kinds & 2 == 0 { &opening[..] } else { &opening[..33] }, bytes].concat();
    let mut left = Vec::new();
    for piece in input.chunks(step.min(input.len())) {
        left.extend_from_slice(piece);
        let mut at = 0;
        loop {
            match connection.next(&left[at..], 1_000, &mut scratch) {
                Ok((0, None)) => break,
                Ok((used, event)) => {
                    at += used;
                    if let Some(event) = event {
                        take(&mut connection, &event, &scratch, kinds, &mut seen);
                    }
                }
                Err(why) => {
                    connection.break_off(&why);
                    seen.output.extend_from_slice(connection.output());
                    return seen;
                }
            }
        }
        left.drain(..at);
        // The longest that has to be whole: a frame.
        assert!(left.len() < 9 + 16_384);
    }
    connection.fill(2_000, |_, bytes| assert!(bytes <= OUTPUT_BYTES_FULL));
    assert!(connection.places() <= PLACES_COUNT_MAX);
    seen.output.extend_from_slice(connection.output());
    seen
}

fn take(connection: &mut Connection, event: &Event<'_>, scratch: &Scratch, kinds: u8, seen: &mut Seen) {
    match *event {
        Event::Data { place, bytes } => {
            // Pieces of one frame are one.
            let text = format!("data {place} ");
            match seen.events.last_mut().filter(|last| last.starts_with(&text)) {
                Some(last) => last.push_str(&"x".repeat(bytes.len())),
                None => seen.events.push(text + &"x".repeat(bytes.len())),
            }
        }
        Event::Request { place, is_ended, .. } => {
            head(&scratch.text, is_ended);
            seen.events.push(format!("request {place} {}", scratch.text.escape_ascii()));
            if kinds & 4 != 0 {
                connection.respond(place, 200, [(&b"a"[..], &scratch.text[..3])].into_iter());
                connection.data(place, &scratch.text, 1_000);
                connection.end(place, [(&b"t"[..], &b"u"[..])].into_iter());
            }
        }
        Event::TooLong { place } | Event::Reset { place, .. } => {
            connection.release(place);
            seen.events.push(format!("over {place}"));
        }
        Event::Ended { .. } | Event::Malformed { .. } | Event::Leaving => seen.events.push(format!("{event:?}")),
    }
}

/// A head has as many lines as it has line ends, and the reader of heads either takes it or says
/// why not.
fn head(text: &[u8], is_whole: bool) {
    assert!(text.ends_with(b"\r\n\r\n"));
    let lines = text.split(|byte| *byte == b'\n').count();
    assert_eq!(text.iter().filter(|byte| matches!(byte, b'\r' | 0)).count(), lines - 1);
    assert_eq!(text[..text.len() - 2].windows(4).filter(|four| four == b"\r\n\r\n").count(), 0);
    if let Ok(head) = RequestHead::parse_http2(text, is_whole, &HeadLimits::DEFAULT) {
        assert_eq!(head.fields.iter().count(), lines - 3);
        assert!(!head.host.name().is_empty() && head.keep_alive);
        for field in &head.fields {
            assert!(!field.is("transfer-encoding") && !field.is("keep-alive") && !field.is("proxy-connection"));
            assert!(field.name.iter().all(|byte| !byte.is_ascii_uppercase()));
        }
    }
}

/// The place of the request that does not end: the second one.
const UNENDED_PLACE: usize = 1;

/// Bytes of a server behind its settings, to a client with some streams open. They mean the same
/// however they are cut, but for the pieces of data; the lines of a head are those of one head of
/// HTTP/1.1; nothing comes of a stream after its end, but the end of a request that goes on.
///
/// # Panics
/// On a broken promise.
pub fn servers(data: &[u8]) {
    let Some((kinds, bytes)) = data.split_first() else { return };
    let whole = of_server(bytes, usize::MAX, *kinds);
    for step in [1, 7, 100] {
        assert_eq!(of_server(bytes, step, *kinds), whole, "cut every {step} bytes");
    }
    well_formed(whole.output.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("the preface"));
}

fn of_server(bytes: &[u8], step: usize, kinds: u8) -> Seen {
    let mut client = Client::new(65_536);
    let (mut seen, mut text, mut over) = (Seen::default(), Vec::new(), Vec::new());
    let settings: &[u8] = if kinds & 1 == 0 { b"\0\0\0\x04\0\0\0\0\0" } else { b"" };
    let input = [settings, bytes].concat();
    let mut left = Vec::new();
    for piece in input.chunks(step.min(input.len().max(1))) {
        left.extend_from_slice(piece);
        let mut at = 0;
        loop {
            match client.next(&left[at..], 1_000, &mut text) {
                Ok((0, None)) => break,
                Ok((used, said)) => {
                    at += used;
                    if let Some(said) = said {
                        saw(&said, &text, &mut seen, &mut over);
                    }
                }
                Err(why) => {
                    client.break_off(&why);
                    seen.output.extend_from_slice(client.output());
                    return seen;
                }
            }
            // As soon as the settings are known, whatever comes next.
            if client.is_agreed() && seen.events.is_empty() {
                seen.events.push("agreed".to_owned());
                for method in [&b"GET"[..], b"POST", b"HEAD"] {
                    let is_ended = method != b"POST";
                    let request = Request { scheme: b"http", method, authority: b"a", path: b"/", is_ended };
                    let place = client.open(&request, core::iter::empty());
                    place.filter(|_| !is_ended).map(|place| client.data(place, &[b'x'; 100]));
                }
            }
        }
        left.drain(..at);
        assert!(left.len() < 9 + 16_384);
    }
    seen.output.extend_from_slice(client.output());
    seen
}

fn saw(said: &Said<'_>, text: &[u8], seen: &mut Seen, over: &mut Vec<usize>) {
    let place = match *said {
        Said::Leaving => return seen.events.push("leaving".to_owned()),
        Said::Data { place, bytes } => {
            let text = format!("data {place} ");
            match seen.events.last_mut().filter(|last| last.starts_with(&text)) {
                Some(last) => last.push_str(&"x".repeat(bytes.len())),
                None => seen.events.push(text + &"x".repeat(bytes.len())),
            }
            place
        }
        Said::Head(head) => {
            let whole = [text, b"\r\n"].concat();
            if let Ok(read) = ResponseHead::parse(&whole, false, &HeadLimits::DEFAULT) {
                assert_eq!(read.status, head.status);
                assert_eq!(read.fields.iter().count() + 2, text.split(|byte| *byte == b'\n').count());
            }
            seen.events.push(format!("{head:?} {}", text.escape_ascii()));
            head.place
        }
        Said::Ended { place } => {
            seen.events.push(format!("ended {place} {}", text.escape_ascii()));
            place
        }
        Said::Cut { place, why } => {
            seen.events.push(format!("cut {place} {}", if let Cut::Server(_) = why { "server" } else { "here" }));
            place
        }
    };
    // A request that goes on after its response may be ended by the server (RFC 9113, section 8.1),
    // or for what it says then: once.
    let times = over.iter().filter(|other| **other == place).count();
    let is_last = matches!(said, Said::Cut { .. }) && place == UNENDED_PLACE && times == 1;
    assert!(times == 0 || is_last, "{said:?} after the end");
    let ends = match said {
        Said::Ended { .. } | Said::Cut { .. } => true,
        Said::Head(head) => head.is_ended,
        Said::Data { .. } | Said::Leaving => false,
    };
    over.extend(ends.then_some(place));
}

fn well_formed(output: &[u8]) {
    let mut rest = output;
    while let Some((header, after)) = rest.split_first_chunk::<9>() {
        let length = usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        assert!(length <= 16_384 && header[3] < 10);
        rest = after.get(length..).expect("a whole frame");
    }
    assert!(rest.is_empty());
}
