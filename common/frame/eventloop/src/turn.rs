//! The loop with its events in one value, for programs that do not take them apart yet.

use std::ops::Deref;

use rustix::io::Errno;

use crate::{Event, EventLoop, Events};

/// An [`Event`] by its earlier name.
pub type Happened = Event;

/// An [`EventLoop`] with its [`Events`].
#[derive(Debug)]
pub struct Turn {
    event_loop: EventLoop,
    events: Events,
    happened: Vec<Event>,
}

impl Turn {
    /// Makes the epoll descriptor: before lock-down, which forbids it.
    ///
    /// # Errors
    /// Those of epoll_create1(2).
    pub fn new() -> Result<Self, Errno> {
        Ok(Self { event_loop: EventLoop::new()?, events: Events::new(), happened: Vec::new() })
    }

    /// Switches lingering off: for programs off the data path.
    #[must_use]
    pub fn without_linger(self) -> Self {
        Self { event_loop: self.event_loop.without_linger(), ..self }
    }

    /// Waits for the next turn, at most until the next tick.
    ///
    /// # Errors
    /// Those of epoll_wait(2), except interruptions.
    pub fn wait(&mut self) -> Result<(), Errno> {
        self.event_loop.poll_once(&mut self.events, None)?;
        self.happened.clear();
        self.happened.extend(&self.events);
        Ok(())
    }

    /// Returns an event of this turn by number: the list can be walked while the loop's owner
    /// changes itself.
    #[must_use]
    pub fn happened(&self, index: usize) -> Option<Event> {
        self.happened.get(index).copied()
    }
}

impl Deref for Turn {
    type Target = EventLoop;

    fn deref(&self) -> &EventLoop {
        &self.event_loop
    }
}
