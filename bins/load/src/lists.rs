//! Address lists: the files of each listener as one image, which accept searches without unpacking.

use std::collections::BTreeMap;

use fosse_cidr::{Builder, Verdict};
use fosse_settings::LoadList;

use fosse_gather::Problems;
use fosse_gather::places::Places;

/// The longest file, in bytes: a million entries of 50 bytes with comments.
const LIST_BYTES_MAX: usize = 96 << 20;

/// Returns the image of each listener, or none where a list cannot be read, which is noted in
/// `problems`.
pub(crate) fn lists(lists: &[LoadList], places: &Places, problems: &mut Problems) -> BTreeMap<u16, Vec<u8>> {
    let mut builders: BTreeMap<u16, Builder> = BTreeMap::new();
    for list in lists {
        let builder = builders.entry(list.listener).or_default();
        let verdict = if list.allow { Verdict::Allowed } else { Verdict::Denied };
        match places.read(&list.path, LIST_BYTES_MAX) {
            Ok(text) => {
                if let Err(error) = builder.text(verdict, &text) {
                    let offset = offset(&text, error.line, error.column);
                    problems.note_at(&list.path, &text, offset, format_args!("{}: {}", error.word, reason(&error)));
                }
            }
            Err(refused) => problems.note(format_args!("{}: {refused}", list.path)),
        }
    }
    if !problems.is_empty() {
        return BTreeMap::new();
    }
    builders.into_iter().map(|(listener, builder)| (listener, builder.image())).collect()
}

/// Returns the offset in bytes of a line and a column, which both count from 1.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let lines = text.split(|byte| *byte == b'\n').take(line - 1);
    lines.map(|line| line.len() + 1).sum::<usize>() + column - 1
}

/// Returns the reason of an error without its place, which is printed already.
fn reason(error: &fosse_cidr::TextError) -> String {
    let whole = error.to_string();
    let place = format!("{}:{}: ", error.line, error.column);
    let what = whole.strip_prefix(&place).unwrap_or(&whole);
    what.strip_prefix(&format!("{}: ", error.word)).unwrap_or(what).to_owned()
}
