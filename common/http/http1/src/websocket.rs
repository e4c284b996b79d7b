//! The WebSocket handshake (RFC 6455, section 4): the client's key, the server's response to it.

use sha1::{Digest, Sha1};

/// The text that every server appends to the key (RFC 6455, section 1.3).
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Returns whether the bytes are 16 bytes in base64, the only form of Sec-WebSocket-Key.
#[must_use]
pub(crate) fn is_key(key: &[u8]) -> bool {
    use base64::Engine as _;
    let mut nonce = [0u8; 18];
    key.len() == 24 && base64::engine::general_purpose::STANDARD.decode_slice(key, &mut nonce) == Ok(16)
}

/// Returns the Sec-WebSocket-Accept that belongs to a key: 28 bytes of base64 (RFC 6455, section
/// 4.2.2).
#[must_use]
pub fn accept(key: &[u8]) -> [u8; 28] {
    use base64::Engine as _;
    let digest = Sha1::new().chain_update(key).chain_update(MAGIC).finalize();
    let mut text = [b'='; 28];
    // 20 bytes are always 28 of base64, so nothing is left to report; a wrong text would match no
    // response.
    let _ = base64::engine::general_purpose::STANDARD.encode_slice(digest, &mut text);
    text
}

/// Returns whether a protocol token is `websocket`, in any case.
#[must_use]
pub(crate) fn is_websocket(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"websocket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_the_accept_of_the_rfc() {
        assert_eq!(&accept(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn takes_only_sixteen_bytes_of_base64_as_a_key() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQAA",
            "dGhlIHNhbXBsZSBub25jZR==",
            "!!!!!!!!!!!!!!!!!!!!!!==",
        ] {
            assert!(!is_key(bad.as_bytes()), "{bad}");
        }
    }
}
