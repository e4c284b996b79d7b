//! Pages that sites respond with: `magic | u32 count | count times: u32 length, bytes`.

use core::ops::Range;

use fosse_wire::WireError;
use fosse_wire::cursor::{Cursor, put_long};

const MAGIC: [u8; 8] = *b"fossepg1";

/// Bytes of one page. It waits in memory for a client that does not take it, and a slow client must
/// stay below 64 KiB with all that belongs to it; longer files are what a backend with `files` is
/// for.
pub const PAGE_BYTES_MAX: usize = 32 << 10;
/// Bytes of all pages: a thousand sites have one of 16 KiB each. All lanes share them.
pub const PAGES_BYTES_MAX: usize = 16 << 20;
/// Pages of one edge, by the names of their files: each site may have one of its own.
pub const PAGES_COUNT_MAX: usize = 10_000;

/// Opened pages. `B` is whatever holds the bytes: a vector, a mapping.
#[derive(Debug)]
pub struct Pages<B> {
    bytes: B,
    places: Vec<Range<usize>>,
}

impl<B: AsRef<[u8]>> Pages<B> {
    /// Opens what [`encode_pages`] has made.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for a number over its limit.
    pub fn open(bytes: B) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes.as_ref());
        if c.array()? != MAGIC {
            return Err(WireError::Field("magic"));
        }
        let count = usize::try_from(c.u32()?).ok().filter(|count| *count <= PAGES_COUNT_MAX);
        let (mut places, mut at) = (Vec::new(), MAGIC.len() + 4);
        for _ in 0..count.ok_or(WireError::Field("count"))? {
            let length = c.long_bytes()?.len();
            if length > PAGE_BYTES_MAX {
                return Err(WireError::Field("page"));
            }
            at += 4;
            places.push(at..at + length);
            at += length;
        }
        c.end()?;
        Ok(Self { bytes, places })
    }

    /// Returns a page by its number.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&[u8]> {
        self.places.get(number).map(|place| &self.bytes.as_ref()[place.clone()])
    }

    /// Iterates over all pages.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|place| &self.bytes.as_ref()[place.clone()])
    }
}

/// Returns pages as bytes, in the order of their numbers.
///
/// # Errors
/// [`WireError::Field`] where one or all are over their limits.
pub fn encode_pages<'a>(pages: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<Vec<u8>, WireError> {
    let count = u32::try_from(pages.len()).ok().filter(|_| pages.len() <= PAGES_COUNT_MAX);
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&count.ok_or(WireError::Field("count"))?.to_le_bytes());
    for page in pages {
        if page.len() > PAGE_BYTES_MAX {
            return Err(WireError::Field("page"));
        }
        put_long(&mut out, page, "page")?;
    }
    if out.len() > PAGES_IMAGE_BYTES_MAX { Err(WireError::Field("pages")) } else { Ok(out) }
}

/// Bytes of an encoded image: all pages, and the length of each.
pub const PAGES_IMAGE_BYTES_MAX: usize = PAGES_BYTES_MAX + 12 + 4 * PAGES_COUNT_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_and_cut_or_longer_ones_do_not() {
        let bytes = encode_pages([&b"one"[..], b"", b"three"].into_iter()).unwrap();
        let pages = Pages::open(&bytes).unwrap();
        assert_eq!(pages.iter().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        assert_eq!((pages.get(2), pages.get(3)), (Some(&b"three"[..]), None));
        for cut in 0..bytes.len() {
            assert!(Pages::open(&bytes[..cut]).is_err());
        }
        assert_eq!(Pages::open([&bytes[..], b"0"].concat()).err(), Some(WireError::Long));
    }

    #[test]
    fn a_page_over_the_limit_is_none() {
        let long = vec![b'x'; PAGE_BYTES_MAX + 1];
        assert_eq!(encode_pages([long.as_slice()].into_iter()), Err(WireError::Field("page")));
        let mut bytes = encode_pages([&long[1..]].into_iter()).unwrap();
        assert!(Pages::open(&bytes).is_ok());
        bytes[12..16].copy_from_slice(&u32::try_from(long.len()).unwrap().to_le_bytes());
        bytes.push(0);
        assert_eq!(Pages::open(&bytes).err(), Some(WireError::Field("page")));
    }
}
