//! A TLS client's first message.

use fosse_hello::{Hello, JA4_BYTES, ja4, message};

/// A ClientHello is taken whole or not at all, in whatever records it comes, and has a name that a
/// host can have and a fingerprint of one length.
///
/// # Panics
/// On a broken promise.
pub fn hello(data: &[u8]) {
    let Ok(Some(body)) = message(data) else { return };
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let whole = [&[1][..], &length[1..], &body].concat();
    let pieces: Vec<u8> = whole.chunks(whole.len().div_ceil(8)).flat_map(record).collect();
    assert_eq!(message(&pieces).as_ref(), Ok(&Some(body.clone())), "in other records");
    for end in 0..pieces.len() {
        assert_eq!(message(pieces.get(..end).unwrap_or_default()), Ok(None), "cut at {end}");
    }
    if let Ok(hello) = Hello::read(&body) {
        let name = hello.server_name.as_str();
        assert!(name.len() <= 253 && !name.ends_with('.') && name == name.to_ascii_lowercase());
        assert_eq!(ja4(&hello).len(), JA4_BYTES);
    }
}

fn record(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[22, 3, 1][..], &length, content].concat()
}
