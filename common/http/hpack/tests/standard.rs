//! The examples of RFC 7541, appendix C, and what its sections demand of a decoder.

use fosse_hpack::{Decoder, Encoder, Error};

type List = Vec<(String, String)>;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(core::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<List, Error> {
    let mut list = List::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    decoder.decode(block, usize::MAX, |name, value| list.push((text(name), text(value)))).map(|()| list)
}

fn list(fields: &[(&str, &str)]) -> List {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const FIRST: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];

#[test]
fn requests_of_the_appendix_are_decoded_plain_and_coded() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    let second = [FIRST, &[("cache-control", "no-cache")]].concat();
    let third = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::default();
        for (block, expected) in blocks.iter().zip([FIRST, &second, &third]) {
            assert_eq!(decode(&mut decoder, &bytes(block)), Ok(list(expected)));
        }
    }
}

#[test]
fn responses_of_the_appendix_evict_as_it_says() {
    // C.6, with its table of 256 bytes.
    let mut decoder = Decoder::default();
    assert_eq!(decode(&mut decoder, &bytes("3fe1 01")), Ok(vec![]));
    let date = "Mon, 21 Oct 2013 20:13:21 GMT";
    let location = ("location", "https://www.example.com");
    let first = list(&[(":status", "302"), ("cache-control", "private"), ("date", date), location]);
    let block = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e \
                 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
    assert_eq!(decode(&mut decoder, &bytes(block)), Ok(first));
    let second = list(&[(":status", "307"), ("cache-control", "private"), ("date", date), location]);
    assert_eq!(decode(&mut decoder, &bytes("4883 640e ffc1 c0bf")), Ok(second));
    let cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    let third = list(&[
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        location,
        ("content-encoding", "gzip"),
        ("set-cookie", cookie),
    ]);
    let block = "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 \
                 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed \
                 4ee5 b106 3d50 07";
    assert_eq!(decode(&mut decoder, &bytes(block)), Ok(third));
}

#[test]
fn what_a_decoder_must_refuse_is_refused() {
    for (why, block, expected) in [
        ("6.1: index 0", "80", Error::Index),
        ("2.3.3: an index beyond both tables", "be", Error::Index),
        ("2.3.3: a name beyond both tables", "7e 00", Error::Index),
        ("2.3.3: an index beyond both tables, of several bytes", "ff 80 01", Error::Index),
        ("6.2: a name beyond both tables, not kept", "0f 70 00", Error::Index),
        ("5.1: an integer without end", "ff ff ff ff ff ff ff ff ff ff 01", Error::Integer),
        ("5.1: an integer that is cut", "ff", Error::Cut),
        ("5.2: a string that is cut", "41 05 61 62", Error::Cut),
        ("5.2: a length beyond the block", "41 7f ff ff ff 7f 61", Error::Cut),
        ("5.2: padding that is not of ones", "41 81 00", Error::Huffman),
        ("5.2: padding of a whole byte", "41 82 f1 ff", Error::Huffman),
        ("5.2: EOS in a string", "41 84 ff ff ff ff", Error::Huffman),
        ("6.3: a table beyond what was allowed", "3f e2 1f", Error::TableSize),
        ("4.2: a new size after a field", "82 20", Error::LateTableSize),
        ("5: nothing after a name", "40 01 61", Error::Cut),
    ] {
        assert_eq!(decode(&mut Decoder::default(), &bytes(block)), Err(expected), "{why}");
    }
    let mut decoder = Decoder::default();
    assert_eq!(decode(&mut decoder, &bytes("20 3f e1 1f 82")), Ok(list(&[(":method", "GET")])), "4.2: two sizes");
}

#[test]
fn a_table_without_room_keeps_nothing_and_goes_on() {
    let mut decoder = Decoder::default();
    let field = "40 01 61 01 62";
    assert_eq!(decode(&mut decoder, &bytes(&format!("20 {field}"))), Ok(list(&[("a", "b")])));
    assert_eq!(decode(&mut decoder, &bytes("be")), Err(Error::Index));
    let mut decoder = Decoder::default();
    // A name of an entry that its own new entry evicts (section 4.4).
    let block = [bytes("3f 03 40 01 61"), vec![1, b'b'], bytes("7e"), vec![1, b'c'], bytes("be")].concat();
    assert_eq!(decode(&mut decoder, &block), Ok(list(&[("a", "b"), ("a", "c"), ("a", "c")])));
}

/// Blocks of responses, each with the status and the fields of one.
fn encoded(encoder: &mut Encoder, responses: &[List]) -> Vec<Vec<u8>> {
    let one = |response: &List| {
        let mut out = Vec::new();
        encoder.status(&mut out, response[0].1.parse().unwrap());
        for (name, value) in &response[1..] {
            encoder.field(&mut out, name.as_bytes(), value.as_bytes());
        }
        out
    };
    responses.iter().map(one).collect()
}

#[test]
fn what_is_encoded_decodes_to_the_same_in_lower_case() {
    let responses: Vec<List> = (0..2000)
        .map(|number: u32| {
            let status = (100 + number % 500).to_string();
            let text = [
                (":status", status.as_str()),
                ("Server", "a.example"),
                ("X-Number", &(number / 7).to_string()),
                ("Content-Length", &number.to_string()),
                ("set-cookie", "s=secret"),
                ("X-Long", &"l".repeat(usize::try_from(number % 700).unwrap())),
                ("x-empty", ""),
            ];
            list(&text)
        })
        .collect();
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    for (number, response) in responses.iter().enumerate() {
        match number {
            500 => encoder.allow(0),
            900 => [100, 0, 70_000].iter().for_each(|bytes| encoder.allow(*bytes)),
            1500 => encoder.allow(64),
            _ => {}
        }
        let block = encoded(&mut encoder, core::slice::from_ref(response)).remove(0);
        let lower: List = response.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        assert_eq!(decode(&mut decoder, &block), Ok(lower), "response {number}");
    }
}

#[test]
fn what_repeats_becomes_an_index_and_secrets_never_do() {
    let response = list(&[(":status", "200"), ("server", "a.example"), ("x-frame-options", "DENY")]);
    let blocks = encoded(&mut Encoder::default(), &vec![response; 4]);
    assert!(blocks[2].len() == 3 && blocks[3].len() == 3, "{blocks:?}");
    let secret = list(&[(":status", "200"), ("Set-Cookie", "session=1")]);
    let blocks = encoded(&mut Encoder::default(), &vec![secret; 4]);
    assert!(blocks.iter().all(|block| *block == blocks[0]) && blocks[0][1] == 0x1f, "never indexed (6.2.3)");
}

#[test]
fn blocks_cut_or_changed_anywhere_are_errors_or_lists_and_never_more() {
    let responses: Vec<List> = (0..6)
        .map(|number: u32| {
            list(&[(":status", "200"), ("server", "a.example"), ("x-a", &(number / 2).to_string()), ("date", "now")])
        })
        .collect();
    let blocks = encoded(&mut Encoder::default(), &responses);
    for (last, block) in blocks.iter().enumerate() {
        let changed = (0..block.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))).map(|(at, bit)| {
            let mut block = block.clone();
            block[at] ^= 1 << bit;
            block
        });
        let cut = (0..block.len()).map(|at| block[..at].to_vec());
        for other in cut.chain(changed) {
            let mut decoder = Decoder::default();
            for before in &blocks[..last] {
                decode(&mut decoder, before).unwrap();
            }
            if let Ok(list) = decode(&mut decoder, &other) {
                assert!(list.len() <= other.len());
            }
        }
    }
}

#[test]
fn a_bomb_is_given_up() {
    let mut decoder = Decoder::default();
    let field = [&[0x40, 1, b'b', 0x7f, 0xa1, 0x1e][..], &[b'w'; 4000]].concat();
    let block = [field, vec![0xbe; 60_000]].concat();
    let mut seen = 0;
    let decoded = decoder.decode(&block, 100_000, |name, value| seen += name.len() + value.len());
    assert_eq!(decoded, Err(Error::ListSize));
    assert!(seen < 105_000, "{seen}");
}
