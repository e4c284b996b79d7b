//! What every decoder here must hold for any bytes: no panic, and what decodes encodes to the same
//! bytes again.

use fosse_wire::{
    Frame, Inbox, Kind, beside, cache, challenged, channel, connect, encode, files, handshaken, launch, password,
    request, response, signing, spool, start, store, verdict,
};

/// The ring: frames in any cut, each body through the decoder of its kind.
pub fn ring(data: &[u8]) {
    let mut inbox = Inbox::default();
    let Some((step, mut rest)) = data.split_first() else { return };
    while !rest.is_empty() {
        let spare = inbox.spare();
        let count = rest.len().min(usize::from(*step).max(1)).min(spare.len());
        let (now, later) = rest.split_at(count);
        spare[..count].copy_from_slice(now);
        inbox.filled(count);
        rest = later;
        while let Ok(Some(frame)) = inbox.next_frame() {
            body(&frame);
        }
    }
}

fn same(decoded: Option<impl FnOnce(&mut Vec<u8>)>, bytes: &[u8]) {
    if let Some(encode) = decoded {
        let mut again = Vec::new();
        encode(&mut again);
        assert_eq!(again, bytes);
    }
}

fn body(frame: &Frame<'_>) {
    let bytes = frame.body;
    match frame.kind {
        Kind::Hello => drop(frame.hello()),
        Kind::Request => {
            same(request::RequestHead::decode(bytes).ok().map(|h| move |o: &mut Vec<u8>| h.encode(o).unwrap()), bytes)
        }
        Kind::RequestEnd => drop(request::decode_end(bytes)),
        Kind::Response => {
            same(response::ResponseHead::decode(bytes).ok().map(|h| move |o: &mut Vec<u8>| h.encode(o).unwrap()), bytes)
        }
        Kind::ResponseEnd => {
            same(response::ResponseEnd::decode(bytes).ok().map(|h| move |o: &mut Vec<u8>| h.encode(o).unwrap()), bytes)
        }
        Kind::Reset => drop(frame.reset()),
        Kind::RequestCredit | Kind::ResponseCredit => drop(frame.credit()),
        Kind::ReleaseCredit => drop(frame.release_credit()),
        Kind::Encode => {
            same(encode::EncodeHead::decode(bytes).ok().map(|h| move |o: &mut Vec<u8>| h.encode(o).unwrap()), bytes)
        }
        Kind::Verdict => {
            same(verdict::Verdict::decode(bytes).ok().map(|v| move |o: &mut Vec<u8>| v.encode(o).unwrap()), bytes)
        }
        Kind::RequestData | Kind::ResponseData | Kind::Lease | Kind::Tunnel => {}
    }
}

/// Everything that is not on the ring: channel, connect, start, launch.
pub fn messages(data: &[u8]) {
    let Some((fds, bytes)) = data.split_first() else { return };
    let fds = usize::from(*fds);
    if let Ok(message) = channel::decode(bytes, fds) {
        let mut again = Vec::new();
        if message.tallies.is_empty() {
            channel::encode(&mut again, message.kind, &message.connections);
        } else {
            channel::encode_tallies(&mut again, message.kind, &message.tallies);
        }
        assert_eq!(again, bytes);
    }
    if let Ok(clients) = handshaken::decode(bytes, fds) {
        let mut again = Vec::new();
        handshaken::begin(&mut again);
        clients.iter().for_each(|client| handshaken::put(&mut again, client).unwrap());
        assert_eq!(again, bytes);
    }
    if let Ok(ended) = handshaken::decode_ended(bytes) {
        let mut again = Vec::new();
        handshaken::encode_ended(&mut again, &ended);
        assert_eq!(again, bytes);
    }
    connections(bytes, fds);
    messages_of_connect(bytes, fds);
    if let Ok(message) = start::ToChild::decode(bytes, fds) {
        assert_eq!(start::ToChild::decode(&message.encode(), fds), Ok(message));
    }
    if let Ok(message) = start::ToStart::decode(bytes) {
        assert_eq!(start::ToStart::decode(&message.encode()), Ok(message));
    }
    if let Ok(launch) = launch::Launch::decode(bytes) {
        assert_eq!(launch.encode().unwrap(), bytes);
    }
}

fn connections(bytes: &[u8], fds: usize) {
    if let Ok(connection) = files::NewConnection::decode(bytes, fds) {
        assert_eq!(connection.encode(), bytes);
    }
    if let Ok(challenged) = challenged::Challenged::decode(bytes, fds) {
        assert_eq!(challenged.encode(), bytes);
    }
}

fn messages_of_connect(bytes: &[u8], fds: usize) {
    if let Ok(message) = beside::ToBeside::decode(bytes, fds) {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(message) = beside::FromBeside::decode(bytes, fds) {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(request) = connect::ConnectRequest::decode(bytes) {
        assert_eq!(request.encode(), bytes);
    }
    if let Ok(reply) = connect::Reply::decode(bytes, fds) {
        assert_eq!(reply.encode(), bytes);
    }
}

/// Both directions between filters and store: what decodes encodes to the same bytes, and no record
/// is beyond its limits.
pub fn store(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((message, taken))) = store::split(rest) {
        let whole = rest.get(..taken).unwrap_or_default();
        if let Ok(decoded) = store::ToStore::decode(message) {
            let mut again = Vec::new();
            decoded.encode(&mut again).unwrap();
            assert_eq!(again, whole);
        }
        if let Ok(decoded) = store::FromStore::decode(message) {
            let mut again = Vec::new();
            decoded.encode(&mut again).unwrap();
            assert_eq!(again, whole);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Both directions between dispatches and password: what decodes encodes to the same bytes.
///
/// # Panics
/// Where a promise is broken.
pub fn password(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((message, taken))) = password::split(rest) {
        let whole = rest.get(..taken).unwrap_or_default();
        if let Ok(decoded) = password::ToPassword::decode(message) {
            let mut again = Vec::new();
            decoded.encode(&mut again).unwrap();
            assert_eq!(again, whole);
        }
        if let Ok(decoded) = password::FromPassword::decode(message) {
            let mut again = Vec::new();
            decoded.encode(&mut again).unwrap();
            assert_eq!(again, whole);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Both directions between tls and keys: what decodes encodes to the same bytes.
///
/// # Panics
/// Where a promise is broken.
pub fn signing(data: &[u8]) {
    let mut again = Vec::new();
    if let Ok(question) = signing::ToKeys::decode(data) {
        question.encode(&mut again).unwrap();
        assert_eq!(again, data);
    }
    if let Ok(reply) = signing::FromKeys::decode(data) {
        reply.encode(&mut again).unwrap();
        assert_eq!(again, data);
    }
}

/// Both directions between dispatch and cache: what decodes encodes to the same bytes.
pub fn cache(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((message, taken))) = cache::split(rest) {
        let whole = rest.get(..taken).unwrap_or_default();
        if let Ok(decoded) = cache::ToCache::decode(message) {
            let mut again = Vec::new();
            decoded.encode(&mut again).unwrap();
            assert_eq!(again, whole);
            if let cache::ToCache::Ask { key, .. } | cache::ToCache::Forget { key, .. } = decoded {
                check_key(key);
            }
        }
        if let Ok(decoded) = cache::FromCache::decode(message) {
            let mut again = Vec::new();
            decoded.encode(&mut again).unwrap();
            assert_eq!(again, whole);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Whatever a key has, it has one base, and is the variant of that with its own fields.
fn check_key(key: &[u8]) {
    let base = cache::key::base_of(key);
    assert_eq!(cache::key::base_of(&base), base);
    if let Ok(decoded) = cache::key::Key::decode(key) {
        let mut again = base.into_owned();
        cache::key::vary(&mut again, decoded.varied).unwrap();
        assert!(again == key || decoded.varied.is_empty());
    }
}

/// Both directions between filters and spool: what decodes encodes to the same bytes.
pub fn spool(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((message, taken))) = spool::split(rest) {
        let whole = rest.get(..taken).unwrap_or_default();
        if let Ok(decoded) = spool::ToSpool::decode(message) {
            let mut again = Vec::new();
            decoded.encode(&mut again).unwrap();
            assert_eq!(again, whole);
        }
        if let Ok(decoded) = spool::FromSpool::decode(message) {
            let mut again = Vec::new();
            decoded.encode(&mut again).unwrap();
            assert_eq!(again, whole);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
}
