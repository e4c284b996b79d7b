//! What start says, each order with the descriptor that belongs to it.

use std::os::fd::OwnedFd;

use crate::PROGRAM;
use crate::limits::{DEATHS_COUNT_MAX, LEAVE_MS, LIST_WAIT_MS, READ_TURN_MAX};
use crate::serve::{End, Server};
use fosse_fdpass::{Received, receive, send};
use fosse_wire::start::{MESSAGE_BYTES, ToChild, ToStart};

/// The orders accept follows. See [`ToChild`] for what each means; start sends address lists before listeners, so that
/// nobody is let in who should not be.
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are those of ToChild")]
pub enum Order {
    Drain,
    LaneAdd { lane: u32, connections_max: u32, known: bool, fd: OwnedFd },
    LaneDrain { lane: u32 },
    Listen { listener: u16, generation: u32, fd: OwnedFd },
    Addresses { listener: u16, generation: u32, fd: OwnedFd },
    Penalise { connection: u64 },
    Marks { fd: OwnedFd },
}

/// The next order, if one is waiting. An error is the end of the conversation, in words.
pub fn next(start: &OwnedFd) -> Result<Option<Order>, &'static str> {
    let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
    let len = match receive(start, &mut bytes, &mut fds) {
        Ok(Received::Message(len)) => len,
        Ok(Received::Nothing) => return Ok(None),
        Ok(Received::End) => return Err("start is gone"),
        Err(_) => return Err("unreadable message from start"),
    };
    let message = ToChild::decode(bytes.get(..len).unwrap_or_default(), fds.len());
    let message = message.map_err(|_| "malformed message from start")?;
    order(message, fds.pop()).map(Some).ok_or("message from start that is not for accept")
}

/// Tells start something. Where that fails start is gone, which the next turn finds out.
pub fn answer(start: &OwnedFd, message: ToStart) {
    let _ = send(start, &message.encode(), &[]);
}

fn order(message: ToChild, fd: Option<OwnedFd>) -> Option<Order> {
    Some(match message {
        ToChild::Drain => Order::Drain,
        ToChild::LaneAdd { lane, connections_max, known } => Order::LaneAdd { lane, connections_max, known, fd: fd? },
        ToChild::LaneDrain { lane } => Order::LaneDrain { lane },
        ToChild::Listen { listener, generation } => Order::Listen { listener, generation, fd: fd? },
        ToChild::Addresses { listener, generation } => Order::Addresses { listener, generation, fd: fd? },
        ToChild::Penalise { connection } => Order::Penalise { connection },
        ToChild::Marks => Order::Marks { fd: fd? },
        ToChild::PipeAdd { .. } | ToChild::PageAdd { .. } | ToChild::PageDrop { .. } | ToChild::Records { .. } => {
            return None;
        }
    })
}

impl Server {
    /// Follows what start says, as far as one turn goes.
    pub(crate) fn obey(&mut self) -> Result<(), End> {
        for _ in 0..READ_TURN_MAX {
            match next(&self.start).map_err(|why| End::Failed(why.to_owned()))? {
                Some(order) => self.follow(order)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn follow(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Drain => self.drain(),
            Order::LaneAdd { lane, connections_max, known, fd } => self.add_lane(lane, connections_max, known, fd)?,
            Order::LaneDrain { lane } => self.lanes.drain(lane),
            Order::Listen { listener, generation, fd } => {
                let known = self.leaving_until_ms.is_none() && self.door.listener(listener).is_some();
                if !known || !self.listeners.add(&self.turn, fd, listener, generation) {
                    fosse_die::alert(PROGRAM, format_args!("listener={listener} generation={generation} unusable"));
                }
            }
            Order::Addresses { listener, generation, fd } => self.replace_list(listener, generation, fd),
            Order::Penalise { connection } => self.penalise(connection),
            Order::Marks { fd } => self.take_marks(fd),
        }
        Ok(())
    }

    fn add_lane(&mut self, lane: u32, connections_max: u32, known: bool, fd: OwnedFd) -> Result<(), End> {
        if !self.lanes.add(lane, connections_max) {
            return Err(End::Failed(format!("start sent lane {lane}, which is known or one too many")));
        }
        if let Err(errno) = self.channels.add(&self.turn, lane, fd) {
            self.lanes.remove(lane);
            fosse_die::alert(PROGRAM, format_args!("lane={lane} unusable: {errno}"));
            return Ok(());
        }
        if known && self.channels.ask(lane) {
            self.listing.insert(lane);
            self.listing_until_ms = self.turn.now_ms().saturating_add(LIST_WAIT_MS);
        }
        Ok(())
    }

    /// A list that cannot be read changes nothing: the old one stays in force.
    fn replace_list(&mut self, listener: u16, generation: u32, fd: OwnedFd) {
        let now_ms = self.turn.now_ms();
        let image = fosse_sys::blob::map(fd, fosse_cidr::IMAGE_BYTES_MAX).map_err(|error| error.to_string());
        let replaced = image.and_then(|image| {
            self.door.replace(listener, generation, image, now_ms).map_err(|error| error.to_string())
        });
        if let Err(error) = replaced {
            fosse_die::alert(PROGRAM, format_args!("addresses listener={listener} generation={generation}: {error}"));
        }
    }

    fn penalise(&mut self, id: u64) {
        let Some(connection) = self.connections.find(id) else { return };
        let Some(mark) = self.door.penalise(&connection, self.turn.now_ms()) else { return };
        // start keeps it for the accept that comes after this one.
        answer(&self.start, ToStart::Marked(mark));
        if mark.penalised {
            fosse_die::warning(PROGRAM, format_args!("connection={id} second death from its source, penalised"));
        }
    }

    /// What earlier accepts remembered of sources.
    fn take_marks(&mut self, fd: OwnedFd) {
        let now_ms = self.turn.now_ms();
        let bytes = match fosse_sys::blob::read(fd, DEATHS_COUNT_MAX.saturating_mul(MESSAGE_BYTES)) {
            Ok(bytes) => bytes,
            Err(error) => return fosse_die::alert(PROGRAM, format_args!("marks: {error}")),
        };
        for message in bytes.chunks(MESSAGE_BYTES) {
            if let Ok(ToStart::Marked(mark)) = ToStart::decode(message) {
                self.door.restore(mark, now_ms);
            }
        }
    }

    /// Takes nobody in any more. Lanes and listening sockets live on in start, which gives them to the next accept.
    fn drain(&mut self) {
        self.leaving_until_ms = Some(self.turn.now_ms().saturating_add(LEAVE_MS));
        self.counters.set(fosse_counters::DRAINING, 1);
        self.listeners.close(&self.turn);
    }
}
