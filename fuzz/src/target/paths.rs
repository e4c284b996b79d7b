//! Any bytes as names of rule files and globs for them.

use fosse_paths::{glob_matches, normalise};

/// Lines are a glob and a name: the name resolved is resolved, a name matches itself unless it
/// holds a glob's signs, and the glob stays what it is where stars are doubled.
pub fn globs(data: &[u8]) {
    let (glob, name) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let name = String::from_utf8_lossy(name.get(1..).unwrap_or_default()).into_owned();
    let resolved = normalise(&name);
    assert_eq!(normalise(&resolved), resolved);
    assert!(!resolved.split('/').any(|part| part == "."), "{resolved}");
    let is_plain = |text: &[u8]| !text.iter().any(|byte| b"*?[".contains(byte));
    if is_plain(name.as_bytes()) {
        assert!(glob_matches(name.as_bytes(), name.as_bytes()), "{name} does not match itself");
    }
    // Within a class a star is a byte like any other.
    if !glob.contains(&b'[') {
        let doubled: Vec<u8> = glob.iter().flat_map(|byte| vec![*byte; if *byte == b'*' { 2 } else { 1 }]).collect();
        assert_eq!(glob_matches(&doubled, name.as_bytes()), glob_matches(glob, name.as_bytes()));
    }
    if is_plain(glob) {
        assert_eq!(glob_matches(glob, name.as_bytes()), glob == name.as_bytes());
    }
}
