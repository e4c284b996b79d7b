//! The pipes of processes that are gone before a logger was given them: their last words say why.

use std::os::fd::OwnedFd;

use fosse_eventloop::slab::Key;
use fosse_wire::{launch::Program, start::Stream};

use crate::limits::UNREAD_PIPES_MAX;

/// The process that a pipe is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub program: Program,
    pub lane: Option<u32>,
    pub pid: u32,
}

/// The pipes, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Unread(Vec<(Key, Source, Stream, OwnedFd)>);

impl Unread {
    /// Keeps the pipes of a process, and of too many the latest.
    pub(crate) fn keep(&mut self, of: Key, source: Source, pipes: impl IntoIterator<Item = (Stream, OwnedFd)>) {
        self.0.extend(pipes.into_iter().map(|(stream, fd)| (of, source, stream, fd)));
        let surplus = self.0.len().max(UNREAD_PIPES_MAX) - UNREAD_PIPES_MAX;
        self.0.drain(..surplus);
    }

    /// Forgets a pipe that a logger was given.
    pub(crate) fn given(&mut self, of: Key, stream: Stream) {
        self.0.retain(|(key, _, kind, _)| (*key, *kind) != (of, stream));
    }

    pub(crate) fn find(&self, of: Key, stream: Stream) -> Option<(Source, &OwnedFd)> {
        let (_, source, _, fd) = self.0.iter().find(|(key, _, kind, _)| (*key, *kind) == (of, stream))?;
        Some((*source, fd))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (Key, Stream)> {
        self.0.iter().map(|(key, _, stream, _)| (*key, *stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_until_they_are_given() {
        let source = Source { program: Program::Parse, lane: Some(1), pid: 7 };
        let key = |number| Key::of_token(number).1;
        let pipe = || rustix::pipe::pipe().unwrap().0;
        let mut unread = Unread::default();
        let all = u64::try_from(UNREAD_PIPES_MAX).unwrap();
        (0..=all).for_each(|of| unread.keep(key(of), source, [(Stream::Log, pipe())]));
        assert_eq!(unread.names().count(), UNREAD_PIPES_MAX);
        assert!(unread.find(key(0), Stream::Log).is_none());
        unread.given(key(1), Stream::Access);
        assert_eq!(unread.find(key(1), Stream::Log).map(|(of, _)| of), Some(source));
        unread.given(key(1), Stream::Log);
        assert!(unread.find(key(1), Stream::Log).is_none());
    }
}
