//! What must hold of links, whatever a target is: one that is signed is good, goes on as it was,
//! and is good no more with any byte of it changed.

use fosse_links::{Link, Names};

const NAMES: Names<'static> = Names { expires: "expires", signature: "signature" };
const KEY: &[u8] = b"a key of thirty-two bytes and more";

/// A target, behind a byte that chooses another one to make of it.
///
/// # Panics
/// Where a promise is broken.
pub fn links(data: &[u8]) {
    let Some((choice, target)) = data.split_first() else { return };
    let link = |target| Link { host: b"a.example", client: "", target };
    // Nobody guesses a signature.
    assert!(link(target).check(NAMES, [KEY], 0).is_err(), "{}", target.escape_ascii());
    let Some(signed) = link(target).sign(NAMES, KEY, 1000) else { return };
    assert_eq!(link(&signed).check(NAMES, [KEY], 1000), Ok(target), "{}", signed.escape_ascii());
    let mut other = signed.clone();
    let at = usize::from(*choice) % other.len();
    other[at] ^= 1 << (choice % 8);
    assert!(link(&other).check(NAMES, [KEY], 0).is_err(), "{}", other.escape_ascii());
}
