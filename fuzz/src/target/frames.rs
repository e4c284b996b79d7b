//! Entry points for a fuzzing driver.

use fosse_wire::{Frame, Outbox};

use fosse_frames::line::Line;
use fosse_frames::people::ForPeople;
use fosse_frames::{decode, encode};

/// Every frame comes back from its JSON line byte for byte, and its text for people is one a
/// terminal can take.
///
/// # Panics
/// On a broken promise.
pub fn frames(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((frame, used))) = Frame::split(rest) {
        let line = decode::line(&frame);
        let json = serde_json::to_string(&line).expect("a line can be written");
        assert!(!json.contains('\n'));
        let read: Line = serde_json::from_str(&json).expect("a line that was written can be read");
        let mut out = Outbox::default();
        encode::frame(&mut out, &read).expect("a line that was read can be encoded");
        assert_eq!(Some(out.pending()), rest.get(..used), "{json}");
        let people = ForPeople(&line).to_string();
        assert!(people.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        rest = rest.get(used..).unwrap_or_default();
    }
}

/// Any text is a line or is refused, and what it encodes to is a frame that reads as that line
/// again.
///
/// # Panics
/// On a broken promise.
pub fn lines(data: &[u8]) {
    let Ok(line) = serde_json::from_slice::<Line>(data) else { return };
    let mut out = Outbox::default();
    if encode::frame(&mut out, &line).is_err() {
        return;
    }
    let (frame, used) = Frame::split(out.pending()).expect("its length is right").expect("it is whole");
    assert_eq!(used, out.pending().len());
    assert_eq!(encode::body(&decode::line(&frame)).as_deref(), Ok(frame.body));
}
