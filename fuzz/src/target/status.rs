//! Any bytes as a request to the status page.

use fosse_status::request::{Change, Progress, PurgeOrder, ServerOrder, progress};

/// Reads `data` as a request, cut everywhere: more bytes after a complete head change nothing of
/// what it asks.
pub fn request(data: &[u8]) {
    let whole = progress(data);
    match &whole {
        Progress::Order(ServerOrder { change: Change::Weight(Some(weight)), .. }) => assert!(*weight <= 256),
        // What goes to the cache is no two words, and is of one host or of every one.
        Progress::Purge(PurgeOrder { host, port, text, .. }) => {
            assert!(host.bytes().chain(text.bytes()).all(|byte| byte.is_ascii_graphic()));
            assert!(*port == 0 || !host.is_empty());
        }
        _ => {}
    }
    let mut done = None;
    for end in 0..=data.len().min(512) {
        let now = progress(data.get(..end).unwrap_or_default());
        match &done {
            None if now != Progress::More => done = Some(now),
            None => {}
            Some(before) => assert_eq!(now, *before),
        }
    }
    if let (Some(done), true) = (done, data.len() <= 512) {
        assert_eq!(whole, done);
    }
}

#[cfg(test)]
mod tests {
    const CURL: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

    const WEIGHT: &[u8] = b"POST /servers/weight/256/app/unix:/run/app.sock HTTP/1.1\r\n\r\n";

    const PURGE: &[u8] = b"POST /purge/url/a.example:8080/x?y HTTP/1.1\r\n\r\n";

    #[test]
    fn a_flipped_bit_is_another_request_or_none_and_never_a_panic() {
        for request in [CURL, WEIGHT, PURGE] {
            for bit in 0..request.len() * 8 {
                let mut bytes = request.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                super::request(&bytes);
            }
        }
    }
}
