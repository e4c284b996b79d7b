//! What name servers respond, and the files that say whom to ask.

use super::{texts, with_first};
use crate::target::dns::question;

/// Tokens of messages.
pub const MESSAGE: &[&[u8]] = &[
    b"\xc0\x0c",
    b"\xc0\x1d",
    b"\0\x01\0\x01",
    b"\0\x1c\0\x01",
    b"\0\x05\0\x01",
    b"\0\x06\0\x01",
    b"\0\0\0\x3c",
    b"\0\x04\x0a\0\0\x01",
    b"\0\x10",
    b"\x01a\x07example\0",
    b"\x03www\x07example\0",
];
/// Tokens of the files.
pub const FILE: &[&[u8]] =
    &[b"nameserver ", b"search ", b"#", b"10.0.0.1 ", b"2001:db8::1\t", b"app.internal", b"\n", b"::1%lo "];

/// Messages, behind a byte that says what was asked for.
pub fn responses() -> Vec<Vec<u8>> {
    const OWNER: &[u8] = b"\xc0\x0c";
    let address = |owner: &[u8]| [owner, b"\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01"].concat();
    let alias = [OWNER, b"\0\x05\0\x01\0\0\0\x3c\0\x04\x01a\xc0\x10"].concat();
    let zone = [b"\xc0\x10\0\x06\0\x01\0\0\x03\x84\0\x18\xc0\x10\xc0\x10", [0; 16].as_slice(), b"\0\0\0\x1e"].concat();
    let ipv6 = [OWNER, b"\0\x1c\0\x01\0\0\0\x3c\0\x10", [0x20; 16].as_slice()].concat();
    let message = |flags: [u8; 2], counts: [u8; 2], records: &[&[u8]]| {
        let asked = question(false).encode();
        let header = [&asked[..2], &flags, &[0, 1, 0, counts[0], 0, counts[1], 0, 0]].concat();
        [header.as_slice(), &asked[12..asked.len() - 11], &records.concat()].concat()
    };
    let all = [
        message([0x81, 0x80], [1, 0], &[&address(OWNER)]),
        message([0x81, 0x80], [2, 0], &[&alias, &address(b"\x01a\xc0\x10")]),
        message([0x81, 0x83], [0, 1], &[&zone]),
        message([0x83, 0x80], [0, 0], &[]),
        message([0x81, 0x82], [0, 0], &[]),
        message([0x81, 0x80], [2, 0], &[&ipv6, &address(OWNER)]),
    ];
    with_first(&[0, 1], &all)
}

/// Files.
pub fn files() -> Vec<Vec<u8>> {
    texts(&[
        "# resolv.conf\nsearch internal\nnameserver 10.0.0.53\nnameserver 2001:db8::53\noptions ndots:5\n",
        "127.0.0.1 localhost\n10.0.0.1\ta App.Internal # x\n::1%lo app.internal\n",
    ])
}
