//! Keys of signed links.

use fosse_gather::Problems;
use fosse_gather::places::Places;
use fosse_links::KEY_FILE_BYTES_MAX;
use fosse_settings::Keys;

/// Returns the keys in the order of their files; those that cannot be had are noted in `problems`.
pub(crate) fn keys(files: &[String], places: &Places, problems: &mut Problems) -> Keys {
    let mut keys = Keys::default();
    for file in files {
        match places.read_secret(file, KEY_FILE_BYTES_MAX) {
            Ok(text) => match fosse_links::key(&text) {
                Ok(key) => keys.0.push(key.to_vec()),
                Err(why) => problems.note(format_args!("{file}: {why}")),
            },
            Err(refused) => problems.note(format_args!("{file}: {refused}")),
        }
    }
    keys
}
