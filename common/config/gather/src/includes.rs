//! The files that a configuration includes.

use fosse_bundle::{Bundle, FILES_COUNT_MAX, RuleSet, is_plain_name};
use fosse_paths::normalise;

use crate::pattern::expand;
use crate::places::{Places, Refused};
use crate::problems::Problems;

/// All files together: as much as a configuration may have in one.
const INCLUDES_BYTES_MAX: usize = 4 << 20;

/// Returns the files of each name or pattern. Of a pattern there may be none; what cannot be read
/// is noted.
pub fn includes(names: &[String], places: &Places, problems: &mut Problems) -> Bundle {
    let mut bundle = Bundle::default();
    let mut bytes_left = INCLUDES_BYTES_MAX;
    for name in names {
        let entries = expand(places, &normalise(name)).unwrap_or_else(|refused| {
            problems.note(format_args!("{name}: {refused}"));
            Vec::new()
        });
        for entry in &entries {
            match read(&mut bundle, entry, places, bytes_left) {
                Ok(bytes) => bytes_left -= bytes,
                Err(refused) => problems.note(format_args!("{entry}: {refused}")),
            }
        }
        bundle.sets.push(RuleSet { entries });
    }
    bundle
}

/// Reads a file into the bundle, unless it is there; returns the number of bytes that are new.
fn read(bundle: &mut Bundle, name: &str, places: &Places, bytes_max: usize) -> Result<usize, Refused> {
    if bundle.files.contains_key(name) {
        return Ok(0);
    }
    if !is_plain_name(name) {
        return Err(Refused::Name);
    }
    if bundle.files.len() >= FILES_COUNT_MAX {
        return Err(Refused::Many(FILES_COUNT_MAX));
    }
    let bytes = places.read(name, bytes_max)?;
    let length = bytes.len();
    bundle.files.insert(name.to_owned(), bytes);
    Ok(length)
}
