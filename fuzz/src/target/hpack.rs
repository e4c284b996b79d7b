//! Entry points for a fuzzing driver.

use fosse_hpack::{Decoder, Encoder, TABLE_BYTES_MAX};

type Lists = Vec<Vec<(Vec<u8>, Vec<u8>)>>;

/// Blocks, each behind a byte that is its length. What is decoded was paid for: no field is longer
/// than the table or the block, but for Huffman's code. Lists that are encoded decode to
/// themselves.
///
/// # Panics
/// On a broken promise.
pub fn blocks(data: &[u8]) {
    let (mut decoder, mut lists, mut rest) = (Decoder::default(), Lists::new(), data);
    while let Some((length, more)) = rest.split_first() {
        let (block, after) = more.split_at(usize::from(*length).min(more.len()));
        let mut list = Vec::new();
        let bound = TABLE_BYTES_MAX.max(block.len() * 2);
        let decoded = decoder.decode(block, usize::MAX, |name, value| {
            assert!(name.len() <= bound && value.len() <= bound);
            list.push((name.to_ascii_lowercase(), value.to_vec()));
        });
        assert!(list.len() <= block.len());
        lists.push(list);
        if decoded.is_err() {
            break;
        }
        rest = after;
    }
    again(&lists);
}

fn again(lists: &Lists) {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    for (number, list) in (0u32..).zip(lists) {
        if number % 3 == 2 {
            encoder.allow(number * 40);
        }
        let mut block = Vec::new();
        encoder.begin(&mut block);
        for (name, value) in list {
            encoder.field(&mut block, name, value);
        }
        let mut decoded = Vec::new();
        let result = decoder.decode(&block, usize::MAX, |name, value| decoded.push((name.to_vec(), value.to_vec())));
        assert_eq!((result, &decoded), (Ok(()), list));
    }
}
