//! The desk between orders and the loop: what orders ask for lies there until the loop has carried
//! it out. Orders are futures, and libraries want such futures to be `Send`; there is one thread
//! all the same, so that a lock here is never waited for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use instant_acme::Account;
use rustls::sign::SingleCertAndKey;

use crate::promise::{Giver, Promise, promise};
use crate::response::Response;
use crate::state::State;

/// A request for a certificate authority.
#[derive(Debug)]
pub(crate) struct Question {
    /// Number of the authority.
    pub(crate) authority: usize,
    /// All of its bytes.
    pub(crate) bytes: Vec<u8>,
    /// It is a HEAD.
    pub(crate) is_head: bool,
    /// Waits for the response, or for the reason that there is none.
    pub(crate) giver: Giver<Result<Response, String>>,
}

/// The request for a certificate, and a memory for its chain, as start gives them to an order.
#[derive(Debug)]
pub(crate) struct Papers {
    pub(crate) request: OwnedFd,
    pub(crate) chain: OwnedFd,
}

/// The account at a certificate authority.
#[derive(Default)]
pub(crate) enum Known {
    /// It was not asked for yet.
    #[default]
    Not,
    /// Somebody asks.
    Asked,
    Account(Account),
}

/// All that lies there.
#[derive(Default)]
pub(crate) struct Papered {
    pub(crate) questions: VecDeque<Question>,
    /// Orders that want a key and a request, by the number of their certificate.
    pub(crate) keys: Vec<(u16, Giver<Result<Papers, String>>)>,
    /// Chains that are to be given to start.
    pub(crate) chains: Vec<(u16, OwnedFd, Giver<bool>)>,
    pub(crate) accounts: HashMap<usize, Known>,
    /// Key authorisations of HTTP-01, by their token.
    pub(crate) tokens: HashMap<String, String>,
    /// Certificates of TLS-ALPN-01, by the name that each proves; none yet for a name that an order
    /// has taken.
    pub(crate) proofs: HashMap<String, Option<Arc<SingleCertAndKey>>>,
    /// Sleepers by the time at which they wake.
    sleepers: BTreeMap<(u64, u64), Giver<()>>,
    next_sleeper: u64,
    /// Milliseconds of the turn's clock, and seconds since 1970.
    pub(crate) now_ms: u64,
    pub(crate) now: u64,
    /// The second before which an authority wants no request, by its number (Retry-After).
    pub(crate) not_before: HashMap<usize, u64>,
    pub(crate) state: State,
    /// Something came since orders were looked at last.
    pub(crate) is_new: bool,
}

/// The desk.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<Papered>>);

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// Looks at what lies there.
    pub(crate) fn open(&self) -> MutexGuard<'_, Papered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits.
    pub(crate) fn sleep(&self, ms: u64) -> Promise<()> {
        let (giver, waits) = promise();
        let mut desk = self.open();
        let (at, number) = (desk.now_ms + ms, desk.next_sleeper);
        desk.next_sleeper += 1;
        desk.sleepers.insert((at, number), giver);
        waits
    }

    /// Asks start for a key and a request for a certificate.
    pub(crate) fn ask_for_key(&self, certificate: u16) -> Promise<Result<Papers, String>> {
        let (giver, waits) = promise();
        self.open().keys.push((certificate, giver));
        waits
    }

    /// Has start take a chain. Comes to whether it did.
    pub(crate) fn hand_over(&self, certificate: u16, chain: OwnedFd) -> Promise<bool> {
        let (giver, waits) = promise();
        self.open().chains.push((certificate, chain, giver));
        waits
    }
}

impl Papered {
    /// Sets the clocks, and wakes who has slept long enough.
    pub(crate) fn begin_turn(&mut self, now_ms: u64, now: u64) {
        (self.now_ms, self.now) = (now_ms, now);
        while let Some(first) = self.sleepers.first_entry().filter(|first| first.key().0 <= now_ms) {
            first.remove().give(());
            self.is_new = true;
        }
    }

    /// Returns the milliseconds until somebody wakes.
    pub(crate) fn wait_ms(&self) -> Option<u64> {
        self.sleepers.first_key_value().map(|((at, _), _)| at - self.now_ms.min(*at))
    }
}
