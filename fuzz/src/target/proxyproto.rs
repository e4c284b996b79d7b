//! Entry point for a fuzzing driver.

/// A header is taken whole or not at all, at the same length however much follows it.
///
/// # Panics
/// On a broken promise.
pub fn decode(data: &[u8]) {
    if let Ok(Some((header, used))) = fosse_proxyproto::decode(data) {
        assert!(used <= data.len());
        let whole = data.get(..used).unwrap_or_default();
        assert_eq!(fosse_proxyproto::decode(whole), Ok(Some((header, used))));
        for end in 0..used {
            assert_eq!(fosse_proxyproto::decode(data.get(..end).unwrap_or_default()), Ok(None), "cut at {end}");
        }
    }
}
