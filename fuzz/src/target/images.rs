//! Images of certificates and keys: what decodes encodes to the same bytes again.

use fosse_images::{Chains, Files, Keys, LoadedChains};

/// Decodes `data` as an image of chains, and looks for each of its names and for one below it.
///
/// # Panics
/// Where a promise is broken.
pub fn chains(data: &[u8]) {
    let Ok(mut chains) = Chains::decode(data) else { return };
    let loaded = LoadedChains::new(data).expect("what is decoded is loaded");
    for (name, number) in chains.names() {
        let certificate = loaded.certificates().get(*number as usize).expect("a name has a certificate");
        assert!(loaded.of_name(name).any(|found| found == certificate));
        if let Some(below) = name.strip_prefix(b"*") {
            let host = [b"x", below].concat();
            assert!(below.first() != Some(&b'.') || loaded.of_name(&host).next().is_some());
        }
    }
    assert_eq!(chains.encode().expect("what was decoded is within its limits"), data);
}

/// Decodes `data` as an image of keys.
///
/// # Panics
/// Where a promise is broken.
pub fn keys(data: &[u8]) {
    let Ok(keys) = Keys::decode(data) else { return };
    let mut again = Vec::new();
    keys.encode(&mut again).expect("what was decoded is within its limits");
    assert_eq!(again, data);
}

/// Cuts `data` into files.
///
/// # Panics
/// Where a promise is broken.
pub fn files(data: &[u8]) {
    let Ok(files) = Files::decode(data) else { return };
    let lengths: Vec<usize> = files.files.iter().map(|file| file.len()).collect();
    let mut again = Files::head(&lengths).expect("what was decoded is within its limits");
    files.files.iter().for_each(|file| again.extend_from_slice(file));
    assert_eq!(again, data);
}
