//! What must hold whatever authorities say, whoever asks in their name, and whatever lies in the
//! file of the state.

use std::os::fd::OwnedFd;

use fosse_acme::{challengers, handshakes::name_of, known::Leaf, response, state::StateFile};
use rustix::fs::{MemfdFlags, memfd_create};
use sha2::{Digest as _, Sha256};

/// The first slot's edition: an even number.
const EDITION: u64 = 4;

/// Bytes of an authority behind one that says whether they respond to HEAD. A response that is
/// whole does not change with what comes after it, and has the length that it announces.
///
/// # Panics
/// On a broken promise.
pub fn responses(data: &[u8]) {
    let Some((kinds, bytes)) = data.split_first() else { return };
    let to_head = kinds & 1 != 0;
    let mut known = None;
    for end in 0..=bytes.len().min(1024) {
        let now = response::read(&bytes[..end], false, to_head);
        match &known {
            Some(before) => assert_eq!(&now, before, "changed by byte {end}"),
            None if now != Ok(None) => known = Some(now),
            None => {}
        }
    }
    // Only the end of the connection can make something of what is none yet, and keeps it from
    // another request.
    let (open, ended) = (response::read(bytes, false, to_head), response::read(bytes, true, to_head));
    match (open, ended) {
        (Ok(Some(open)), Ok(Some(ended))) => {
            assert!(!ended.keep_alive);
            assert_eq!((open.status, open.fields, open.body), (ended.status, ended.fields, ended.body));
        }
        (Ok(Some(_)), _) => panic!("whole only while more may come"),
        (Err(why), ended) => assert_eq!(ended, Err(why)),
        (Ok(None), Ok(Some(ended))) => assert!(!ended.keep_alive && (200..=999).contains(&ended.status)),
        (Ok(None), _) => {}
    }
}

/// A question. What responds is one whole response, and the proof goes to whom asks for its token,
/// which is one.
///
/// # Panics
/// On a broken promise.
pub fn challenges(data: &[u8]) {
    let mut asked = None;
    let (is_proof, bytes) = challengers::respond(data, |token| {
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        asked = Some(token.to_owned());
        token.starts_with('t').then(|| format!("{token}.thumb"))
    });
    let to_head = data.starts_with(b"HEAD ");
    let read = response::read(&bytes, false, to_head).expect("a response").expect("a whole one");
    assert!(!read.keep_alive && matches!(read.status, 200 | 404 | 405));
    let is_get = data.starts_with(b"GET ");
    assert_eq!(is_proof, is_get && read.status == 200);
    let proof = asked.filter(|_| is_proof).map(|token| format!("{token}.thumb")).unwrap_or_default();
    assert_eq!(read.body, proof.as_bytes());
}

/// A first message. A name that is asked for is one that a host can have, and the message offers
/// the one protocol.
///
/// # Panics
/// On a broken promise.
pub fn handshakes(data: &[u8]) {
    if let Ok(name) = name_of(data) {
        assert!((1..=253).contains(&name.len()) && !name.ends_with('.'));
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
        let body = fosse_hello::message(data).expect("a message").expect("a whole one");
        assert!(fosse_hello::Hello::read(&body).expect("a hello").offers(b"acme-tls/1"));
    }
}

fn memory(bytes: &[u8]) -> Option<OwnedFd> {
    let file = memfd_create("state", MemfdFlags::CLOEXEC).ok()?;
    fosse_sys::file::write_at(&file, bytes, 0).ok()?;
    Some(file)
}

/// A file of the state, behind a byte that says whether it lies there as it is or is the body of a
/// slot that is whole. What is read can be written, and is read again.
///
/// # Panics
/// On a broken promise.
pub fn state(data: &[u8]) {
    let Some((kinds, bytes)) = data.split_first() else { return };
    let is_sealed = kinds & 1 != 0;
    let slot = if is_sealed { sealed(bytes) } else { bytes.to_vec() };
    let (Some(found), Some(other)) = (memory(&slot), memory(&[])) else { return };
    let found = StateFile::read(found).state().clone();
    let mut file = StateFile::read(other.try_clone().expect("a descriptor"));
    file.write(&found).expect("the state is written");
    assert_eq!(StateFile::read(other).state(), &found);
}

fn sealed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let bytes = [b"fosseac1", &EDITION.to_le_bytes()[..], &length.to_le_bytes(), body].concat();
    let hash = Sha256::digest(&bytes);
    [&bytes[..], &hash].concat()
}

/// A certificate that an authority has issued: it has a name for its authority or none.
///
/// # Panics
/// On a broken promise.
pub fn leaf(data: &[u8]) {
    let Some(leaf) = Leaf::of_der(data) else { return };
    if let Some(identifier) = leaf.identifier() {
        let text = identifier.to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')), "{text}");
    }
}
