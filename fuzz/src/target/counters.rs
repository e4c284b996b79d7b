//! Any bytes as what a lane says of its connections, and as a question to it.

use std::sync::atomic::Ordering::Relaxed;

use fosse_counters::{PAGE_BYTES, QuestionReader, Said, Wanted};

/// Reads `data` as the words of a counter page from the first one on that a lane says something in,
/// and as those of a question. Texts are printable, whatever is in the page.
pub fn connections(data: &[u8]) {
    let fd = fosse_sys::memfd::page("fuzz", PAGE_BYTES).expect("a page");
    let page = fosse_sys::page::Page::map(&fd).expect("a mapping");
    let words = data.chunks(8).map(|piece| {
        let mut bytes = [0; 8];
        bytes[..piece.len()].copy_from_slice(piece);
        u64::from_le_bytes(bytes)
    });
    for (at, word) in words.enumerate() {
        for place in [Some(at), at.checked_add(512)] {
            if let Some(to) = place.and_then(|place| page.words().get(place)) {
                to.store(word, Relaxed);
            }
        }
    }
    let reader = || fosse_sys::page::PageReader::map(&fd).expect("a mapping");
    let number = page.words().get(512).map_or(0, |word| word.load(Relaxed));
    let said = Said::read(number, &reader()).expect("it says something to its own number");
    for row in said.rows {
        assert!(row.site.bytes().chain(row.request.bytes()).all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    }
    if let Some((_, Wanted::EndAll(_, bits))) = QuestionReader::new(reader()).read() {
        assert!(bits <= 128);
    }
}
