//! Sets of certificates: the one that handshakes are made with, and the one that takes its place
//! once the fosse-keys of it has greeted. A handshake that has begun ends with the set that it
//! began with.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use fosse_die::warning;
use fosse_eventloop::EventLoop;
use fosse_images::{CHAINS_BYTES_MAX, LoadedChains};
use fosse_settings::tls::{TlsSettings, UnknownNames};
use fosse_sys::blob::{Mapped, map};

use crate::PROGRAM;
use crate::certificates::Certificates;
use crate::keys::Keys;
use crate::terms::Terms;

/// A set, with who signs for it.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) terms: Terms,
    pub(crate) keys: Keys,
}

impl Set {
    /// Arranges the certificates of an image.
    ///
    /// # Errors
    /// What cannot be used, for people.
    pub(crate) fn new(settings: &TlsSettings, chains: LoadedChains<Mapped>, keys: Keys) -> Result<Self, String> {
        let has_default = settings.unknown_names == UnknownNames::Default;
        let certificates = Arc::new(Certificates::new(chains, keys.clone(), has_default));
        let terms = Terms::new(settings, &certificates, &keys)?;
        Ok(Self { certificates, terms, keys })
    }
}

/// The last handshake with it is over, and so is the conversation with its fosse-keys, whoever of
/// those that are established still has a part of it.
impl Drop for Set {
    fn drop(&mut self) {
        self.keys.close();
    }
}

/// Reads an image of certificates.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn read_chains(fd: OwnedFd) -> Result<LoadedChains<Mapped>, String> {
    let image = map(fd, CHAINS_BYTES_MAX).map_err(|error| format!("certificates: {error}"))?;
    LoadedChains::new(image).map_err(|error| format!("certificates: {error}"))
}

/// The sets of a lane.
#[derive(Debug)]
pub(crate) struct Sets {
    /// The one of handshakes that begin now.
    pub(crate) current: Rc<Set>,
    token: u64,
    /// The chains of the next, until its keys follow.
    chains: Option<(u32, LoadedChains<Mapped>)>,
    next: Option<(u32, Set)>,
}

impl Sets {
    /// Begins with one. The greeting of a next one's keys has this token.
    pub(crate) fn new(set: Set, token: u64) -> Self {
        Self { current: Rc::new(set), token, chains: None, next: None }
    }

    /// Takes the chains of another set.
    ///
    /// # Errors
    /// As those of [`read_chains`].
    pub(crate) fn take_chains(&mut self, number: u32, fd: OwnedFd) -> Result<(), String> {
        self.chains = Some((number, read_chains(fd)?));
        Ok(())
    }

    /// Takes an end of a conversation with another fosse-keys: that of the set whose chains have
    /// come, else of the one that is in use, in place of one that is gone.
    ///
    /// # Errors
    /// Those of epoll_ctl(2), or what cannot be used.
    pub(crate) fn take_keys(
        &mut self,
        fd: OwnedFd,
        settings: &TlsSettings,
        event_loop: &EventLoop,
    ) -> Result<(), String> {
        let Some((number, chains)) = self.chains.take() else {
            self.current.keys.replace(fd);
            return Ok(());
        };
        let keys = Keys::new(Some(fd));
        keys.watch(event_loop, self.token).map_err(|errno| format!("unable to watch keys: {errno}"))?;
        self.next = Some((number, Set::new(settings, chains, keys)?));
        Ok(())
    }

    /// Hears the keys of the next set. Returns the number of the set once it has taken its place.
    pub(crate) fn hear(&mut self, event_loop: &EventLoop) -> Option<u32> {
        let (number, next) = self.next.take()?;
        match next.keys.has_greeted() {
            Some(true) => {
                next.keys.unwatch(event_loop);
                next.keys.take_tickets_of(&self.current.keys);
                self.current = Rc::new(next);
                Some(number)
            }
            Some(false) => {
                self.next = Some((number, next));
                None
            }
            None => {
                // start hears of its end as well, and makes another.
                warning(PROGRAM, format_args!("event=certificates-not-adopted set={number}"));
                None
            }
        }
    }
}
