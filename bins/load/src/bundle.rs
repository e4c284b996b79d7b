//! The bundle that fosse-load writes: all that a task names in one piece, or the list of everything
//! that is wrong with it.

use std::io::Write;

use fosse_bundle::{PAGE_BYTES_MAX, PAGES_BYTES_MAX, Part, Parts, encode_pages};
use fosse_gather::places::{Places, Refused};
use fosse_gather::{Problems, includes, rules};
use fosse_settings::Load;
use fosse_wire::blob;

use crate::PROGRAM;
use crate::keys::keys;
use crate::lists::lists;
use crate::users::users;

/// Returns everything the task names, or ends the program after the last of what is wrong.
#[must_use]
pub fn of(task: &Load, places: &Places) -> Vec<u8> {
    let mut problems = Problems::default();
    if !task.includes.is_empty() {
        let bundle = includes(&task.includes, places, &mut problems);
        refuse_any(&problems);
        return bundle.encode().unwrap_or_else(|error| too_much(error));
    }
    let bundle = rules(&task.rules, places, &mut problems);
    let images = lists(&task.lists, places, &mut problems);
    let pages = pages(&task.pages, places, &mut problems);
    let keys = keys(&task.keys, places, &mut problems);
    let users = users(&task.users, places, &mut problems);
    refuse_any(&problems);
    let pages = encode_pages(pages.iter().map(Vec::as_slice)).unwrap_or_else(|error| too_much(error));
    let rules = bundle.encode().unwrap_or_else(|error| too_much(error));
    let mut parts = vec![Part::Rules(&rules)];
    parts.extend(images.iter().map(|(listener, image)| Part::Addresses { listener: *listener, image }));
    parts.extend((!task.pages.is_empty()).then_some(Part::Pages(&pages)));
    let (has_keys, has_users) = (!keys.0.is_empty(), !users.0.is_empty());
    let keys = blob::encode(&keys).unwrap_or_else(|error| too_much(error));
    let users = blob::encode(&users).unwrap_or_else(|error| too_much(error));
    parts.extend(has_keys.then_some(Part::Keys(&keys)));
    parts.extend(has_users.then_some(Part::Users(&users)));
    Parts { parts }.encode().unwrap_or_else(|error| too_much(error))
}

/// Returns the files that sites respond with, in their order; what cannot be read is noted.
fn pages(names: &[String], places: &Places, problems: &mut Problems) -> Vec<Vec<u8>> {
    let mut left = PAGES_BYTES_MAX;
    let mut page = |name: &String| match places.read(name, PAGE_BYTES_MAX.min(left)) {
        Ok(bytes) => {
            left -= bytes.len();
            bytes
        }
        Err(Refused::Long(_)) if left < PAGE_BYTES_MAX => {
            problems.note(format_args!("{name}: with it all pages are longer than {PAGES_BYTES_MAX} bytes"));
            Vec::new()
        }
        Err(refused) => {
            problems.note(format_args!("{name}: {refused}"));
            Vec::new()
        }
    };
    names.iter().map(&mut page).collect()
}

/// Ends the program where there are problems, after the last of them.
fn refuse_any(problems: &Problems) {
    if problems.is_empty() {
        return;
    }
    // A reader of messages that is gone changes nothing: the exit code says it too.
    let _ = std::io::stderr().write_all(problems.to_string().as_bytes());
    let count = problems.total();
    let files = if count == 1 { "file is not as it" } else { "files are not as they" };
    fosse_die::fatal(PROGRAM, format_args!("{count} {files} should be; nothing was changed"));
}

fn too_much(error: impl std::fmt::Display) -> ! {
    fosse_die::fatal(PROGRAM, format_args!("too much to hand over: {error}"))
}
