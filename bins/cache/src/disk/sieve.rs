//! Marks, by which a purge of a tag or of a prefix passes over what it cannot be about without
//! reading it from the disk. A response has two of 64 marks for each of its tags and for each of
//! the first directories of its targets, so one that lacks a mark of the purge is not meant. One
//! that has all of them may be, and is read.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// Directories of a target that leave marks: deeper ones say little more.
const DEPTH_MAX: usize = 3;

/// Returns the marks of a tag.
pub(crate) fn of_tag(keys: (u64, u64), tag: &[u8]) -> u64 {
    marks(keys, b"tag", tag)
}

/// Returns the marks of the directories in which a target lies.
pub(crate) fn of_target(keys: (u64, u64), target: &[u8]) -> u64 {
    directories(target).fold(0, |all, directory| all | marks(keys, b"directory", directory))
}

/// Returns the directories in which all targets lie that begin so: `/a/`, `/a/b/` of `/a/b/c`.
fn directories(target: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = target.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    ends.skip(1).take(DEPTH_MAX).filter_map(|at| target.get(..=at))
}

fn marks(keys: (u64, u64), kind: &[u8], text: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(keys.0, keys.1);
    hasher.write(kind);
    hasher.write(text);
    let hash = hasher.finish();
    1 << (hash & 63) | 1 << (hash >> 6 & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_the_marks_of_every_beginning_of_it() {
        let target = b"/shop/shoes/red/9?size=/4/";
        for end in 0..=target.len() {
            let prefix = of_target((1, 2), &target[..end]);
            assert_eq!(of_target((1, 2), target) & prefix, prefix, "{end}");
        }
        assert_eq!(of_target((1, 2), b"/shop"), 0);
        assert_ne!(of_target((1, 2), b"/a/"), of_target((1, 2), b"/b/"));
    }
}
