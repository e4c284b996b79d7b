//! The bundle that fosse-load writes: all that a task names in one piece, or the list of everything
//! that is wrong with it.

use std::io::Write;

use fosse_bundle::{Part, Parts};
use fosse_gather::places::Places;
use fosse_gather::{Problems, includes, rules};
use fosse_settings::Load;
use fosse_wire::WireError;

use crate::PROGRAM;
use crate::lists::lists;

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
    refuse_any(&problems);
    let rules = bundle.encode().unwrap_or_else(|error| too_much(error));
    let mut parts = vec![Part::Rules(&rules)];
    parts.extend(images.iter().map(|(listener, image)| Part::Addresses { listener: *listener, image }));
    Parts { parts }.encode().unwrap_or_else(|error| too_much(error))
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

fn too_much(error: WireError) -> ! {
    fosse_die::fatal(PROGRAM, format_args!("too much to hand over: {error}"))
}
