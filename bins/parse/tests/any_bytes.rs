//! Both directions of a connection with bytes that no client or backend sends.

#[path = "../../../fuzz/src/target/parse.rs"]
#[expect(unreachable_pub, reason = "fuzz/ calls them")]
mod target;

const REQUESTS: [&[u8]; 4] = [
    b"\x03GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
    b"\x05POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nGET / HTTP/1.0\r\nHost: c\r\n\r\n",
    b"\x02POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x07GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
];

#[test]
fn requests_with_every_flipped_bit_and_every_cut_are_frames_in_order() {
    for good in REQUESTS {
        let mut bytes = good.to_vec();
        for at in 0..bytes.len() {
            target::inbound(&good[..at]);
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                target::inbound(&bytes);
                bytes[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn requests_cut_at_every_step_give_the_same_frames() {
    for good in REQUESTS {
        let mut bytes = good.to_vec();
        for step in 1..=255 {
            bytes[0] = step;
            target::inbound(&bytes);
        }
    }
}

#[test]
fn any_frames_give_whole_responses_or_no_clean_end() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    for _ in 0..50_000 {
        let bytes: Vec<u8> = (0..4).flat_map(|_| next()).collect();
        target::outbound(&bytes);
    }
}
