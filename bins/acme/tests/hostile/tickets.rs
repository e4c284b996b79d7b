//! Tickets without end, in place of a response: the library sends a few with its handshake, so the
//! rest is written here (RFC 8446, sections 4.6.1 and 5.2).

use std::io::{self, Write as _};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::{ConnectionTrafficSecrets, ServerConnection};

use super::Peer;

/// Records that are written at once.
const AT_ONCE: usize = 1_000;

/// The record's type, and the type of what is in it.
const APPLICATION_DATA: u8 = 23;
const HANDSHAKE: u8 = 22;

/// A ticket of 32 bytes for an hour, without extensions.
fn ticket() -> Vec<u8> {
    let body = [&3_600_u32.to_be_bytes()[..], &[0; 4], &[1, 7], &32_u16.to_be_bytes(), &[9; 32], &[0, 0]].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[4], &length[1..], &body].concat()
}

pub(crate) fn flood(peer: &Peer) -> io::Result<()> {
    let mut connection = ServerConnection::new(Arc::clone(&peer.config)).map_err(io::Error::other)?;
    let mut socket = peer.socket.try_clone()?;
    while connection.is_handshaking() || connection.wants_write() {
        connection.complete_io(&mut socket)?;
    }
    let (mut number, secrets) = connection.dangerous_extract_secrets().map_err(io::Error::other)?.tx;
    let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else { panic!("another cipher") };
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
    loop {
        let mut records = Vec::new();
        for _ in 0..AT_ONCE {
            let mut inner = [ticket(), vec![HANDSHAKE]].concat();
            let length = u16::try_from(inner.len() + 16).unwrap().to_be_bytes();
            let header = [APPLICATION_DATA, 3, 3, length[0], length[1]];
            let mut nonce: [u8; 12] = iv.as_ref().try_into().unwrap();
            nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(byte, more)| *byte ^= more);
            key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut inner).unwrap();
            records.extend_from_slice(&header);
            records.extend_from_slice(&inner);
            number += 1;
        }
        socket.write_all(&records)?;
    }
}
