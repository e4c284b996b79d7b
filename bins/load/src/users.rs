//! Files of users.

use fosse_gather::Problems;
use fosse_gather::places::Places;
use fosse_passwords::{LINE_BYTES_MAX, USERS_COUNT_MAX};
use fosse_settings::UserFiles;

/// The longest file, in bytes: the longest lines of the most users.
const FILE_BYTES_MAX: usize = LINE_BYTES_MAX * USERS_COUNT_MAX;

/// Returns the files as they are; each line that names no user is noted in `problems`.
pub(crate) fn users(files: &[String], places: &Places, problems: &mut Problems) -> UserFiles {
    let mut texts = UserFiles::default();
    for file in files {
        let text = match places.read_secret(file, FILE_BYTES_MAX) {
            Ok(text) => text,
            Err(refused) => {
                problems.note(format_args!("{file}: {refused}"));
                continue;
            }
        };
        match fosse_passwords::users(&text) {
            Ok(users) if users.is_empty() => {
                problems.note(format_args!("{file}: it has no users; \"fosse password NAME\" prints a line for it"));
            }
            Ok(_) => texts.0.push(text),
            // The line itself is not shown: it may have a password in plain text.
            Err(faults) => {
                for (offset, fault) in faults {
                    let line = text[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
                    problems.note(format_args!("{file}:{line}: {fault}"));
                }
            }
        }
    }
    texts
}
