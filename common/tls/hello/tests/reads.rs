//! What is read of a ClientHello, and what is refused.

#![allow(clippy::unwrap_used, missing_docs)]

use fosse_hello::{HELLO_BYTES_MAX, Hello, HelloError, JA4_BYTES, ServerName, ja4, message};

/// The body of a ClientHello with these extensions.
fn body(ciphers: &[u16], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(vector16(&ciphers.iter().flat_map(|one| one.to_be_bytes()).collect::<Vec<_>>()));
    body.extend([1, 0]);
    let all: Vec<u8> =
        extensions.iter().flat_map(|(kind, data)| [&kind.to_be_bytes()[..], &vector16(data)].concat()).collect();
    body.extend(vector16(&all));
    body
}

fn vector16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn vector8(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
}

fn words(all: &[u16]) -> Vec<u8> {
    all.iter().flat_map(|one| one.to_be_bytes()).collect()
}

fn name(host: &[u8]) -> (u16, Vec<u8>) {
    (0, vector16(&[&[0][..], &vector16(host)].concat()))
}

/// The message in records of `piece` bytes.
fn records(body: &[u8], piece: usize) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1][..], &length[1..], body].concat();
    message.chunks(piece).flat_map(|piece| [&[22, 3, 1][..], &vector16(piece)].concat()).collect()
}

/// Chrome's, as FoxIO's technical details print it.
fn chrome() -> Vec<u8> {
    let ciphers = [
        0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
        0x002f, 0x0035,
    ];
    let schemes = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let mut extensions: Vec<(u16, Vec<u8>)> = vec![(0x1a1a, vec![]), name(b"a.example")];
    let others = [0x0017, 0xff01, 0x000b, 0x0023, 0x0005, 0x0012, 0x0033, 0x002d, 0x001b, 0x4469, 0x0015];
    extensions.extend(others.map(|kind| (kind, vec![])));
    extensions.push((0x000a, vector16(&words(&[0x2a2a, 29, 23]))));
    extensions.push((0x0010, vector16(&[vector8(b"h2"), vector8(b"http/1.1")].concat())));
    extensions.push((0x000d, vector16(&words(&schemes))));
    extensions.push((0x002b, vector8(&words(&[0x3a3a, 0x0304, 0x0303]))));
    body(&ciphers, &extensions)
}

fn read(bytes: &[u8]) -> Hello {
    Hello::read(&message(bytes).unwrap().unwrap()).unwrap()
}

#[test]
fn a_browsers_hello_is_read_whole_and_its_fingerprint_is_the_published_one() {
    let hello = read(&records(&chrome(), 16 * 1024));
    assert_eq!(hello.server_name.as_str(), "a.example");
    assert!(hello.offers(b"h2") && hello.offers(b"http/1.1") && !hello.offers(b"http/1"));
    assert_eq!((hello.versions.len(), hello.schemes.len(), hello.groups.len()), (3, 8, 3));
    assert_eq!(ja4(&hello), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

#[test]
fn the_order_of_extensions_and_grease_do_not_change_a_fingerprint() {
    let mut hello = read(&records(&chrome(), 16 * 1024));
    let before = ja4(&hello);
    hello.extensions.reverse();
    hello.ciphers.push(0xfafa);
    assert_eq!(ja4(&hello), before);
}

#[test]
fn a_fingerprint_has_one_length_whatever_a_client_sends() {
    let odd = |protocol: &[u8]| Hello { protocols: vec![protocol.into()], ..Hello::default() };
    let of = |hello: &Hello| ja4(hello);
    assert_eq!(of(&Hello::default()), "t00i000000_000000000000_000000000000");
    assert_eq!(&of(&odd(b"x"))[8..10], "xx");
    assert_eq!(&of(&odd(b"\xab"))[8..10], "ab");
    assert_eq!(&of(&odd(b"\xab\xcd"))[8..10], "ad");
    assert_eq!(&of(&odd(b"a "))[8..10], "60");
    let many = Hello { ciphers: (0..300).collect(), extensions: (0..300).collect(), ..Hello::default() };
    assert_eq!((&of(&many)[4..8], of(&many).len()), ("9999", JA4_BYTES));
}

#[test]
fn a_hello_in_any_pieces_is_the_same_and_no_part_of_it_is_one() {
    let whole = records(&chrome(), 16 * 1024);
    for piece in [20, 64, 200] {
        let bytes = records(&chrome(), piece);
        assert_eq!(message(&bytes).unwrap(), message(&whole).unwrap(), "records of {piece}");
        for cut in 0..bytes.len() {
            assert_eq!(message(&bytes[..cut]), Ok(None), "records of {piece}, cut at {cut}");
        }
    }
    assert_eq!(message(&records(&chrome(), 1)), Err(HelloError::Long), "a record for each byte");
}

#[test]
fn no_cut_body_is_read() {
    let body = chrome();
    // A body may end before its extensions.
    let bare = body.len()
        - 2
        - usize::from(u16::from_be_bytes([body[2 + 32 + 1 + 2 + 32 + 2], body[2 + 32 + 1 + 2 + 32 + 3]]));
    for cut in (0..body.len()).filter(|cut| *cut != bare) {
        assert!(Hello::read(&body[..cut]).is_err(), "cut at {cut}");
    }
    assert!(Hello::read(&body[..bare]).unwrap().extensions.is_empty());
    assert!(Hello::read(&[&body[..], &[0]].concat()).is_err());
}

#[test]
fn what_is_no_hello_is_refused_at_its_first_byte() {
    for bytes in [&b"G"[..], b"\x80\x2e\x01", b"\x15", b"\x16\x02"] {
        assert_eq!(message(bytes), Err(HelloError::NotTls), "{bytes:?}");
    }
    assert_eq!(message(b"\x16\x03\x01\x00\x04\x02"), Err(HelloError::NotHello));
    assert_eq!(message(b"\x16\x03\x01\x00\x00"), Err(HelloError::Malformed), "an empty record");
    assert_eq!(message(b"\x16\x03\x01\xff\xff"), Err(HelloError::Malformed));
    let [_, high, mid, low] = u32::try_from(HELLO_BYTES_MAX + 1).unwrap().to_be_bytes();
    assert_eq!(message(&[22, 3, 1, 1, 0, 1, high, mid, low]), Err(HelloError::Long), "before it has come");
    let two = [records(&chrome(), 16 * 1024), vec![22, 3, 1, 0, 1, 1]].concat();
    assert!(message(&two).is_ok(), "what follows in another record is for later");
    let mut glued = records(&chrome(), 16 * 1024);
    glued.push(1);
    let length = u16::try_from(glued.len() - 5).unwrap().to_be_bytes();
    glued[3..5].copy_from_slice(&length);
    assert_eq!(message(&glued), Err(HelloError::Malformed), "a second message in the record");
}

#[test]
fn names_are_hosts_in_lower_case_and_nothing_else() {
    let of = |host: &[u8]| Hello::read(&body(&[1], &[name(host)])).map(|hello| hello.server_name);
    assert_eq!(of(b"A.Example."), Ok(ServerName::Host("a.example".into())));
    assert_eq!(of(b"xn--bcher-kva_1.example"), Ok(ServerName::Host("xn--bcher-kva_1.example".into())));
    assert_eq!((of(b"192.0.2.1"), of(b"::1")), (Ok(ServerName::None), Ok(ServerName::None)));
    let long = [&[b'a'; 64][..], b".example"].concat();
    for bad in [
        &b""[..],
        b".",
        b"a..b",
        b".a",
        b"a b",
        b"a\0b",
        b"b\xc3\xbc.example",
        b"a:443",
        b"*.example",
        &long,
        &b"a.".repeat(128),
    ] {
        assert_eq!(of(bad), Err(HelloError::BadName), "{bad:?}");
    }
}

#[test]
fn an_extension_that_comes_twice_or_has_more_than_it_says_is_refused() {
    let twice = body(&[1], &[name(b"a"), name(b"b")]);
    assert_eq!(Hello::read(&twice), Err(HelloError::Twice));
    let mut long = name(b"a");
    long.1.push(0);
    for bad in [
        long,
        (16, vector16(&[])),
        (16, vector16(&[0])),
        (43, vector8(&[3])),
        (13, vector16(&[])),
        (0, vector16(&[1, 0, 1, 65])),
    ] {
        assert_eq!(Hello::read(&body(&[1], std::slice::from_ref(&bad))), Err(HelloError::Malformed), "{bad:?}");
    }
    assert_eq!(Hello::read(&body(&[], &[])), Err(HelloError::Malformed), "no cipher suite");
    let many: Vec<_> = (1000..1200).map(|kind| (kind, vec![])).collect();
    assert_eq!(Hello::read(&body(&[1], &many)), Err(HelloError::Long));
}

#[test]
fn a_flipped_bit_makes_no_panic() {
    let bytes = records(&chrome(), 100);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(Some(body)) = message(&flipped)
            && let Ok(hello) = Hello::read(&body)
        {
            assert_eq!(ja4(&hello).len(), JA4_BYTES);
        }
    }
}
