//! Entry points for a fuzzing driver.

use fosse_fastcgi::{Decoder, Ended, Fault, Piece, http_head};
use fosse_http1::{HeadLimits, ResponseHead};

/// Output, text for the log, and the end or the fault.
type Decoded = (Vec<u8>, Vec<u8>, Option<Result<Ended, Fault>>);

/// Records are read the same however they are cut and however much room there is; the end of a
/// response is where it is, whatever follows. A head that is taken is one of HTTP/1.1 or refused as
/// one, and never says how its body is framed but by a length.
///
/// # Panics
/// On a broken promise.
pub fn responses(data: &[u8]) {
    let whole = decoded(data, data.len().max(1), usize::MAX);
    for (step, room) in [(1, usize::MAX), (3, 2), (8, 1), (data.len().max(1), 7)] {
        assert_eq!(decoded(data, step, room), whole, "cut every {step} bytes, room for {room}");
    }
    head(&whole.0);
}

fn decoded(data: &[u8], step: usize, room: usize) -> Decoded {
    let (mut decoder, mut output, mut errors) = (Decoder::new(), Vec::new(), Vec::new());
    for piece in data.chunks(step) {
        let mut rest = piece;
        loop {
            let (used, piece) = match decoder.next_within(rest, room) {
                Ok(step) => step,
                Err(fault) => return (output, errors, Some(Err(fault))),
            };
            rest = rest.get(used..).expect("no more is used than there is");
            match piece {
                Piece::Data(part) => {
                    assert!(!part.is_empty() && part.len() <= room);
                    output.extend_from_slice(part);
                }
                Piece::Errors(part) => errors.extend_from_slice(part),
                Piece::More => break assert!(rest.is_empty(), "there was room"),
                Piece::End(ended) => return (output, errors, Some(Ok(ended))),
            }
        }
    }
    (output, errors, None)
}

fn head(output: &[u8]) {
    let Ok(head) = http_head(output) else { return };
    let Ok(head) = ResponseHead::parse(&head, false, &HeadLimits::DEFAULT) else { return };
    assert!(head.status >= 200 && head.upgrade.is_none());
    assert!(head.body != fosse_http1::ResponseBody::Chunked);
    for field in &head.fields {
        assert!(!field.is("connection") && !field.is("status") && !field.is("x-accel-redirect"));
    }
}
