//! The turns: what has come is given to the orders that wait for it, and what orders ask for is
//! carried out.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use fosse_connector::Connector;
use fosse_counters::{RenewalsPage, acme as count};
use fosse_die::alert;
use fosse_eventloop::{
    Event, Interest,
    slab::{Key, token},
};
use fosse_inherit::Descriptors;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::acme::Acme as Settings;
use fosse_sys::page::Page;
use fosse_wire::start::{ToChild, ToStart};

use crate::PROGRAM;
use crate::authorities::Authorities;
use crate::challengers::Challengers;
use crate::desk::{Desk, Papers};
use crate::handshakes::Handshakes;
use crate::known;
use crate::orders::Orders;
use crate::promise::Giver;
use crate::startup;
use crate::state::StateFile;

const TOKEN_CONNECT: u8 = 1;
const TOKEN_AUTHORITY: u8 = 2;
const TOKEN_CHANNEL: u8 = 3;
const TOKEN_CHALLENGER: u8 = 4;
const TOKEN_HANDSHAKES: u8 = 5;
const TOKEN_HANDSHAKE: u8 = 6;

/// A debt of start to an order.
#[derive(Debug)]
enum Owed {
    /// The request for a certificate, and the memory for its chain once the request is there.
    Papers(Giver<Result<Papers, String>>, Option<OwnedFd>),
    /// The word whether it has taken the chain.
    Word(Giver<bool>),
}

/// The program's state.
#[derive(Debug)]
pub struct Server {
    desk: Desk,
    authorities: Authorities,
    orders: Orders,
    challengers: Option<Challengers>,
    handshakes: Option<Handshakes>,
    file: StateFile,
    renewals: Option<RenewalsPage>,
    /// The debts of start, by the number of the certificate.
    owed: BTreeMap<u16, Owed>,
}

/// The parts that the lock forbids to make.
#[derive(Debug)]
pub struct BeforeLock(Option<Page>);

impl BeforeLock {
    /// Maps the page of renewals, where there is one, and has the library of ciphers set up its
    /// source of random bytes.
    #[must_use]
    pub fn of(descriptors: &mut Descriptors) -> Self {
        // The first bytes do it; where there are none the first handshake says so.
        let _ = aws_lc_rs::rand::fill(&mut [0; 32]);
        Self(descriptors.optional(11).and_then(|page| Page::map(page).ok()))
    }
}

impl Server {
    /// Reads settings, roots and state.
    ///
    /// # Errors
    /// What is wrong with them, or those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given, before: BeforeLock) -> Result<Self, ExitReason> {
        let desk = Desk::default();
        let settings = given.settings::<Settings>();
        let file = StateFile::read(given.required(9));
        desk.open().state = file.state().clone();
        let (authorities, reaches) = startup::authorities(&mut given, settings.authorities, &desk)?;
        let orders = Orders::new(desk.clone(), authorities, settings.certificates);
        let renewals = before.0.and_then(|page| RenewalsPage::new(page, orders.len()));
        let connector = Connector::new(given.required(8));
        let authorities = Authorities::new(connector, reaches, desk.clone(), TOKEN_AUTHORITY);
        authorities.watch(process, TOKEN_CONNECT)?;
        let challengers = given.optional(10).map(|fd| Challengers::new(fd, desk.clone(), TOKEN_CHALLENGER));
        if let Some(challengers) = &challengers {
            process.event_loop.add(challengers.channel(), token(TOKEN_CHANNEL), Interest::IN)?;
        }
        let handshakes = given.optional(12).map(|fd| Handshakes::new(fd, desk.clone(), TOKEN_HANDSHAKE)).transpose()?;
        if let Some(handshakes) = &handshakes {
            process.event_loop.add(handshakes.channel(), token(TOKEN_HANDSHAKES), Interest::IN)?;
        }
        Ok(Self { desk, authorities, orders, challengers, handshakes, file, renewals, owed: BTreeMap::new() })
    }

    /// Hears start.
    fn hear(&mut self, message: ToChild, fd: Option<OwnedFd>) -> Result<(), ExitReason> {
        match (message, fd) {
            (ToChild::Chains { .. }, Some(image)) => match known::leaves(image, self.orders.len()) {
                Ok(leaves) => self.orders.set_known(leaves),
                Err(why) => return Err(ExitReason::Failed(format!("the image of chains: {why}"))),
            },
            (ToChild::Csr { certificate, errno: 0 }, Some(request)) => {
                if let Some(Owed::Papers(_, place)) = self.owed.get_mut(&certificate) {
                    *place = Some(request);
                }
            }
            (ToChild::Csr { certificate, errno }, None) => {
                if let Some(Owed::Papers(giver, _)) = self.owed.remove(&certificate) {
                    let errno = std::io::Error::from_raw_os_error(i32::from(errno));
                    giver.give(Err(format!("no key could be made: {errno}")));
                }
            }
            (ToChild::ChainRoom { certificate }, Some(chain)) => {
                if let Some(Owed::Papers(giver, Some(request))) = self.owed.remove(&certificate) {
                    giver.give(Ok(Papers { request, chain }));
                }
            }
            (ToChild::Issued { certificate, taken }, None) => {
                if let Some(Owed::Word(giver)) = self.owed.remove(&certificate) {
                    giver.give(taken);
                }
            }
            _ => return Err(ExitReason::broken_protocol("start")),
        }
        self.desk.open().is_new = true;
        Ok(())
    }

    /// Carries out what orders ask of start.
    fn tell_start(&mut self, process: &Process) {
        let mut desk = self.desk.open();
        for (certificate, giver) in std::mem::take(&mut desk.keys) {
            self.owed.insert(certificate, Owed::Papers(giver, None));
            process.tell_start(ToStart::KeyWanted { certificate });
        }
        for (certificate, chain, giver) in std::mem::take(&mut desk.chains) {
            // start has it too: what was written is what it reads.
            drop(chain);
            self.owed.insert(certificate, Owed::Word(giver));
            process.tell_start(ToStart::Chain { certificate });
        }
    }

    fn keep_state(&mut self, process: &Process) {
        let state = self.desk.open().state.clone();
        if let Err(errno) = self.file.write(&state) {
            process.counters.add(count::UNWRITTEN, 1);
            alert(PROGRAM, format_args!("event=acme-state-not-written error=\"{errno}\""));
        }
    }

    fn show(&mut self, process: &Process) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        process.counters.set(count::CERTIFICATES, number(self.orders.len()));
        process.counters.set(count::HELD, number(self.orders.held()));
        process.counters.set(count::ISSUED, self.orders.issued);
        process.counters.set(count::FAILED, self.orders.failed);
        if let Some(renewals) = &mut self.renewals {
            renewals.show(self.orders.renewals());
        }
    }
}

impl Service for Server {
    fn begin_turn(&mut self, process: &Process) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.desk.open().begin_turn(process.event_loop.now_ms(), now);
    }

    fn wait_ms_max(&self, _: &Process) -> Option<u64> {
        self.desk.open().wait_ms()
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (TOKEN_CONNECT, _) => self.authorities.take_connections(process)?,
            (TOKEN_AUTHORITY, key) => {
                self.authorities.on_event(process, usize::try_from(key.slot()).unwrap_or(usize::MAX));
            }
            (TOKEN_CHANNEL, _) => {
                if let Some(challengers) = &mut self.challengers {
                    challengers.take(process)?;
                }
            }
            (TOKEN_HANDSHAKES, _) => {
                if let Some(handshakes) = &mut self.handshakes {
                    handshakes.take(process)?;
                }
            }
            (TOKEN_HANDSHAKE, key) => {
                if let Some(handshakes) = &mut self.handshakes {
                    handshakes.on_event(process, key);
                }
            }
            (TOKEN_CHALLENGER, key) => {
                if let Some(challengers) = &mut self.challengers {
                    challengers.on_event(process, key);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Orders under way are left: who comes next begins them again, and authorities give it the
    /// same ones.
    fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain | Order::End => Err(ExitReason::Done),
            Order::Tell(message) => self.hear(message, None),
            Order::Give(message, fd) => self.hear(message, Some(fd)),
        }
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.authorities.end_overdue(process);
        self.orders.end_overdue();
        self.orders.begin_due();
        if let Some(challengers) = &mut self.challengers {
            challengers.end_overdue(process.event_loop.now_ms());
        }
        if let Some(handshakes) = &mut self.handshakes {
            handshakes.end_overdue(process);
        }
        self.show(process);
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        // Something may be there at once, a refusal above all: it is given in the same turn.
        loop {
            self.orders.go_on();
            self.tell_start(process);
            self.authorities.begin(process);
            if !self.desk.open().is_new {
                break;
            }
        }
        self.keep_state(process);
        Ok(())
    }
}
